"""Tools of those who work on the code: the tests and the generated files."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from ssenet.folders import ROOT


def run_tests(arguments: Sequence[str]) -> NoReturn:
    """Become pytest, at the project's root."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pytest", *arguments])  # noqa: S606 - our own interpreter


def generate_contracts(*, check_only: bool) -> int:
    """Write what is generated from the contracts, or say whether it is up to date."""
    command = [sys.executable, "-P", "-m", "contracts.generate", *(["--check"] if check_only else [])]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
