"""How the contracts of today stand against everything that was published, and what to say about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contracts.gate.comparing import Change, are_equal, compare
from contracts.gate.editions import Edition, History, Published
from contracts.gate.keywords import Schema

ENVELOPE: Final = "envelope"
HOW_TO: Final = "docs/how-to/change-an-event.md"


class Status(StrEnum):
    """How one contract stands."""

    PUBLISHED = "published"
    """It is, but for words, its latest edition."""
    GROWN = "grown"
    """It differs from the latest edition in ways that hurt nobody, and is to be published."""
    NEW = "new"
    """Nothing of it was published yet."""
    BREAKING = "breaking"
    """Somebody who holds a published edition would misread it, or be misread."""
    GONE = "gone"
    """It was published, and there is no such event any more."""


@dataclass(frozen=True)
class Verdict:
    """One contract against each of its editions, the latest last; editions without a difference are left out."""

    type: str
    status: Status
    changes: Mapping[Edition, tuple[Change, ...]]
    unlike: tuple[Change, ...] = ()
    """Where the class writes something else than the schema says."""
    unrecorded: tuple[str, ...] = ()
    """Examples that were not published yet."""

    @property
    def breaks(self) -> bool:
        return self.status in {Status.BREAKING, Status.GONE}

    @property
    def is_to_publish(self) -> bool:
        return self.status in {Status.GROWN, Status.NEW} or bool(self.unrecorded)

    def breaking(self) -> Iterator[tuple[Edition, tuple[Change, ...]]]:
        """The editions that are broken, with what breaks them."""
        for edition, changes in self.changes.items():
            if hurting := tuple(change for change in changes if change.breaks):
                yield edition, hurting

    def rows(self) -> Iterator[tuple[Edition | None, Change]]:
        """Every difference, with the edition it is from; those from the schema of today come last."""
        for edition, changes in self.changes.items():
            yield from ((edition, change) for change in changes)
        yield from ((None, change) for change in self.unlike)

    @property
    def way_out(self) -> str:
        """What to do about a break."""
        return _way_out(self)

    def __str__(self) -> str:
        if self.status is Status.GONE:
            return f"{self.type} was published and has no class any more.\n  {self.way_out}"
        lines = [
            line
            for edition, changes in self.breaking()
            for line in (f"{self.type} breaks {edition}:", *(f"  {change}" for change in changes))
        ]
        if self.unlike:
            lines += [
                f"{self.type} is not written as it is read:",
                *(f"  {change}" for change in self.unlike),
            ]
        return "\n".join([*lines, f"  {self.way_out}"])


def judge(
    schemas: Mapping[str, Schema], unlike: Mapping[str, Sequence[Change]], history: History
) -> list[Verdict]:
    """Compare every contract, by type, with every edition of it that was published.

    One whose class writes something else than the schema says, which is `unlike` it, breaks as well.
    """
    verdicts = [
        _verdict(name, schema, tuple(unlike.get(name, ())), history.events.get(name))
        for name, schema in schemas.items()
    ]
    gone = [Verdict(name, Status.GONE, {}) for name, _ in history.in_force if name not in schemas]
    return sorted([*verdicts, *gone], key=lambda verdict: verdict.type)


def codes_gone(code_lists: Mapping[str, frozenset[str]], history: History) -> list[str]:
    """Say which published codes are in no list any more; a list may grow, for an event names its codes by shape."""
    return [
        f"code list {name}: {', '.join(sorted(missing))} published, and not in it any more, while events "
        "that hold it may still be read.\n  Bring it back: a list only grows."
        for name, published in history.code_lists.items()
        if (missing := published - code_lists.get(name, frozenset()))
    ]


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict as programs read it."""
    return {
        "type": verdict.type,
        "status": verdict.status.value,
        "unpublished_examples": list(verdict.unrecorded),
        "changes": [
            {
                "edition": edition.number if edition else None,
                "field": change.field,
                "rule": change.rule,
                "reason": change.reason,
                "breaks": change.breaks,
                "hurts": change.effect.value,
            }
            for edition, change in verdict.rows()
        ],
    }


def _verdict(name: str, schema: Schema, unlike: tuple[Change, ...], published: Published | None) -> Verdict:
    latest = published.latest if published else None
    changes = {
        edition: tuple(compare(edition.schema, schema, is_latest=edition is latest))
        for edition in (published.editions if published else ())
        if not are_equal(edition.schema, schema)
    }
    if unlike or any(change.breaks for found in changes.values() for change in found):
        status = Status.BREAKING
    elif latest is None:
        status = Status.NEW
    else:
        status = Status.GROWN if latest in changes else Status.PUBLISHED
    return Verdict(name, status, changes, unlike)


def _way_out(verdict: Verdict) -> str:
    name = verdict.type
    if verdict.status is Status.GONE:
        return f"Events of it may still be stored, sent or waiting: bring it back, or retire it once none is: {HOW_TO}"
    if verdict.unlike:
        return f"Leave it to the types: no excluded or computed field, no alias, no serializer: {HOW_TO}"
    if name == ENVELOPE:
        return "Every event of every version travels in the envelope: put it back, and add optional attributes only."
    stem, _, version = name.rpartition(".v")
    following = int(version) + 1
    _, noun, verb = stem.split(".")
    event = "".join(word.capitalize() for word in f"{noun}_{verb}".split("_"))
    return (
        f"A published version keeps its meaning: put it back as it was and make {event}V{following} "
        f"({stem}.v{following}), announced beside it: {HOW_TO}"
    )
