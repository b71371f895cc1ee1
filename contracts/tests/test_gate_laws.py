"""Laws of the comparison, on schemas nobody thought of: what passes is read, and nothing differs from itself."""

import os
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.gate.comparing import compare
from contracts.gate.forms import Document, Form
from contracts.gate.reading import Side, findings_of

Node = dict[str, Any]

VALUES: list[Any] = [
    *(None, True, False, *range(-1, 5), 0.5, 2.0, "", "a", "ab", "abc", "b", "2026-11-23"),
    *([], [1], ["a"], ["a", "b"], ["a", "a"], [None], [[]]),
    *({}, {"a": 1}, {"a": "b"}, {"b": None}, {"a": "a", "b": 2}, {"a": {"b": "a"}}, {"a": 1, "b": []}),
]

EXAMPLES = int(os.environ.get("SSENET_GATE_EXAMPLES", "60"))
"""Thousands on demand: `SSENET_GATE_EXAMPLES=20000 ./ssenet test contracts/tests/test_gate_laws.py`."""

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
            optional={"required": st.lists(st.sampled_from("ab"), unique=True)},
        ),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=2, max_size=2)}),
    )


WHOLE: Node = {"type": "integer"}
SCHEMAS = st.recursive(SCALARS, _holding, max_leaves=4)


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


@settings(deadline=None, max_examples=EXAMPLES, database=None)
@given(written=SCHEMAS, read=SCHEMAS)
@example(written={"enum": [1]}, read={"enum": [1], "maximum": 0})
@example(written={"const": 3}, read={"allOf": [{"enum": [1, 2]}, {"const": 3}]})
@example(written={"enum": [1]}, read={"allOf": [{"enum": [1]}, {"enum": [True]}]})
@example(written={"allOf": [{"enum": [2]}, {"enum": [2.0]}]}, read={"type": "array"})
@example(written={"oneOf": [WHOLE, WHOLE, {"enum": [False]}]}, read={"oneOf": [WHOLE, WHOLE, {"enum": [0]}]})
def test_what_passes_is_read(written: Node, read: Node) -> None:
    writer, reader = Document(written), Document(read)
    if any(finding.breaks for finding in findings_of(Side(writer, "writers"), Side(reader, "readers"))):
        return

    may_write, may_read = Draft202012Validator(written), Draft202012Validator(read)
    for value in VALUES:
        if may_write.is_valid(value) and as_written(writer, written, value):
            assert may_read.is_valid(value), value


@settings(deadline=None, max_examples=EXAMPLES, database=None)
@given(schema=SCHEMAS)
@example(schema={"enum": [1, 2], "multipleOf": 2})
def test_a_schema_breaks_nothing_of_itself(schema: Node) -> None:
    assert compare(schema, schema) == []
