"""The forms a value may take by a JSON Schema: references followed, unions and `allOf` taken apart.

Only what a validator would check is left. Words (titles, descriptions, examples) are gone, and so are the
differences between two ways to write one thing: `const` and an enum of one, `anyOf` with null and a list of types,
a definition and the same object written in place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from contracts.gate.keywords import (
    KIND_OF,
    KINDS,
    ORDERLESS,
    Schema,
    family,
    is_of,
    is_word,
    key_of,
    kind_of,
)
from contracts.gate.merging import both


class UnreadableSchemaError(ValueError):
    """The schema refers to something that is not in it."""


@dataclass(frozen=True)
class Form:
    """One kind of value and the rules it keeps, or the few values it is one of."""

    kind: str
    rules: Schema = field(default_factory=dict[str, Any])
    values: tuple[Any, ...] | None = None
    exclusive: bool = False
    """Whether it is a branch of a `oneOf` that another branch may accept too."""

    def of_value(self, value: Any) -> "Form":
        """Give the rules that this form has for one of its values."""
        kind = kind_of(value)
        return Form(kind, _of_kind(kind, self.rules))

    def rule(self, keyword: str, default: Any = None) -> Any:
        return self.rules.get(keyword, default)


class Document:
    """One schema with its definitions."""

    def __init__(self, root: Schema) -> None:
        self.root = root

    def forms(self, schema: Schema | bool) -> tuple[Form, ...]:  # noqa: FBT001 - `true` is a JSON Schema
        """Give every form a value may take; none when nothing is accepted."""
        return tuple(self._forms(schema))

    def _forms(self, schema: Schema | bool) -> Iterator[Form]:  # noqa: FBT001
        if isinstance(schema, bool):
            yield from (Form(kind) for kind in KINDS) if schema else ()
            return
        flat = self.flat(schema)
        for union in ("anyOf", "oneOf"):
            if union in flat:
                rest = {key: value for key, value in flat.items() if key != union}
                yield from self._of_branches(rest, flat[union], exclusive=union == "oneOf")
                return
        yield from _simple_forms(flat)

    def _of_branches(self, rest: Schema, branches: Sequence[Schema], *, exclusive: bool) -> Iterator[Form]:
        found = [self.forms(both(rest, self.flat(branch))) for branch in branches]
        overlapping = exclusive and not self._disjoint(found)
        for form in (form for forms in found for form in forms):
            yield Form(form.kind, form.rules, form.values, form.exclusive or overlapping)

    def flat(self, schema: Schema | bool) -> dict[str, Any]:  # noqa: FBT001
        """Follow the reference of a schema and put the parts of its `allOf` together."""
        if isinstance(schema, bool):
            return {} if schema else {"enum": []}
        flat = {key: value for key, value in schema.items() if key not in {"$ref", "allOf"}}
        if "$ref" in schema:
            flat = both(self.flat(self.at(schema["$ref"])), flat)
        for part in schema.get("allOf", ()):
            flat = both(flat, self.flat(part))
        return flat

    def at(self, reference: str) -> Schema:
        """Look up `#/$defs/Title`."""
        if not reference.startswith("#"):
            raise UnreadableSchemaError(f"{reference} leads out of the schema")
        target: Any = self.root
        for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            name = step.replace("~1", "/").replace("~0", "~")
            if name not in target:
                raise UnreadableSchemaError(f"{reference} leads nowhere")
            target = target[name]
        return target

    def default(self, schema: Schema) -> Any:
        """Give the default of a field, or `...` when the schema names none."""
        return self.flat(schema).get("default", ...)

    def said(self, value: Any) -> str:
        """Write a part of the schema so that two that say the same are equal, and `1` is not `true`."""
        return key_of(self._canonical(value))

    def _canonical(self, value: Any, *, within: tuple[str, ...] = ()) -> Any:
        if isinstance(value, list):
            return [self._canonical(item, within=within) for item in cast("list[Any]", value)]
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        reference = fields.get("$ref")
        if isinstance(reference, str):
            if reference in within:
                return {"$ref": within.index(reference)}
            rest = {key: item for key, item in fields.items() if key != "$ref"}
            return self._canonical(both(dict(self.at(reference)), rest), within=(*within, reference))
        return {
            key: self._canonical_part(key, item, within)
            for key, item in sorted(fields.items())
            if key == "default" or not is_word(key, item)
        }

    def _canonical_part(self, keyword: str, value: Any, within: tuple[str, ...]) -> Any:
        if keyword in _OF_NAMES:
            # Every name stays: a field may be called `title`.
            return {name: self._canonical(about, within=within) for name, about in sorted(value.items())}
        if keyword in ORDERLESS:
            return sorted((self._canonical(item, within=within) for item in value), key=key_of)
        return self._canonical(value, within=within)

    def _disjoint(self, branches: Sequence[Sequence[Form]]) -> bool:
        """Whether no value can be of two of the branches: by its kind, or by what a required field says."""
        return all(
            self._apart(one, other)
            for index, first in enumerate(branches)
            for second in branches[index + 1 :]
            for one in first
            for other in second
        )

    def _apart(self, one: Form, other: Form) -> bool:
        if one.values is not None and other.values is not None:
            return not set(map(key_of, one.values)) & set(map(key_of, other.values))
        if "values" in {one.kind, other.kind} or family(one.kind) == family(other.kind) != "object":
            return False
        if family(one.kind) != family(other.kind):
            return True
        tags = set(one.rule("required", ())) & set(other.rule("required", ()))
        return any(self._told_apart(one, other, tag) for tag in tags)

    def _told_apart(self, one: Form, other: Form, tag: str) -> bool:
        first, second = self._values_at(one, tag), self._values_at(other, tag)
        return first is not None and second is not None and first.isdisjoint(second)

    def _values_at(self, form: Form, name: str) -> frozenset[str] | None:
        """Give the few values a field has in this form, or nothing where it may have any."""
        forms = self.forms(form.rule("properties", {}).get(name, True))
        if any(each.values is None for each in forms):
            return None
        return frozenset(key_of(value) for each in forms for value in each.values or ())


_OF_NAMES: Final = frozenset(("dependentSchemas", "patternProperties", "properties"))


def _simple_forms(flat: Schema) -> Iterator[Form]:
    kinds = flat.get("type", KINDS)
    wanted: tuple[str, ...] = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if "const" in flat or "enum" in flat:
        values = flat.get("enum", [flat.get("const")])
        if "const" in flat:
            values = [value for value in values if key_of(value) == key_of(flat["const"])]
        rules = {
            key: value
            for key, value in flat.items()
            if key not in {"const", "enum", "type"} and not is_word(key, value)
        }
        yield from _forms_of_values([value for value in values if is_of(kind_of(value), wanted)], rules)
        return
    for kind in wanted:
        yield Form(kind, _of_kind(kind, flat))


def _forms_of_values(values: Sequence[Any], rules: Schema) -> Iterator[Form]:
    """An enum of null, or of both truths, is that kind."""
    whole = {"null": [None], "boolean": [True, False]}
    for kind, needed in whole.items():
        if all(any(value is each for value in values) for each in needed):
            yield Form(kind, _of_kind(kind, rules))
            values = [value for value in values if not any(value is each for each in needed)]
    if values:
        yield Form("values", rules, tuple(values))


def _of_kind(kind: str, rules: Schema) -> Schema:
    return {
        keyword: value
        for keyword, value in rules.items()
        if keyword != "type"
        and not is_word(keyword, value)
        and KIND_OF.get(keyword, family(kind)) == family(kind)
    }
