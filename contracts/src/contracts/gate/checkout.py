"""The gate over a checkout: what is to be published, whether the examples still hold, and the publishing itself.

A service needs none of this; `./ssenet contracts` and `./ssenet check` do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from contracts.catalogue import EVENTS
from contracts.gate import code_lists_of_today, schemas_of_today, unlike_of_today
from contracts.gate.comparing import Change
from contracts.gate.editions import (
    LOCK,
    PUBLISHED,
    History,
    HistoryChangedError,
    digest_of,
    read_history,
    record,
    retire,
    strays,
)
from contracts.gate.keywords import Schema
from contracts.gate.list_versions import (
    ListVersion,
    versions_not_raised,
    versions_of_today,
    versions_to_publish,
)
from contracts.gate.verdicts import Status, Verdict, codes_gone, judge
from contracts.generate.text import json_text
from contracts.testing import EXAMPLES, Golden, golden_events

FOLDER: Final = Path(str(PUBLISHED))
COMMAND: Final = "./ssenet contracts publish"


class PublishingRefusedError(Exception):
    """What stands here breaks what was published; nothing was recorded."""


@dataclass(frozen=True)
class Example:
    """One example, the edition it was published with, and what is wrong with it today."""

    golden: Golden
    edition: int | None
    fault: str = ""


@dataclass(frozen=True)
class Gate:
    """The contracts of today, the examples of today, and everything published so far."""

    schemas: Mapping[str, Schema]
    unlike: Mapping[str, Sequence[Change]]
    code_lists: Mapping[str, frozenset[str]]
    examples: Sequence[Golden]
    list_versions: Mapping[str, ListVersion]
    history: History
    folder: Path = FOLDER

    @classmethod
    def of_checkout(cls) -> "Gate":
        """Read it all; raises HistoryChangedError when the published files are not what was recorded."""
        schemas = schemas_of_today()
        unlike = unlike_of_today(schemas)
        return cls(
            schemas, unlike, code_lists_of_today(), golden_events(), versions_of_today(), read_history()
        )

    def verdicts(self) -> list[Verdict]:
        """Judge every contract, the examples that nobody published yet named with it."""
        return [
            replace(verdict, unrecorded=tuple(each.name for each in self._new_examples(verdict.type)))
            for verdict in judge(self.schemas, self.unlike, self.history)
        ]

    def breaks(self) -> list[str]:
        """Say everything that breaks what was published."""
        contracts = [str(verdict) for verdict in self.verdicts() if verdict.breaks]
        examples = [example.fault for example in self.examples_held() if example.fault]
        return [*contracts, *self.lists_broken(), *examples]

    def lists_broken(self) -> list[str]:
        """Say which code lists lost a code, or changed and kept their version."""
        return [
            *codes_gone(self.code_lists, self.history),
            *versions_not_raised(self.list_versions, self.history),
        ]

    def unpublished(self) -> list[str]:
        """Name what is to be published: new and grown contracts, new examples, new codes."""
        contracts = [
            f"{verdict.type}: {_what_is_new(verdict)}" for verdict in self.verdicts() if verdict.is_to_publish
        ]
        known = self.history.code_lists
        lists = [
            f"code list {name}: {', '.join(sorted(codes - known.get(name, frozenset())))}"
            for name, codes in self.code_lists.items()
            if codes - known.get(name, frozenset())
        ]
        return [*contracts, *lists, *versions_to_publish(self.list_versions, self.history)]

    def examples_held(self) -> Iterator[Example]:
        """Hold every example to today's class, and every published one to the form it was published in."""
        present = {(golden.type, golden.name): golden for golden in self.examples}
        for golden in self.examples:
            published = self.history.events.get(golden.type)
            about = published.examples.get(golden.name) if published else None
            changed = about is not None and about.digest != digest_of(golden.text)
            fault = _CHANGED.format(golden) if changed else _fault_of(golden)
            yield Example(golden, about.edition if about else None, fault)
        for name, published in self.history.in_force:
            for example, about in published.examples.items():
                if (name, example) not in present:
                    gone = Golden(name, example, "{}")
                    yield Example(gone, about.edition, _CHANGED.format(gone))

    def publish(self, *, today: date) -> list[str]:
        """Record what is new and say what it was; raises PublishingRefusedError, and records nothing, on a break."""
        if broken := [*_strays_in(self.folder), *self.breaks()]:
            raise PublishingRefusedError("\n".join(broken))
        new = self.unpublished()
        verdicts = self.verdicts()
        if new:
            record(
                self.folder,
                schemas={
                    verdict.type: json_text(self.schemas[verdict.type])
                    for verdict in verdicts
                    if verdict.status in {Status.NEW, Status.GROWN}
                },
                examples={
                    verdict.type: {each.name: each.text for each in self._new_examples(verdict.type)}
                    for verdict in verdicts
                    if verdict.unrecorded
                },
                code_lists=self.code_lists,
                list_versions={
                    name: (version.number, version.digest) for name, version in self.list_versions.items()
                },
                today=today,
            )
        return new

    def retire(self, name: str, *, today: date) -> None:
        """Let the gate forget an event whose class is gone; raises LookupError where there is nothing to forget."""
        if name not in self.history.events:
            raise LookupError(f"{name} was never published")
        if name in self.schemas:
            raise LookupError(f"{name} still has a class; take that out first")
        retire(self.folder, name, today=today)

    def _new_examples(self, name: str) -> list[Golden]:
        published = self.history.events.get(name)
        known = published.examples if published else {}
        return [golden for golden in self.examples if golden.type == name and golden.name not in known]


def faults_of_checkout() -> list[str]:
    """Say, for `./ssenet check`, what breaks what was published and what was not published yet."""
    try:
        gate = Gate.of_checkout()
    except HistoryChangedError as error:
        return [str(error)]
    if broken := gate.breaks():
        return broken
    new = gate.unpublished()
    return _strays_in(FOLDER) + (
        [*new, f"This is not published yet. Run {COMMAND} and commit what it writes."] if new else []
    )


_CHANGED: Final = (
    f"{EXAMPLES.name}/{{}}.json is not what was published: senders wrote it so, and it stays. Bring it back, and put "
    "what is new into an example of its own"
)


def _strays_in(folder: Path) -> list[str]:
    return [
        f"{FOLDER.name}/{name} has no line in {LOCK}, which {COMMAND} writes: take it away if it was never published, "
        f"or else bring {LOCK} back from the history of the project"
        for name in strays(folder)
    ]


def _fault_of(golden: Golden) -> str:
    if golden.type not in EVENTS:
        return f"{EXAMPLES.name}/{golden}.json is of no event"
    try:
        _ = golden.event
    except ValidationError as error:
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        return (
            f"{EXAMPLES.name}/{golden}.json is not read by {EVENTS[golden.type].__name__} any more: {places}"
        )
    return ""


def _what_is_new(verdict: Verdict) -> str:
    parts = ["new"] if verdict.status is Status.NEW else []
    if verdict.status is Status.GROWN:
        parts = [_differences(verdict)]
    if verdict.unrecorded:
        parts = [*parts, f"examples {', '.join(verdict.unrecorded)}"]
    return "; ".join(parts)


def _differences(verdict: Verdict) -> str:
    latest = list(verdict.changes.values())[-1]
    return ", ".join(str(change) for change in latest) or "said in another way"
