"""What changed between a published edition of an event and its class of today, and whom it would hurt.

Full compatibility: readers of the edition understand what is written from now on, and readers of today understand
what was written under the edition. Pure; `editions` keeps the history that this is asked about.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.gate.forms import Document, Form
from contracts.gate.keywords import Schema
from contracts.gate.reading import CLOSED, Finding, Path, Side, findings_of

OLD, NEW = "old", "new"


class Effect(StrEnum):
    """Whom a change hurts."""

    NOBODY = "nobody"
    OLD_READERS = "old readers"
    """They are still running, or come back from a week offline, and refuse what is written from now on."""
    NEW_READERS = "new readers"
    """They refuse what is stored, waits in a stream, or is sent by someone who has not changed yet."""
    EVERYONE = "everyone"
    """Nobody refuses it, and not everybody understands the same."""


@dataclass(frozen=True)
class Change:
    """One difference: the field (`figures[].value`), the rule it is about, and the sentence for a person."""

    field: str
    rule: str
    reason: str
    effect: Effect

    @property
    def breaks(self) -> bool:
        return self.effect is not Effect.NOBODY

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


def compare(published: Schema, current: Schema, *, is_latest: bool = True) -> list[Change]:
    """List every difference that a reader or writer could notice, in the order of the fields.

    With `is_latest` a field that goes while its twin comes is taken for a rename: between the latest edition and
    today nothing else can have happened, and whoever reads the old name would find nothing under it.
    """
    old, new = Document(published), Document(current)
    forward = findings_of(Side(new, "new events"), Side(old, "old readers"))
    backward = findings_of(Side(old, "old events"), Side(new, "new readers"))
    come, gone = _without_harm(forward, backward), _without_harm(backward, forward)
    renamed = dict(_renames(come, gone, old, new)) if is_latest else {}
    changes = [
        *_identity(published, current),
        *_breaks(forward, Effect.OLD_READERS),
        *_breaks(backward, Effect.NEW_READERS),
        *(Change(_field(path), "field", "is new and optional", Effect.NOBODY) for path in come),
        *(renamed.get(path, _gone(path)) for path in gone),
    ]
    return sorted(set(changes), key=lambda change: (change.field, change.effect, change.rule, change.reason))


def unlike(written: Schema, read: Schema) -> list[Change]:
    """List where a class writes something else than it reads: a field more, a field fewer, another form of one."""
    if written == read:
        return []
    writer = Side(Document(written), "events as they are written")
    reader = Side(Document(read), "readers of the schema")
    reasons = {
        finding.path: "the schema names it, and it is not always written"
        for finding in findings_of(reader, writer)
        if finding.code == "field"
    } | {
        finding.path: finding.reason if finding.breaks else "it is written, and the schema does not name it"
        for finding in findings_of(writer, reader)
    }
    return [
        Change(_field(path), "written", reason, Effect.EVERYONE) for path, reason in sorted(reasons.items())
    ]


def are_equal(published: Schema, current: Schema) -> bool:
    """Whether they differ in nothing but words."""
    # Not by `==`, which takes `1` for `true`.
    return json.dumps(published) == json.dumps(current) or _said(published) == _said(current)


def _said(schema: Schema) -> object:
    return Document(schema).said(dict(schema)), schema.get("$id"), schema.get("$schema")


def _identity(published: Schema, current: Schema) -> Iterator[Change]:
    for keyword, rule in (("$id", "dataschema"), ("$schema", "$schema")):
        if published.get(keyword) != current.get(keyword):
            reason = (
                f"the schema is {current.get(keyword)} now, and was published as {published.get(keyword)}"
            )
            yield Change(rule, rule, reason, Effect.OLD_READERS)


def _breaks(findings: Sequence[Finding], hurt: Effect) -> Iterator[Change]:
    for finding in findings:
        if not finding.breaks or (finding.code == CLOSED and hurt is Effect.OLD_READERS):
            continue
        effect = Effect.EVERYONE if finding.code == "default" else hurt
        yield Change(_field(finding.path), finding.code, finding.reason, effect)


def _without_harm(findings: Sequence[Finding], others: Sequence[Finding]) -> list[Path]:
    """The fields that one side alone has, and the other does without."""
    needed = {finding.path for finding in (*findings, *others) if finding.breaks}
    return [finding.path for finding in findings if not finding.breaks and finding.path not in needed]


def _gone(path: Path) -> Change:
    return Change(_field(path), "field", "was optional and is gone", Effect.NOBODY)


def _renames(
    come: Sequence[Path], gone: Sequence[Path], old: Document, new: Document
) -> Iterator[tuple[Path, Change]]:
    for path in gone:
        twins = [each for each in come if each[:-1] == path[:-1] and _at(new, each) == _at(old, path)]
        if twins:
            names = " or ".join(_field(twin) for twin in twins)
            reason = (
                f"it goes while {names} comes, the same in all but its name: who reads one name finds nothing under "
                "the other. Keep both for one publication; take the old one out afterwards"
            )
            yield path, Change(_field(path), "rename", reason, Effect.EVERYONE)


_ROOT: Final = "the event itself"


def _field(path: Path) -> str:
    name = ".".join(path).replace(".[", "[")
    return name or _ROOT


def _at(document: Document, path: Path) -> object:
    """Give what is said of a field, wherever on the way to it a reference or a union stands."""
    schemas: list[Schema] = [document.root]
    for step in path:
        forms = [form for schema in schemas for form in document.forms(schema)]
        found = [_below(form, step) for form in forms]
        schemas = [schema for schema in found if schema is not None]
    return [document.said(schema) for schema in schemas]


def _below(form: Form, step: str) -> Schema | None:
    if step == "[]":
        return form.rule("items")
    if step == "*":
        return form.rule("additionalProperties")
    return form.rule("properties", {}).get(step)
