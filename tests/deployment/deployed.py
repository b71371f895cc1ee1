"""The server deployment as compose would see it, with secrets made for these tests alone."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Fill `${NAME}`, `${NAME:-default}` and `${NAME:?why}` in, the way compose does."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if name in variables:
            return variables[name]
        assert kind == "-", f"{name} must be set: {rest}"
        return rest

    return VARIABLE.sub(value, text)


@dataclass(frozen=True)
class Deployment:
    """The compose file and the folder of secrets it is used with."""

    document: Mapping[str, Any]
    secrets: Path

    @property
    def services(self) -> Mapping[str, Any]:
        return self.document["services"]

    @property
    def running(self) -> Mapping[str, Any]:
        """What `docker compose up` starts: everything but the tools."""
        return {name: one for name, one in self.services.items() if "profiles" not in one}

    @property
    def variables(self) -> Mapping[str, str]:
        return {"SSENET_SECRETS": str(self.secrets), "SSENET_PUBLIC_URL": "https://network.example.org"}

    def environment(self, service: str) -> dict[str, str]:
        """Every variable the service's container is given, from its files and the compose file itself."""
        described = self.services[service]
        told: dict[str, str] = {}
        for file in described.get("env_file", []):
            path = Path(interpolated(file["path"], self.variables))
            assert path.exists(), f"{service} reads {path.name}, which deploy/prepare.py does not write"
            told |= {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
        given = described.get("environment", {})
        return told | {name: interpolated(str(value), self.variables) for name, value in given.items()}


def prepare(folder: Path) -> str:
    """Run deploy/prepare.py as an operator would."""
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / "deploy" / "prepare.py"), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
