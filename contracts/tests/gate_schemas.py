"""Schemas nobody thought of, and values to try them with, for the laws of the gate."""

import os
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.gate.forms import Document, Form

Node = dict[str, Any]

VALUES: list[Any] = [
    *(None, True, False, *range(-1, 5), 0.5, 2.0, "", "a", "ab", "abc", "b", "2026-11-23"),
    *([], [1], ["a"], ["a", "b"], ["a", "a"], [None], [[]], ["a", 1], [1, "a"], [1, 2]),
    *({}, {"a": 1}, {"a": "b"}, {"b": None}, {"a": "a", "b": 2}, {"a": {"b": "a"}}, {"a": 1, "b": []}),
]

EXAMPLES = int(os.environ.get("SSENET_GATE_EXAMPLES", "60"))
"""Thousands on demand: `SSENET_GATE_EXAMPLES=20000 ./ssenet test contracts/tests -k laws`."""

BOUND = st.integers(-1, 4)


def _limits(kind: str, *keywords: str, more: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    optional = dict.fromkeys(keywords, BOUND if kind in {"integer", "number"} else st.integers(0, 3))
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=optional | more)


NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
SCALARS = st.one_of(
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}, {}]),
    st.fixed_dictionaries({"enum": st.lists(st.sampled_from(VALUES[:15]), min_size=1, max_size=4)}),
    _limits("integer", *NUMBER, more={"multipleOf": st.integers(1, 3)}),
    _limits("number", *NUMBER, more={}),
    _limits("string", "minLength", "maxLength", more={"pattern": st.sampled_from(["^a", "b$"])}),
)


def _holding(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        _limits("array", "minItems", "maxItems", more={"items": inner, "uniqueItems": st.booleans()}),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("ab"), inner)},
            optional={
                "required": st.lists(st.sampled_from("ab"), unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
                "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
            },
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=2, max_size=2)}),
    )


WHOLE: Node = {"type": "integer"}
SCHEMAS = st.recursive(SCALARS, _holding, max_leaves=4)


def accepts(schema: Any) -> list[bool]:
    """Which of the values fit a schema, as a validator of the standard sees it."""
    validator = Draft202012Validator(schema)
    return [validator.is_valid(value) for value in VALUES]


def as_written(document: Document, schema: Any, value: Any) -> bool:
    """Whether a writer could write the value: in one of its forms, with the fields that this names and no others."""
    if not isinstance(value, (list, dict)):
        return True
    kind = "array" if isinstance(value, list) else "object"
    return any(_in_form(document, form, value) for form in document.forms(schema) if form.kind == kind)


def _in_form(document: Document, form: Form, value: Any) -> bool:
    if not Draft202012Validator({"type": form.kind, **form.rules}).is_valid(value):
        return False
    if isinstance(value, list):
        return all(as_written(document, form.rule("items", default=True), item) for item in value)
    fields = form.rule("properties", {})
    return all(name in fields and as_written(document, fields[name], item) for name, item in value.items())
