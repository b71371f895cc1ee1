"""Tools of those who work on the code: the tests, the benchmarks and the generated files."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ssenet.project import ROOT

_MOST_PARTS = 4
"""A network and a browser in each part take about a gigabyte."""


def run_tests(arguments: Sequence[str]) -> NoReturn:
    """Become pytest, at the project's root; the whole of the tests is shared out among the processors."""
    os.chdir(ROOT)
    # Each part starts servers of its own; for a chosen few that would take longer than the tests.
    shared_out = (
        [] if arguments else [f"--numprocesses={min(os.cpu_count() or 1, _MOST_PARTS)}", "--dist=loadfile"]
    )
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pytest", *shared_out, *arguments])  # noqa: S606 - our own interpreter
