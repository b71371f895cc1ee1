"""The first event of a partner's system, in four languages of its own: programs that run as they stand.

The page and the guide show these files, and the tests run them, so what is shown is what works. None needs more than
its language brings along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

KEY = "sse_..."


@dataclass(frozen=True)
class Example:
    """One program: how it is called, and how a shell makes and runs it."""

    language: str
    needs: str
    command: str


def exports(url: str) -> str:
    """What every example is told by its environment."""
    return f"export URL={url}\nexport KEY={KEY}\n"


@cache
def first_event() -> Mapping[str, Example]:
    """Every example by its language's short name, the one that needs the least first."""
    return {
        "curl": Example("curl", "", _source("send.sh")),
        "python": Example("Python", "Python 3.8+", _written("send.py", "python3 send.py")),
        "node": Example("Node.js", "Node.js 18+", _written("send.mjs", "node send.mjs")),
        "java": Example("Java", "Java 17+", _written("Send.java", "java Send.java")),
    }


def _written(name: str, run: str) -> str:
    return f"cat > {name} <<'END'\n{_source(name)}END\n{run}\n"


def _source(name: str) -> str:
    return (files("gateway.partners") / "examples" / f"{name}.txt").read_text(encoding="utf-8")
