"""The published editions of every contract: what was recorded, when, and that nobody changed it since.

An edition is the schema of an event as it stood when it was published, in `published/<type>/<n>.json`; a new one is
recorded when something is added to the event or taken out. `published/lock.json` holds the digest of each, of every
example that was published with it, and of every version of a code list. Nothing here is ever changed, only added to,
and only by `record`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from contracts.gate.keywords import Schema

PUBLISHED: Final[Traversable] = files("contracts").joinpath("published")
"""Part of the package, so that a service finds it wherever it runs."""

LOCK: Final = "lock.json"
CODE_LISTS: Final = "code_lists"
LIST_VERSIONS: Final = "code_list_versions"


class HistoryChangedError(Exception):
    """What was published is not what stands there now."""


@dataclass(frozen=True)
class Edition:
    """One published form of an event."""

    type: str
    number: int
    published: date
    digest: str
    text: str

    @cached_property
    def schema(self) -> Schema:
        return json.loads(self.text)

    def __str__(self) -> str:
        return f"edition {self.number} (published {self.published})"


@dataclass(frozen=True)
class Published:
    """Everything that was published of one event."""

    editions: tuple[Edition, ...]
    examples: Mapping[str, "PublishedExample"]
    retired: date | None = None

    @property
    def latest(self) -> Edition:
        return self.editions[-1]


@dataclass(frozen=True)
class PublishedExample:
    """An example as it stood when it was published, and with which edition that was."""

    edition: int
    digest: str


@dataclass(frozen=True)
class History:
    """All that was published: events by type, the codes of every list, and the digest of every version of it."""

    events: Mapping[str, Published]
    code_lists: Mapping[str, frozenset[str]]
    list_versions: Mapping[str, Mapping[int, str]]

    @property
    def in_force(self) -> Iterator[tuple[str, Published]]:
        """What may still come from a stream, a partner or an office, and must be understood."""
        return ((name, about) for name, about in self.events.items() if about.retired is None)


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def read_history(folder: Traversable = PUBLISHED) -> History:
    """Read all that was published; raises HistoryChangedError when it is not what was recorded."""
    lock = _lock_in(folder)
    faults: list[str] = []
    events: dict[str, Published] = {}
    for name, about in lock["events"].items():
        editions = [_edition(folder, name, line, faults) for line in about["editions"]]
        examples = {each: PublishedExample(**line) for each, line in about["examples"].items()}
        faults += _without_a_line(name, editions, examples)
        retired = date.fromisoformat(about["retired"]) if "retired" in about else None
        events[name] = Published(tuple(editions), MappingProxyType(examples), retired)
    codes = _text_of(folder.joinpath(f"{CODE_LISTS}.json"))
    if digest_of(codes) != lock[CODE_LISTS]:
        faults.append(f"{CODE_LISTS}.json")
    if faults:
        raise HistoryChangedError(
            f"These published contracts are not what was recorded in {LOCK}: {', '.join(faults)}. What is published "
            "is never changed: bring them back from the history of the project."
        )
    versions = {
        name: {int(number): line["sha256"] for number, line in recorded.items()}
        for name, recorded in lock.get(LIST_VERSIONS, {}).items()
    }
    return History(events, {name: frozenset(known) for name, known in json.loads(codes).items()}, versions)


def strays(folder: Path) -> list[str]:
    """Name the files that no line of the lock speaks of."""
    recorded = {
        f"{name}/{line['edition']}.json"
        for name, about in _lock_in(folder)["events"].items()
        for line in about["editions"]
    }
    present = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.json")}
    return sorted(present - recorded)


def record(
    folder: Path,
    *,
    schemas: Mapping[str, str],
    examples: Mapping[str, Mapping[str, str]],
    code_lists: Mapping[str, frozenset[str]],
    list_versions: Mapping[str, tuple[int, str]] = MappingProxyType({}),
    today: date,
) -> None:
    """Add an edition for each of the `schemas` (text by type), the new examples, codes and versions of lists."""
    lock = _lock_in(folder)
    for name, text in schemas.items():
        about = lock["events"].setdefault(name, {"editions": [], "examples": {}})
        number = max((line["edition"] for line in about["editions"]), default=0) + 1
        path = folder / name / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never over an edition that stands there, whatever the lock says.
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        about["editions"].append(
            {"edition": number, "published": today.isoformat(), "sha256": digest_of(text)}
        )
    for name, texts in examples.items():
        known = lock["events"][name]["examples"]
        edition = lock["events"][name]["editions"][-1]["edition"]
        known |= {
            each: {"edition": edition, "digest": digest_of(text)}
            for each, text in texts.items()
            if each not in known
        }
        lock["events"][name]["examples"] = dict(sorted(known.items()))
    _record_codes(folder, lock, code_lists)
    for name, (number, digest) in list_versions.items():
        known_versions = lock.setdefault(LIST_VERSIONS, {}).setdefault(name, {})
        known_versions.setdefault(str(number), {"published": today.isoformat(), "sha256": digest})
    _write_lock(folder, lock)


def retire(folder: Path, name: str, *, today: date) -> None:
    """Let the gate forget an event of which none is stored, sent or waiting anywhere any more."""
    lock = _lock_in(folder)
    lock["events"][name]["retired"] = today.isoformat()
    _write_lock(folder, lock)


def _record_codes(folder: Path, lock: dict[str, Any], code_lists: Mapping[str, frozenset[str]]) -> None:
    path = folder / f"{CODE_LISTS}.json"
    known: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name, codes in code_lists.items():
        known[name] = sorted({*known.get(name, ()), *codes})
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(codes)}" for name, codes in sorted(known.items()))
    text = f"{{\n{lines}\n}}\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    lock[CODE_LISTS] = digest_of(text)


def _lock_in(folder: Traversable) -> dict[str, Any]:
    path = folder.joinpath(LOCK)
    try:
        lock = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise HistoryChangedError(
            f"{PUBLISHED.name}/{LOCK} is not JSON ({error}). Where a merge left its marks, take the folder as it "
            "stands on main, and publish once more what came since."
        ) from error
    if not lock.get("events"):
        raise HistoryChangedError(
            f"{PUBLISHED.name}/{LOCK} names nothing that was published, or is missing. What is published is never "
            "changed: bring the folder back from the history of the project."
        )
    return lock


def _write_lock(folder: Path, lock: Mapping[str, Any]) -> None:
    ordered = {
        "events": dict(sorted(lock["events"].items())),
        CODE_LISTS: lock[CODE_LISTS],
        LIST_VERSIONS: dict(sorted(lock.get(LIST_VERSIONS, {}).items())),
    }
    text = json.dumps(ordered, ensure_ascii=False, indent=2) + "\n"
    (folder / LOCK).write_text(text, encoding="utf-8", newline="\n")


def _without_a_line(
    name: str, editions: Iterable[Edition], examples: Mapping[str, PublishedExample]
) -> list[str]:
    """Name the editions that must have been recorded: the first, and all that a later one or an example speaks of."""
    recorded = {each.number for each in editions}
    latest = max({1, *recorded, *(each.edition for each in examples.values())})
    return [f"{name}/{number}.json" for number in range(1, latest + 1) if number not in recorded]


def _edition(folder: Traversable, name: str, line: Mapping[str, Any], faults: list[str]) -> Edition:
    place = f"{name}/{line['edition']}.json"
    text = _text_of(folder.joinpath(name, f"{line['edition']}.json"))
    if digest_of(text) != line["sha256"]:
        faults.append(place)
        text = "{}"
    return Edition(name, line["edition"], date.fromisoformat(line["published"]), line["sha256"], text)


def _text_of(path: Traversable) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else "{}\n"
