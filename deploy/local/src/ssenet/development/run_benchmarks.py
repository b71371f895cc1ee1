"""`bench`: the benchmarks, in a process of their own."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def run_benchmarks(names: Sequence[str], *, json: bool, quick: bool) -> NoReturn:
    """Become the benchmarks, in a process that has loaded nothing else."""
    options = [option for option, wanted in (("--json", json), ("--quick", quick)) if wanted]
    command = [sys.executable, "-P", "-m", "benchmarks", *names, *options]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter
