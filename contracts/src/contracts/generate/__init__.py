"""Writes what is generated from the event classes, or says what no longer agrees with them.

`python -m contracts.generate` writes; with `--check` it changes nothing and exits with 1 when a file is
stale; with `--code-lists` it first takes countries and languages anew from CLDR (needs Babel).
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from contracts.catalogue import EVENTS, PARTNER_EVENTS
from contracts.generate.asyncapi import asyncapi_text
from contracts.generate.code_lists import write_from_cldr
from contracts.generate.page import page_text
from contracts.generate.text import json_text
from contracts.generate.topology import read_topology
from contracts.schema import schemas

HOME: Final = Path(__file__).parents[3]
"""The `contracts/` folder of the checkout: generated files live beside the package, not in it."""

SERVED: Final = "src/contracts/served"
_LINK_OUTWARDS: Final = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")
COMMAND: Final = "./ssenet contracts generate"
VERSION: Final = "1.0.0"


def generated(home: Path = HOME) -> Mapping[str, str]:
    """Give the text of every generated file by its path under `contracts/`."""
    topology = read_topology(home.parent / "deploy" / "nats" / "services")
    files = {f"schemas/{name}": json_text(schema) for name, schema in schemas().items()}
    files["asyncapi.yaml"] = asyncapi_text(topology, version=VERSION)
    # Beside the package they are to be read; within it they go wherever it is installed, and are served to partners.
    files[f"{SERVED}/asyncapi.yaml"] = files["asyncapi.yaml"]
    # What it links to beside the contracts is not served with it.
    changes = (home / "CHANGELOG.md").read_text(encoding="utf-8")
    files[f"{SERVED}/CHANGELOG.md"] = _LINK_OUTWARDS.sub(r"\1", changes)
    files["CATALOGUE.md"] = page_text(topology, _examples(home / "examples"))
    return files | dict(_partner_examples())


def stale(home: Path = HOME) -> list[str]:
    """Name the files that differ from what would be generated now, are missing, or have no event any more."""
    wanted = generated(home)
    differing = [name for name, text in wanted.items() if _text_of(home / name) != text]
    return sorted([*differing, *_orphans(home, wanted)])


def write(home: Path = HOME) -> list[str]:
    """Bring every generated file up to date and name those that changed."""
    changed = stale(home)
    wanted = generated(home)
    for name in changed:
        path = home / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit with 1 when a file is stale"
    )
    parser.add_argument(
        "--code-lists", action="store_true", help="take countries and languages anew from CLDR"
    )
    chosen = parser.parse_args(arguments)
    if not (HOME / "pyproject.toml").is_file():
        sys.stderr.write("Run this in a checkout: an installed package has no generated files beside it.\n")
        return 2
    if chosen.check:
        return _check()
    if chosen.code_lists:
        write_from_cldr(HOME / "src" / "contracts" / "data")
    changed = write()
    sys.stdout.write(
        "".join(f"wrote contracts/{name}\n" for name in changed) or "Everything is up to date.\n"
    )
    return 0


def _check() -> int:
    files = stale()
    if not files:
        sys.stdout.write("Everything generated from the contracts is up to date.\n")
        return 0
    names = "".join(f"  contracts/{name}\n" for name in files)
    sys.stderr.write(
        f"These files no longer agree with the event classes:\n{names}Run {COMMAND} and commit them.\n"
    )
    return 1


def _orphans(home: Path, wanted: Mapping[str, str]) -> list[str]:
    patterns = ("schemas/*.json", "examples/partner.*/*.json")
    present = (path.relative_to(home).as_posix() for pattern in patterns for path in home.glob(pattern))
    return [name for name in present if name not in wanted]


def _partner_examples() -> Iterator[tuple[str, str]]:
    """The examples that stand in their classes; those of the other events are written by hand."""
    for event_type, event in PARTNER_EVENTS.items():
        for example in event.examples:
            yield f"examples/{event_type}/{example.name}.json", example.text(event_type)


def _examples(folder: Path) -> Mapping[str, Sequence[str]]:
    by_hand = {
        event_type: sorted(path.name for path in (folder / event_type).glob("*.json"))
        for event_type in EVENTS
        if event_type not in PARTNER_EVENTS
    }
    in_classes = {
        event_type: sorted(f"{example.name}.json" for example in event.examples)
        for event_type, event in PARTNER_EVENTS.items()
    }
    return by_hand | in_classes


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
