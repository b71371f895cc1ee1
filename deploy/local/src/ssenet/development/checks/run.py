"""`check`: everything that can be found out without running the network, each with a line of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from ssenet.development.checks.lock_file import lock_faults
from ssenet.project import ROOT, SERVICES


@dataclass(frozen=True)
class Check:
    """One check; it returns what is wrong, and nothing when all is well."""

    name: str
    run: Callable[[], str]


@dataclass(frozen=True)
class Outcome:
    name: str
    fault: str
    seconds: float


def tool(*arguments: str) -> Callable[[], str]:
    """A tool of the environment, run at the root by our own interpreter; its output is the fault when it fails."""

    def run() -> str:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip() or "failed without a word" if done.returncode else ""

    return run


def found(look: Callable[[], Iterable[str]]) -> Callable[[], str]:
    """A check of our own, which yields what is wrong line by line."""
    return lambda: "\n".join(look())


def all_checks() -> list[Check]:
    """What `check` runs; the longest first, so that the whole takes no longer than need be."""
    return [
        Check("types (pyright, strict)", tool("-m", "pyright")),
        Check(
            "imports (import contracts)",
            tool("-c", "from importlinter.cli import lint_imports_command as run; run()"),
        ),
        Check("generated files are up to date", tool("-m", "ssenet", "contracts", "generate", "--check")),
        Check("partner events are whole", tool("-m", "ssenet.development.checks.partner_events")),
        Check("contracts keep what was published", found(_contracts)),
        Check("catalogues are complete in four languages", found(_catalogues)),
        Check("compose file", found(_compose)),
        Check("lint (ruff)", tool("-m", "ruff", "check", "--quiet", "--output-format", "concise")),
        Check("format (ruff)", tool("-m", "ruff", "format", "--check", "--quiet")),
        Check("lock file fits the packages", found(lambda: lock_faults(ROOT))),
    ]


def run_checks(checks: Sequence[Check] | None = None) -> int:
    """Run them all, two at a time; prints each outcome as it comes, and returns 1 if anything is wrong."""
    console = Console(soft_wrap=True, highlight=False)
    failed: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = [pool.submit(_timed, check) for check in checks or all_checks()]
        for done in as_completed(running):
            outcome = done.result()
            mark = "[red]failed[/]" if outcome.fault else "[green]ok    [/]"
            console.print(f"{mark}  {outcome.name} [dim]({outcome.seconds:.1f} s)[/]")
            if outcome.fault:
                failed.append(outcome.name)
                for line in outcome.fault.splitlines():
                    console.print(f"        {escape(line)}")
    console.print(f"[bold red]{len(failed)} failed.[/]" if failed else "[bold green]All checks passed.[/]")
    return 1 if failed else 0


def _timed(check: Check) -> Outcome:
    began = time.monotonic()
    try:
        fault = check.run()
    except Exception as error:  # noqa: BLE001 - what keeps one check from looking must not keep the others
        fault = f"It could not look: {type(error).__name__}: {error}"
    return Outcome(check.name, fault, time.monotonic() - began)


def _catalogues() -> Iterable[str]:
    from contracts.checks import MESSAGES
    from gateway.members.pages import request_layout
    from ssenet.development.checks.catalogues import Elsewhere, catalogue_faults

    # What stands in the contracts, and the gateway shows: what the edge checks find, and how events read.
    shown = {
        text: Elsewhere(f"what a partner is told as {code}", "problems.po") for code, text in MESSAGES.items()
    } | {text: Elsewhere(what, "messages.po") for text, what in request_layout.messages().items()}
    for name in SERVICES:
        package = ROOT / "services" / name / "src" / name
        # Only the services that speak to people have catalogues.
        if (package / "locales").exists():
            yield from catalogue_faults(package, also=shown if name == "gateway" else {})


def _contracts() -> Iterable[str]:
    from contracts.gate.checkout import faults_of_checkout

    return faults_of_checkout()


def _compose() -> Iterable[str]:
    from ssenet.development.checks.compose_file import compose_faults

    return compose_faults(ROOT / "compose.yaml")
