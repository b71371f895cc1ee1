"""`contracts generate`: what is generated from the events, and from what the services hear of them."""

import subprocess
import sys

from ssenet.development import generate_topology
from ssenet.project import ROOT


def generate_contracts(*, check_only: bool) -> int:
    """Write the durables, then what the contracts generate, which says who hears; or say what is not up to date."""
    if check_only:
        faults = generate_topology.lost() or [
            f"{name} does not say what the subscribers hear. Run ./ssenet contracts generate and commit it."
            for name in generate_topology.stale()
        ]
        sys.stderr.write("".join(f"{fault}\n" for fault in faults))
        return _run("--check") or int(bool(faults))
    sys.stdout.write("".join(f"wrote {name}\n" for name in generate_topology.write()))
    sys.stdout.flush()
    return _run()


def _run(*options: str) -> int:
    command = [sys.executable, "-P", "-m", "contracts.generate", *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
