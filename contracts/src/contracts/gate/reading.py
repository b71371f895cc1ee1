"""Whether a reader of one schema understands everything a writer of another may write.

A writer writes the fields its schema names and no others; a reader passes over fields it does not know. So a field
that one side alone knows hurts nobody as long as it is optional. Everything else must be read as it was written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.gate.forms import Document, Form
from contracts.gate.keywords import BOUNDS, IN_WORDS, Schema, key_of, kind_of
from contracts.rules import unsaid

Path = tuple[str, ...]

CLOSED: Final = "closed"
"""The rule of an object that begins to refuse what it does not know; one that stops doing so hurts nobody."""


@dataclass(frozen=True)
class Finding:
    """Something the two sides do not share: in which field, what it is, and whether it hurts the reader."""

    path: Path
    code: str
    reason: str
    breaks: bool = True


@dataclass(frozen=True)
class Side:
    """A schema and what its users are called in a sentence."""

    document: Document
    name: str


def findings_of(writer: Side, reader: Side) -> list[Finding]:
    """List what the writer may write and the reader refuses or misunderstands, and what it passes over."""
    return _Reading(writer, reader).of(writer.document.root, reader.document.root, ())


class _Reading:
    """One comparison; it remembers what it is in the middle of, so that types that hold themselves come to an end."""

    def __init__(self, writer: Side, reader: Side) -> None:
        self.writer, self.reader = writer, reader
        self._under_way: set[tuple[str, str]] = set()

    def of(self, written: Schema | bool, read: Schema | bool, path: Path) -> list[Finding]:  # noqa: FBT001
        pair = (key_of(written), key_of(read))
        if pair in self._under_way:
            return []
        self._under_way.add(pair)
        try:
            forms = self.reader.document.forms(read)
            if any(form.exclusive for form in forms):
                return self._overlapping(written, read, path)
            found = [self._form(form, forms, path) for form in self.writer.document.forms(written)]
        finally:
            self._under_way.remove(pair)
        return list(dict.fromkeys(finding for findings in found for finding in findings))

    def _overlapping(self, written: Schema | bool, read: Schema | bool, path: Path) -> list[Finding]:  # noqa: FBT001
        """A value of two forms is refused where one alone may match: only the same union is surely read."""
        if self.writer.document.said(written) == self.reader.document.said(read):
            return []
        taken = "what is of one form alone, of several that overlap"
        return [Finding(path, "oneOf", f"{self.writer.name} have other forms, {self._take(taken)}")]

    def _form(self, written: Form, readers: tuple[Form, ...], path: Path) -> list[Finding]:
        """Find the form that reads this one best, and say what even that one does not take."""
        if written.values is not None:
            return self._values(written, readers, path)
        candidates = [read for read in readers if _may_read(read, written)]
        if not candidates:
            return [self._type_finding(written, readers, path)]
        found = [list(self._rules(written, read, path)) for read in candidates]
        return min(found, key=lambda findings: (sum(finding.breaks for finding in findings), len(findings)))

    def _type_finding(self, written: Form, readers: tuple[Form, ...], path: Path) -> Finding:
        holds = f"{self.writer.name} may hold"
        if written.kind == "null":
            return Finding(path, "null", f"{holds} null, {self._refuse()}")
        values = [value for form in readers for value in form.values or ()]
        if any(kind_of(value) == written.kind for value in values):
            return Finding(
                path, "enum", f"{holds} any {written.kind}, {self._take(f'only {_listed(values)}')}"
            )
        kinds = dict.fromkeys(
            [form.kind for form in readers if form.values is None] + list(map(kind_of, values))
        )
        taken = " or ".join(kinds) or "nothing at all"
        return Finding(path, "type", f"{holds} {written.kind} values, {self._take(taken)}")

    def _values(self, written: Form, readers: tuple[Form, ...], path: Path) -> list[Finding]:
        same = [read for read in readers if _listing(read) == _listing(written)]
        refused = [
            value for value in written.values or () if not any(_takes(form, value) for form in readers)
        ]
        if same or not refused:
            return []
        return [Finding(path, "enum", f"{self.writer.name} may hold {_listed(refused)}, {self._refuse()}")]

    def _rules(self, written: Form, read: Form, path: Path) -> Iterator[Finding]:
        for keyword in sorted((read.rules.keys() | written.rules.keys()) - _WITH_RULES_OF_THEIR_OWN):
            finding = self._rule(keyword, written, read, path)
            if finding is not None:
                yield finding
        if written.kind == "array":
            yield from self._array(written, read, path)
        elif written.kind == "object":
            yield from self._object(written, read, path)

    def _rule(self, keyword: str, written: Form, read: Form, path: Path) -> Finding | None:
        limit, has = (form.rule(keyword, unsaid(keyword, form.rules)) for form in (read, written))
        if limit is None:
            return None
        if keyword in BOUNDS:
            return (
                None if _within(keyword, written, limit) else self._bound_finding(keyword, has, limit, path)
            )
        if keyword == "multipleOf" and _is_multiple(has, limit):
            return None
        if self.writer.document.said(has) == self.reader.document.said(limit):
            return None
        word = IN_WORDS.get(keyword, keyword)
        other = f"no {word}" if has is None else f"the {word} {_shown(has)}"
        reason = f"{self.writer.name} keep to {other}, {self._take(f'the {word} {_shown(limit)} only')}"
        return Finding(path, keyword, reason)

    def _bound_finding(self, keyword: str, has: Any, limit: Any, path: Path) -> Finding:
        word = IN_WORDS.get(keyword, keyword)
        other = f"no {word}" if has is None else f"a {word} of {has}"
        return Finding(
            path, keyword, f"{self.writer.name} keep to {other}, {self._take(f'a {word} of {limit}')}"
        )

    def _array(self, written: Form, read: Form, path: Path) -> Iterator[Finding]:
        heads = written.rule("prefixItems", ()), read.rule("prefixItems", ())
        for index in range(max(map(len, heads))):
            one, other = (
                head[index] if index < len(head) else side.rule("items", default=True)
                for head, side in zip(heads, (written, read), strict=True)
            )
            yield from self.of(one, other, (*path, f"[{index}]"))
        yield from self.of(
            written.rule("items", default=True), read.rule("items", default=True), (*path, "[]")
        )

    def _object(self, written: Form, read: Form, path: Path) -> Iterator[Finding]:
        always = set(written.rule("required", ()))
        fields, known = _fields_of(written), _fields_of(read)
        if read.rule("additionalProperties") is False and "additionalProperties" not in written.rules:
            reason = f"{self.reader.name} refuse fields they do not know, so that none can be added any more"
            yield Finding(path, CLOSED, reason)
        for name in sorted(set(read.rule("required", ())) - always):
            lack = "may leave it out" if name in fields else "do not have it"
            reason = f"{self.reader.name} require it, and {self.writer.name} {lack}"
            yield Finding((*path, name), "required", reason)
        for name, about in fields.items():
            if name in known:
                yield from self.of(about, known[name], (*path, name))
                if name not in always and name not in read.rule("required", ()):
                    yield from self._default(about, known[name], (*path, name))
            else:
                yield from self._unknown(name, about, read, path)
        yield from self._other_names(written, read, path)

    def _unknown(self, name: str, about: Schema, read: Form, path: Path) -> Iterator[Finding]:
        """What the reader does with a field it has no name for."""
        matching = _by_pattern(read, name)
        others = read.rule("additionalProperties")
        if others is False and not matching:
            reason = f"{self.writer.name} have it, and {self.reader.name} refuse fields they do not know"
            yield Finding((*path, name), "additionalProperties", reason)
            return
        for schema in matching or ([others] if isinstance(others, dict) else []):
            yield from self.of(about, schema, (*path, name))
        yield Finding((*path, name), "field", f"{self.reader.name} pass over it", breaks=False)

    def _other_names(self, written: Form, read: Form, path: Path) -> Iterator[Finding]:
        """What the reader does with the names of a mapping, which the writer chooses."""
        matched = written.rule("patternProperties")
        if matched is not None and _said(self.writer, matched) != _said(
            self.reader, read.rule("patternProperties")
        ):
            reason = (
                f"{self.writer.name} may hold names by patterns that {self.reader.name} do not have alike"
            )
            yield Finding((*path, "*"), "patternProperties", reason)
        chosen, taken = written.rule("additionalProperties"), read.rule("additionalProperties")
        if chosen is None or chosen is False:
            return
        if taken is None or taken is False:
            verb = "pass over" if taken is None else "refuse"
            reason = f"{self.writer.name} may hold names of their own, which {self.reader.name} {verb}"
            yield Finding((*path, "*"), "additionalProperties", reason)
            return
        yield from self.of(chosen, taken, (*path, "*"))

    def _default(self, about: Schema, known: Schema, path: Path) -> Iterator[Finding]:
        """An event that leaves the field out must not say one thing to one reader and another to the next."""
        one, other = self.writer.document.default(about), self.reader.document.default(known)
        if one is other or (one is not ... and other is not ... and key_of(one) == key_of(other)):
            return
        means, otherwise = ("something unsaid" if each is ... else _shown(each) for each in (one, other))
        yield Finding(path, "default", f"left out it means {means} to one reader and {otherwise} to the next")

    def _take(self, what: str) -> str:
        return f"and {self.reader.name} take {what}"

    def _refuse(self) -> str:
        return f"which {self.reader.name} refuse"


_WITH_RULES_OF_THEIR_OWN: Final = frozenset(
    ("additionalProperties", "items", "patternProperties", "prefixItems", "properties", "required")
)

_COMPUTED: Final = frozenset(("maxLength", "minLength", "pattern", "x-code-list"))
"""Rules of a text that one value can be held to; whether a word is a URI is for the reader to say."""

_MOST_SHOWN: Final = 120
_CLOSE: Final = 1e-9


def _fields_of(form: Form) -> dict[str, Schema]:
    """Every field the form names; what is asked of it by the patterns that its name fits, is asked as well."""
    described: Mapping[str, Schema] = form.rule("properties", {})
    # One that is required and not described may hold anything.
    named = {name: {} for name in form.rule("required", ()) if name not in described} | dict(described)
    return {
        name: {"allOf": [about, *patterns]} if (patterns := _by_pattern(form, name)) else about
        for name, about in named.items()
    }


def _by_pattern(form: Form, name: str) -> list[Schema]:
    """What the form asks of a field by the patterns that its name fits."""
    patterns: Mapping[str, Schema] = form.rule("patternProperties", {})
    return [schema for pattern, schema in patterns.items() if re.search(pattern, name)]


def _said(side: Side, patterns: Mapping[str, Schema] | None) -> str:
    return side.document.said({"patternProperties": patterns or {}})


def _may_read(read: Form, written: Form) -> bool:
    return read.values is None and (
        read.kind == written.kind or (read.kind == "number" and written.kind == "integer")
    )


def _within(keyword: str, written: Form, limit: float) -> bool:
    """Whether what is written keeps the reader's bound, in whichever of its two spellings."""
    whole = 1 if written.kind == "integer" else 0
    match keyword:
        case "minimum":
            return _at_least(written.rule("minimum"), limit) or _at_least(
                written.rule("exclusiveMinimum"), limit - whole
            )
        case "exclusiveMinimum":
            least = written.rule("minimum")
            return _at_least(written.rule(keyword), limit) or (least is not None and least > limit)
        case "maximum":
            return _at_most(written.rule("maximum"), limit) or _at_most(
                written.rule("exclusiveMaximum"), limit + whole
            )
        case "exclusiveMaximum":
            most = written.rule("maximum")
            return _at_most(written.rule(keyword), limit) or (most is not None and most < limit)
        case _ if keyword.startswith("min"):
            return _at_least(written.rule(keyword), limit)
        case _:
            return _at_most(written.rule(keyword), limit)


