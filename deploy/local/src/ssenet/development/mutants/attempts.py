"""Runs tests with a change planted, each time in a process of its own, and leaves nothing of them."""

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

import psutil

from ssenet.development.mutants.held_by import Held, arguments
from ssenet.development.mutants.planting import Mutant, plant
from ssenet.project import ROOT

_LOADED_ONCE: Final = (
    *(
        "alembic",
        "asyncpg",
        "babel",
        "fastapi",
        "httpx",
        "hypothesis",
        "jinja2",
        "nats",
        "opentelemetry.sdk.trace",
    ),
    *(
        "prometheus_client",
        "psutil",
        "pydantic_settings",
        "sqlalchemy.ext.asyncio",
        "structlog",
        "uvicorn",
        "yaml",
    ),
)
"""What the processes are forked with, for speed alone: libraries, and nothing that a change may be planted in."""
_MOST_MEMORY: Final = 4 * 1024**3
_SECONDS_TO_END: Final = 20.0


@dataclass(frozen=True)
class Change:
    """A change that can be planted: the `number`th of its module, which these tests hold."""

    held: Held
    module: str
    path: Path
    number: int
    mutant: Mutant

    def __str__(self) -> str:
        one = self.mutant
        return f"{self.path.relative_to(ROOT)}:{one.line} ({one.operator}) `{one.before}` -> `{one.after}`"


class Outcome(Enum):
    """What the tests said."""

    NOTICED = "noticed"
    TIMED_OUT = "timed out"
    UNNOTICED = "unnoticed"


@dataclass(frozen=True)
class Attempt:
    """Tests to be run, with a change or as ever, and the seconds after which they hang."""

    tests: tuple[str, ...]
    change: Change | None
    patience: float


@contextmanager
def folder_for_tests() -> Generator[Path]:
    """Give the tests a folder for what they leave, gone at the end with whatever still works in it."""
    with tempfile.TemporaryDirectory(prefix="ssenet-mutants-", ignore_cleanup_errors=True) as folder:
        try:
            yield Path(folder)
        finally:
            # Servers of tests that had to be killed.
            for process in psutil.process_iter(["cmdline"]):
                if any(folder in argument for argument in process.info["cmdline"] or ()):
                    process.kill()


def carry_out(attempts: Iterable[Attempt], folder: Path) -> Generator[tuple[Attempt, Outcome, float]]:
    """Run them, as many at a time as there are processors; says of each how it went, and the seconds it took."""
    # Hypothesis draws the same examples each time then, and remembers none.
    os.environ["CI"] = "true"
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(list(_LOADED_ONCE))
    coming = iter(attempts)
    going: dict[ForkServerProcess, tuple[Attempt, float]] = {}
    try:
        while True:
            for attempt in islice(coming, (os.cpu_count() or 1) - len(going)):
                process = forks.Process(target=_run_tests, args=(attempt, folder))
                process.start()
                going[process] = attempt, time.monotonic()
            if not going:
                return
            wait([process.sentinel for process in going], timeout=0.5)
            for process, (attempt, began) in list(going.items()):
                seconds = time.monotonic() - began
                if seconds > attempt.patience:
                    _end(process)
                    outcome = Outcome.TIMED_OUT
                elif process.is_alive():
                    continue
                else:
                    outcome = Outcome.NOTICED if process.exitcode else Outcome.UNNOTICED
                del going[process]
                yield attempt, outcome, seconds
    finally:
        for process in going:
            _end(process)


def _run_tests(attempt: Attempt, folder: Path) -> None:
    """Be the process of one attempt."""
    # Ctrl-C is for the one who started us; and what never ends may well collect something in each round.
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    os.chdir(ROOT)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    if attempt.change:
        plant(attempt.change.module, attempt.change.number)
    import pytest

    options = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    sys.exit(pytest.main([*options, *arguments(attempt.tests)]))


def _end(process: ForkServerProcess) -> None:
    if process.pid and process.is_alive():
        # Interrupted, pytest stops the servers it has started.
        os.kill(process.pid, signal.SIGINT)
        process.join(_SECONDS_TO_END)
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
