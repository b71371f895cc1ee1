"""Does `uv.lock` know what the packages ask for? Installing trusts it unseen, so it must."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = re.compile(r"[A-Za-z0-9._-]+")


def lock_faults(root: Path) -> Iterator[str]:
    """Each difference between what a package asks for and what the lock holds for it; no network is needed."""
    lock = _toml(root / "uv.lock")
    workspace = _toml(root / "pyproject.toml")
    locked = {package["name"]: package for package in lock["package"]}
    for pattern in workspace["tool"]["uv"]["workspace"]["members"]:
        for folder in sorted(root.glob(pattern)):
            project = _toml(folder / "pyproject.toml")["project"]
            entry = locked.get(project["name"])
            if entry is None:
                yield f"{project['name']} is not in uv.lock; run `uv lock`"
                continue
            held = (one["name"] for one in entry.get("metadata", {}).get("requires-dist", []))
            yield from _differences(str(project["name"]), project.get("dependencies", []), held)
    for group, asked in workspace.get("dependency-groups", {}).items():
        held = (one["name"] for one in lock["manifest"].get("dependency-groups", {}).get(group, []))
        yield from _differences(f"group {group}", asked, held)


def _differences(whose: str, asked: Iterable[str], held: Iterable[str]) -> Iterator[str]:
    wanted, there = {_name(one) for one in asked}, {_name(one) for one in held}
    for name in sorted(wanted ^ there):
        yield f"{whose}: {name} is {'not in uv.lock' if name in wanted else 'in uv.lock only'}; run `uv lock`"


def _name(requirement: str) -> str:
    match = NAME.match(requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def _toml(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