def _at_least(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


def _at_most(value: float | None, limit: float) -> bool:
    return value is not None and value <= limit


def _is_multiple(value: Any, step: Any) -> bool:
    if not isinstance(value, (int, float)) or not isinstance(step, (int, float)):
        return False
    steps = value / step
    return abs(steps - round(steps)) < _CLOSE


def _listing(form: Form) -> str:
    return key_of([form.values, dict(form.rules)])


def _takes(form: Form, value: Any) -> bool:
    """Whether a form surely accepts this one value; what is not computed here is for the reader to say."""
    kind = kind_of(value)
    if form.values is not None:
        return key_of(value) in map(key_of, form.values) and _takes(form.of_value(value), value)
    if kind != form.kind and not (form.kind == "number" and kind == "integer"):
        return False
    if kind == "string":
        pattern = form.rule("pattern")
        fits = form.rule("minLength", 0) <= len(value) <= form.rule("maxLength", len(value))
        computed = form.rules.keys() <= _COMPUTED
        return fits and computed and (pattern is None or bool(re.search(str(pattern), value)))
    if kind in {"integer", "number"}:
        exactly = Form(kind, {"minimum": value, "maximum": value})
        return form.rules.keys() <= BOUNDS and all(
            _within(bound, exactly, limit) for bound, limit in form.rules.items()
        )
    return not form.rules


def _listed(values: list[Any]) -> str:
    return ", ".join(_shown(value) for value in values)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else key_of(value)
    quoted = f"'{text}'" if isinstance(value, str) else text
    return quoted if len(quoted) <= _MOST_SHOWN else f"{quoted[:_MOST_SHOWN]}…"
