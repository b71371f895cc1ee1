"""Every keyword is known to the gate for what it says, with the validator of the standard for a witness."""

from collections.abc import Iterator
from typing import Any

import pytest
from gate_forms import between, breaks
from gate_schemas import VALUES, accepts
from jsonschema import Draft202012Validator
from jsonschema.validators import Draft202012Validator as Standard
from schema_edits import TEXT, Node

from contracts.gate.comparing import compare
from contracts.gate.forms import Document
from contracts.gate.keywords import KINDS, is_word, kind_of

STRICT: dict[str, Any] = {
    "additionalProperties": False,
    "contains": {"const": "nothing"},
    "dependentRequired": {"a": ["b"]},
    "dependentSchemas": {"a": {"required": ["b"]}},
    "exclusiveMaximum": 2,
    "exclusiveMinimum": 2,
    "items": {"const": "nothing"},
    "maxItems": 0,
    "maxLength": 0,
    "maxProperties": 0,
    "maximum": 2,
    "minItems": 2,
    "minLength": 2,
    "minProperties": 2,
    "minimum": 2,
    "multipleOf": 7,
    "pattern": "nothing",
    "patternProperties": {"a": {"const": "nothing"}},
    "prefixItems": [{"const": "nothing"}],
    "properties": {"a": {"const": "nothing"}},
    "propertyNames": {"const": "nothing"},
    "required": ["nothing"],
    "unevaluatedItems": False,
    "unevaluatedProperties": False,
    "uniqueItems": True,
}
"""Each keyword that refuses values of one kind, with something that it refuses."""

OF_TEXT: dict[str, Any] = {
    "contentEncoding": "base64",
    "contentMediaType": "text/csv",
    "format": "uuid",
    "x-ascii-only": True,
    "x-code-list": "themes",
    "x-exclusive-maximum": "2030-01-01",
    "x-exclusive-minimum": "2020-01-01",
    "x-host-required": True,
    "x-maximum": "2030-01-01",
    "x-minimum": "2020-01-01",
    "x-now": "past",
    "x-number": {"type": "integer", "minimum": 5},
    "x-offset": "naive",
    "x-to-lower": True,
    "x-to-upper": True,
    "x-url-schemes": ["ftp"],
    "x-white-space": "stripped",
}
"""Those of a text that no validator looks at, or only when told to."""

OF_ANY_KIND = {
    *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "const", "enum", "type", "$ref", "$dynamicRef"),
    *("$dynamicAnchor", "$vocabulary", "maxContains", "minContains", "contentSchema", "format"),
}
"""What is read for what it is, of every kind, or has to be the same on both sides."""


def _of_the_standard() -> Iterator[str]:
    for part in Standard.META_SCHEMA["allOf"]:
        yield from (
            Standard(part)
            ._resolver.lookup(f"https://json-schema.org/draft/2020-12/{part['$ref']}")
            .contents["properties"]
        )


def kinds_with(keyword: str, value: Any) -> set[str]:
    """The kinds whose forms keep the rule."""
    return {form.kind for form in Document({}).forms({keyword: value}) if keyword in form.rules}


@pytest.mark.parametrize("keyword", STRICT)
def test_a_rule_is_one_of_the_kind_whose_values_it_refuses(keyword: str) -> None:
    schema = {keyword: STRICT[keyword]}
    refused = {kind_of(value) for value, fits in zip(VALUES, accepts(schema), strict=True) if not fits}

    assert {"number" if kind == "integer" else kind for kind in refused} == kinds_with(
        keyword, STRICT[keyword]
    )


@pytest.mark.parametrize("keyword", OF_TEXT)
def test_a_rule_of_a_text_is_one_of_no_other_kind(keyword: str) -> None:
    assert kinds_with(keyword, OF_TEXT[keyword]) == {"string"}


