"""Laws of the comparison, on schemas nobody thought of: what passes is read, and nothing differs from itself."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gate_schemas import EXAMPLES, SCHEMAS, VALUES, WHOLE, Node, accepts, as_written
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.gate.comparing import Effect, compare
from contracts.gate.forms import Document, Form
from contracts.gate.keywords import key_of
from contracts.gate.merging import both
from contracts.gate.reading import Side, findings_of

laws = settings(deadline=None, max_examples=EXAMPLES, database=None)


def breaks(written: Any, read: Any) -> bool:
    found = findings_of(Side(Document(written), "writers"), Side(Document(read), "readers"))
    return any(finding.breaks for finding in found)


@laws
@given(written=SCHEMAS, read=SCHEMAS)
@example(written={"enum": [1]}, read={"enum": [1], "maximum": 0})
@example(written={"const": 3}, read={"allOf": [{"enum": [1, 2]}, {"const": 3}]})
@example(written={"enum": [1]}, read={"allOf": [{"enum": [1]}, {"enum": [True]}]})
@example(written={"allOf": [{"enum": [2]}, {"enum": [2.0]}]}, read={"type": "array"})
@example(written={"oneOf": [WHOLE, WHOLE, {"enum": [False]}]}, read={"oneOf": [WHOLE, WHOLE, {"enum": [0]}]})
def test_what_passes_is_read(written: Node, read: Node) -> None:
    writer = Document(written)
    if breaks(written, read):
        return

    may_write, may_read = Draft202012Validator(written), Draft202012Validator(read)
    for value in VALUES:
        if may_write.is_valid(value) and as_written(writer, written, value):
            assert may_read.is_valid(value), value


@laws
@given(schema=SCHEMAS)
@example(schema={"enum": [1, 2], "multipleOf": 2})
def test_a_schema_breaks_nothing_of_itself(schema: Node) -> None:
    assert compare(schema, schema) == []


def _looser(schema: Node) -> Iterator[Node]:
    """Every schema that takes a little more than this one, by one of its rules."""
    for keyword, value in schema.items():
        rest = {key: item for key, item in schema.items() if key != keyword}
        match keyword:
            case "enum":
                yield {**rest, keyword: [*value, "more"]}
            case "anyOf":
                yield {**rest, keyword: [*value, {"const": "more"}]}
                for place, branch in enumerate(value):
                    before, after = value[:place], value[place + 1 :]
                    yield from ({**rest, keyword: [*before, one, *after]} for one in _looser(branch))
            case "items":
                yield from (rest, *({**rest, keyword: one} for one in _looser(value)))
            case "properties":
                for name, about in value.items():
                    yield from ({**rest, keyword: {**value, name: one}} for one in _looser(about))
            case "multipleOf" | "pattern" | "uniqueItems" | "required":
                yield rest
            case _ if moved := _STEPS.get(keyword):
                yield from (rest, {**rest, keyword: moved(value)})
            case _:
                pass


_STEPS: dict[str, Callable[[int], int]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum"), lambda value: value - 1),
    **dict.fromkeys(("minLength", "minItems"), lambda value: max(0, value - 1)),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), lambda value: value + 1),
}


@laws
@given(schema=SCHEMAS, data=st.data())
def test_a_reader_that_takes_more_in_one_of_its_rules_reads_all_that_was_written(
    schema: Node, data: st.DataObject
) -> None:
    # Forms that overlap, and names that a writer chooses, are read only as they are written.
    assume(not any(each in str(schema) for each in ("oneOf", "additionalProperties", "patternProperties")))
    looser = list(_looser(schema))
    assume(looser)

    read = data.draw(st.sampled_from(looser))

    assert all(after or not before for before, after in zip(accepts(schema), accepts(read), strict=True))
    assert not breaks(schema, read)


@laws
@given(one=SCHEMAS, other=SCHEMAS)
def test_what_hurts_old_readers_one_way_hurts_new_readers_the_other_way(one: Node, other: Node) -> None:
    mirrored = {Effect.OLD_READERS: Effect.NEW_READERS, Effect.NEW_READERS: Effect.OLD_READERS}

    there = {(change.field, change.rule, change.effect) for change in compare(one, other) if change.breaks}
    back = {
        (change.field, change.rule, mirrored.get(change.effect, change.effect))
        for change in compare(other, one)
        if change.breaks
    }

    # Nobody takes a field that goes for one that is renamed the other way, and what opens hurts nobody.
    one_way = {"rename", "closed"}
    assert {each for each in there if each[1] not in one_way} == {
        each for each in back if each[1] not in one_way
    }


@laws
@given(schema=SCHEMAS)
@example(schema={"type": "number", "enum": [1, 0.5]})
@example(schema={"enum": [None, True, False, "a"]})
@example(
    schema={
        "allOf": [
            {"type": "object", "properties": {"a": WHOLE}},
            {"type": "object", "properties": {}, "additionalProperties": False},
        ]
    }
)
def test_the_forms_of_a_schema_take_what_it_takes(schema: Node) -> None:
    forms = Document(schema).forms(schema)
    assume(not any(form.exclusive for form in forms))
    assume("all of" not in str(forms))

    assert [any(_takes(form, value) for form in forms) for value in VALUES] == accepts(schema)


def _takes(form: Form, value: Any) -> bool:
    if form.values is None:
        return Draft202012Validator({"type": form.kind, **form.rules}).is_valid(value)
    return key_of(value) in map(key_of, form.values) and Draft202012Validator(dict(form.rules)).is_valid(
        value
    )


@laws
@given(one=SCHEMAS, other=SCHEMAS)
@example(one={"type": ["number", "null"]}, other={"type": ["null", "integer"]})
@example(one={"enum": [1, 2, "a"]}, other={"enum": ["a", 2.0]})
@example(
    one={"required": ["a"], "properties": {"a": WHOLE}},
    other={"required": ["b"], "properties": {"a": {"minimum": 1}}},
)
@example(one={"properties": {"a": WHOLE}}, other={"properties": {"b": WHOLE}, "additionalProperties": False})
def test_both_of_two_schemas_take_what_each_takes(one: Node, other: Node) -> None:
    merged = both(one, other)
    # What two ask of names of which only one of them has a pattern is not to be said in one schema.
    assume("patternProperties" not in str((one, other)))
    assume("all of" not in str(merged))
    assume("oneOf" not in one or "oneOf" not in other)

    assert accepts(merged) == [all(each) for each in zip(accepts(one), accepts(other), strict=True)]


@pytest.mark.parametrize(
    ("one", "other", "merged"),
    [
        ({"enum": [1, 2, "a"]}, {"enum": ["a", 2.0, True]}, {"enum": [2, "a"]}),
        (
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": {"maxLength": 2}},
            {"additionalProperties": {"allOf": [{"type": "string"}, {"maxLength": 2}]}},
        ),
        ({"pattern": "a"}, {"pattern": "b"}, {"pattern": {"all of": ["a", "b"]}}),
    ],
)
def test_two_rules_by_one_keyword_are_one_rule_that_says_both(
    one: dict[str, Any], other: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert both(one, other) == merged


@laws
@given(one=SCHEMAS, other=SCHEMAS)
def test_what_says_the_same_takes_the_same(one: Node, other: Node) -> None:
    document = Document({})

    if document.said(one) == document.said(other):
        assert accepts(one) == accepts(other)


_OF_NAMES = {"properties", "patternProperties"}


@laws
@given(schema=SCHEMAS, order=st.randoms(use_true_random=False))
def test_order_and_words_say_nothing(schema: Node, order: Any) -> None:
    def reworded(value: Any, keyword: str = "") -> Any:
        if isinstance(value, list):
            items = [reworded(each) for each in value]
            if keyword in {"anyOf", "enum", "oneOf", "required"}:
                order.shuffle(items)
            return items
        if not isinstance(value, dict) or keyword == "enum":
            return value
        fields = [(name, reworded(about, name)) for name, about in value.items()]
        order.shuffle(fields)
        words = {} if keyword in _OF_NAMES else {"title": "Some", "x-order": 3, "minLength": 0}
        return words | dict(fields)

    document = Document({})

    assert document.said(reworded(copy.deepcopy(schema))) == document.said(schema)


@laws
@given(one=st.sampled_from(VALUES), other=st.sampled_from(VALUES))
def test_values_are_told_apart_as_the_standard_does(one: Any, other: Any) -> None:
    assert (key_of(one) == key_of(other)) == Draft202012Validator({"const": one}).is_valid(other)
