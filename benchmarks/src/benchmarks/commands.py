"""`./ssenet bench`: which benchmarks are taken, and what becomes of their figures."""

import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module

import uvloop
from rich.console import Console
from rich.markup import escape

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, as_json, show
from benchmarks.machine import machine_line
from benchmarks.site import scratch
from benchmarks.taking import Taking
from ssenet.processes.servers import ServerFailedError
from ssenet.project import ROOT

NAMES = ("relay", "apply", "flow", "peers", "trace", "recovery")
MISSED, FAILED = 1, 2


def main(names: Sequence[str], *, json: bool, quick: bool) -> int:
    """Take the benchmarks one after the other; 1 when a goal is missed, 2 when one could not be taken."""
    progress = Console(stderr=True, highlight=False)
    figures: list[Figure] = []
    failed = False
    with scratch(ROOT) as folder:
        progress.print(machine_line(folder))
        for name in names:
            tell = _teller(progress, name)
            taking = Taking(folder, tell, quick=quick)
            try:
                figures += uvloop.run(_take(name, taking))
            except Exception as error:  # noqa: BLE001 - whatever it is, the figures of the others shall be told
                figures += error.taken if isinstance(error, BenchmarkError) else ()
                tell(f"not taken: {_why(error)}")
                failed = True
    if json:
        print(as_json(figures))
    else:
        show(figures, Console(highlight=False))
    if failed:
        return FAILED
    return MISSED if any(one.ok is False for one in figures) else 0


def _why(error: Exception) -> str:
    """What a person needs: the message that was written for one, or where an unforeseen error came from."""
    if isinstance(error, BenchmarkError | ServerFailedError):
        return str(error)
    return "".join(traceback.format_exception(error))


async def _take(name: str, taking: Taking) -> list[Figure]:
    take: Callable[[Taking], Awaitable[list[Figure]]] = import_module(f"benchmarks.{name}").take
    return await take(taking)


def _teller(progress: Console, name: str) -> Callable[[str], None]:
    def tell(what: str) -> None:
        progress.print(f"[dim]{name}[/]  {escape(what)}", soft_wrap=True)

    return tell


def asked(arguments: Sequence[str]) -> tuple[list[str], bool, bool]:
    """The command line: names of benchmarks (all where there is none), and the two options."""
    names = [one for one in arguments if not one.startswith("--")]
    options = {one for one in arguments if one.startswith("--")}
    if unknown := (options - {"--json", "--quick"}) | (set(names) - set(NAMES)):
        sys.exit(f"ssenet: there is no {', '.join(sorted(unknown))}; benchmarks: {', '.join(NAMES)}")
    return names or list(NAMES), "--json" in options, "--quick" in options