@pytest.mark.parametrize(
    ("keyword", "value"), [*STRICT.items(), *OF_TEXT.items(), ("x-decimal-places", 2), ("x-max-digits", 9)]
)
def test_a_reader_that_comes_to_a_rule_refuses_what_was_written_without_it(keyword: str, value: Any) -> None:
    of_its_kind: Node = {"type": min(kinds_with(keyword, value))}
    if keyword in {"properties", "patternProperties"}:
        of_its_kind["properties"] = {"a": TEXT}
    if keyword in {"additionalProperties", "unevaluatedProperties"}:
        of_its_kind["additionalProperties"] = TEXT

    assert breaks(of_its_kind, {**of_its_kind, keyword: value})
    assert breaks({**of_its_kind, keyword: value}, {**of_its_kind, keyword: value}) == []


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        *(("$anchor", "a"), ("$comment", "a"), ("$defs", {"A": TEXT}), ("definitions", {"A": TEXT})),
        *(("deprecated", True), ("description", "a"), ("discriminator", {"propertyName": "a"})),
        *(("examples", ["a"]), ("readOnly", True), ("title", "a"), ("writeOnly", True), ("x-order", 3)),
        *(("minItems", 0), ("minLength", 0), ("minProperties", 0), ("uniqueItems", False), ("default", "a")),
    ],
)
def test_words_marks_and_what_goes_without_saying_refuse_nothing(keyword: str, value: Any) -> None:
    assert is_word(keyword, value)
    assert all(accepts({keyword: value}))
    for kind in KINDS:
        assert compare({"type": kind}, {"type": kind, keyword: value}) == []


def test_every_keyword_of_the_standard_is_known_for_what_it_is() -> None:
    words = {each for each in _of_the_standard() if is_word(each, object())}

    assert (
        set(_of_the_standard())
        == words | STRICT.keys() | OF_TEXT.keys() & set(_of_the_standard()) | OF_ANY_KIND
    )
    assert not words & (STRICT.keys() | OF_TEXT.keys() | OF_ANY_KIND)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"type": "number", "exclusiveMaximum": 3}, "a maximum (itself excluded) of 3"),
        ({"type": "number", "exclusiveMinimum": 3}, "a minimum (itself excluded) of 3"),
        ({"type": "number", "maximum": 3}, "a maximum of 3"),
        ({"type": "number", "multipleOf": 3}, "the step 3 only"),
        ({"type": "number", "x-decimal-places": 3}, "a greatest number of decimal places of 3"),
        ({"type": "number", "x-max-digits": 3}, "a greatest number of digits of 3"),
        ({"type": "array", "maxItems": 3}, "a greatest number of items of 3"),
        ({"type": "array", "minItems": 3}, "a least number of items of 3"),
        ({"type": "string", "maxLength": 3}, "a greatest length of 3"),
        ({"type": "string", "minLength": 3, "x-white-space": "kept"}, "a least length of 3"),
        ({"type": "string", "x-code-list": "themes"}, "the code list 'themes' only"),
        (
            {"type": "string", "x-exclusive-maximum": "2030-01-01"},
            "the end (itself excluded) '2030-01-01' only",
        ),
        (
            {"type": "string", "x-exclusive-minimum": "2030-01-01"},
            "the beginning (itself excluded) '2030-01-01' only",
        ),
        ({"type": "string", "x-maximum": "2030-01-01"}, "the end '2030-01-01' only"),
        ({"type": "string", "x-minimum": "2030-01-01"}, "the beginning '2030-01-01' only"),
        ({"type": "string", "x-now": "past"}, "the side of the present 'past' only"),
        ({"type": "string", "x-number": {"minimum": 2}}, 'the number within {"minimum": 2} only'),
        ({"type": "string", "x-offset": "naive"}, "the offset from UTC 'naive' only"),
        ({"type": "string", "x-url-schemes": ["ftp"]}, 'the address schemes ["ftp"] only'),
        ({"type": "string", "x-white-space": "stripped"}, "the white space around it 'stripped' only"),
    ],
)
def test_a_rule_is_said_in_words(rules: Node, words: str) -> None:
    [finding] = between({"type": rules["type"]}, rules)

    assert finding.reason.endswith(f", and readers take {words}")


def test_a_validator_is_a_witness_for_both_sides_of_each_rule() -> None:
    for keyword, value in STRICT.items():
        fits = accepts({keyword: value})
        assert any(fits), keyword
        assert not all(fits), keyword
    assert Draft202012Validator.check_schema({**STRICT, **OF_TEXT}) is None
