"""`contracts generate`: what is generated from the events."""

import subprocess
import sys

from ssenet.project import ROOT


def generate_contracts(*, check_only: bool) -> int:
    """Write what is generated from the contracts, or say whether it is up to date."""
    command = [sys.executable, "-P", "-m", "contracts.generate", *(["--check"] if check_only else [])]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
