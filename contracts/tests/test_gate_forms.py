"""The gate on forms that no class of today makes: what may be written in one, and is refused by readers of another."""

from typing import Any

import pytest
from gate_forms import NULL, TRUTH, a_list, a_map, an_object, between, breaks, one_of
from schema_edits import BY_PHONE, BY_POST, TEXT, WHOLE, Node, either, tagged

from contracts.gate.forms import Document, UnreadableSchemaError
from contracts.gate.keywords import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_of_anything_reads_every_kind_and_who_lacks_one_refuses_it(kind: str) -> None:
    others = [each for each in KINDS if each != kind]

    assert breaks({"type": kind}, {}) == []
    assert breaks({"type": kind}, True) == []
    assert breaks({}, {"type": kind}) == [": null" if each == "null" else ": type" for each in others]
    assert breaks({"type": kind}, {"type": others}) == [": null" if kind == "null" else ": type"]
    assert breaks({"type": kind}, False) == [": null" if kind == "null" else ": type"]


READ: list[tuple[str, Any, Any]] = [
    ("a whole number is a number", WHOLE, {"type": "number"}),
    ("a whole number is of several kinds", WHOLE, {"type": ["string", "number"]}),
    ("a writer of nothing writes nothing", False, TEXT),
    ("a writer of no value writes nothing", one_of(), WHOLE),
    ("one value is one of several", {"const": "a"}, one_of("b", "a")),
    ("fewer values", one_of("a", 1), one_of(1, "b", "a")),
    ("a value that the reader has as another spelling of a number", {"const": 1.0}, one_of(1, 2)),
    ("values within the bounds", one_of(1, 3), {"type": "integer", "minimum": 1, "maximum": 3}),
    ("values of a number", one_of(1, 2.5), {"type": "number", "exclusiveMaximum": 3}),
    ("values of a text", one_of("ab", "abc"), {"type": "string", "minLength": 2, "maxLength": 3}),
    ("a value that fits the pattern", {"const": "ab"}, {"type": "string", "pattern": "b$"}),
    ("values of several kinds", one_of("a", None, True), {"type": ["string", "null", "boolean"]}),
    ("both truths as values", one_of(True, False), TRUTH),
    ("the only null", one_of(None), NULL),
    ("a list of a few", one_of([1]), a_list()),
    ("a higher least", {"type": "integer", "minimum": 2}, {"type": "integer", "minimum": 1}),
    ("a least that excludes one below", {"type": "integer", "exclusiveMinimum": 1}, {"type": "integer", "minimum": 2}),
    ("a least above what is excluded", {"type": "number", "minimum": 2}, {"type": "number", "exclusiveMinimum": 1}),
    ("a most below what is excluded", {"type": "number", "maximum": 2}, {"type": "number", "exclusiveMaximum": 3}),
    ("a most that excludes one above", {"type": "integer", "exclusiveMaximum": 3}, {"type": "integer", "maximum": 2}),
    ("the same excluded most", {"type": "number", "exclusiveMaximum": 3}, {"type": "number", "exclusiveMaximum": 3}),
    ("a multiple of a multiple", {"type": "integer", "multipleOf": 6}, {"type": "integer", "multipleOf": 3}),
    ("a multiple of a fraction", {"type": "number", "multipleOf": 0.3}, {"type": "number", "multipleOf": 0.1}),
    ("a pair of more words", a_list(prefixItems=[WHOLE]), a_list(prefixItems=[{"type": "number"}])),
    ("a pair where the reader takes any items", a_list(prefixItems=[WHOLE, TEXT]), a_list()),
    ("items after a pair", a_list(prefixItems=[TEXT], items=TEXT), a_list(items=TEXT)),
    ("a field that the reader passes over", an_object(a=TEXT, b=TEXT), an_object(a=TEXT)),
    ("a field that both leave out", an_object("a", a=TEXT), an_object("a", a=TEXT, b=WHOLE)),
    ("a required field is optional for the reader", an_object("a", a=TEXT), an_object(a=TEXT)),
    (
        "a default of who never leaves it out",
        an_object("a", a={**TEXT, "default": "x"}),
        an_object(a={**TEXT, "default": "y"}),
    ),
    ("the same default in another spelling", an_object(a={"default": 1}), an_object(a={"default": 1.0})),
    ("both refuse what they do not know", a_map(False, properties={"a": TEXT}), a_map(False, properties={"a": TEXT})),
    ("a mapping of narrower values", a_map(WHOLE), a_map({"type": "number"})),
    ("an object for who takes any names of the kind", an_object(a=TEXT), a_map(TEXT)),
    (
        "a field by the reader's pattern",
        a_map(False, properties={"a_x": TEXT}),
        a_map(False, patternProperties={"^a_": TEXT, "^b_": WHOLE}),
    ),
    (
        "fewer fields for a closed reader",
        a_map(False, properties={"a": TEXT}),
        a_map(False, properties={"a": TEXT, "b": TEXT}),
    ),
    ("one form of a union", BY_POST, either(BY_POST, BY_PHONE)),
    ("one form of any", BY_POST, either(BY_POST, BY_PHONE, how="anyOf")),
    ("the form of a union that fits best", either(WHOLE, TEXT), either(NULL, TEXT, {"type": "number"})),
    ("forms that stand in one another", either(TEXT, either(WHOLE, NULL)), {"type": ["null", "integer", "string"]}),
    ("values in forms of their own", one_of("b", "c"), either(one_of("a", "b"), one_of("c"))),
    ("the same overlapping forms", either(WHOLE, {"type": "number"}), either({"type": "number"}, WHOLE)),
    ("forms told apart by two tags", either(tagged("post"), tagged("phone")), either(tagged("phone"), tagged("post"))),
    ("limits shared out", {"allOf": [TEXT, {"minLength": 2}, {"minLength": 1}]}, {"type": "string", "minLength": 2}),
    (
        "fields shared out",
        {"allOf": [an_object("a", a=TEXT), an_object("b", b=WHOLE)]},
        an_object("a", "b", a=TEXT, b=WHOLE),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("written", "read"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_reader_understands(written: Any, read: Any) -> None:
    assert breaks(written, read) == []


REFUSED: list[tuple[str, Any, Any, list[str]]] = [
    ("a number is not whole", {"type": "number"}, WHOLE, [": type"]),
    ("any text of one that takes a few", TEXT, one_of("a", "b"), [": enum"]),
    ("numbers of one that takes a few texts", WHOLE, one_of("a"), [": type"]),
    ("any truth of one that takes true", TRUTH, one_of(True), [": enum"]),
    ("one value more", one_of("a", "b", "c"), one_of("b", "a"), [": enum"]),
    ("one that is not true", one_of(1), TRUTH, [": enum"]),
    ("a value below the least", one_of(0, 2), {"type": "integer", "minimum": 1, "maximum": 3}, [": enum"]),
    ("a value above the most", one_of(2, 4), {"type": "integer", "minimum": 1, "maximum": 3}, [": enum"]),
    ("a value that is not whole", one_of(1.5), WHOLE, [": enum"]),
    ("a text too short", one_of("a", "ab"), {"type": "string", "minLength": 2}, [": enum"]),
    ("a text too long", one_of("ab", "a"), {"type": "string", "maxLength": 1}, [": enum"]),
    ("a text beside the pattern", one_of("ab", "ba"), {"type": "string", "pattern": "b$"}, [": enum"]),
    ("a value of a format that is not computed here", one_of("x"), {"type": "string", "format": "uri"}, [": enum"]),
    ("a value whose step is not computed here", one_of(2), {"type": "integer", "multipleOf": 2}, [": enum"]),
    ("a list that has rules", one_of([1]), a_list(minItems=1), [": enum"]),
    ("null", {"type": ["string", "null"]}, TEXT, [": null"]),
    ("a lower least", {"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 2}, [": minimum"]),
    ("no least", {"type": "integer", "maximum": 2}, {"type": "integer", "minimum": 2}, [": minimum"]),
    (
        "of a number, one above what is excluded",
        {"type": "number", "exclusiveMinimum": 1},
        {"type": "number", "minimum": 2},
        [": minimum"],
    ),
    (
        "of a number, one below what is excluded",
        {"type": "number", "exclusiveMaximum": 3},
        {"type": "number", "maximum": 2},
        [": maximum"],
    ),
    (
        "the least that is excluded",
        {"type": "integer", "minimum": 1},
        {"type": "integer", "exclusiveMinimum": 1},
        [": exclusiveMinimum"],
    ),
    (
        "the most that is excluded",
        {"type": "integer", "maximum": 3},
        {"type": "integer", "exclusiveMaximum": 3},
        [": exclusiveMaximum"],
    ),
    (
        "an excluded most that is higher",
        {"type": "number", "exclusiveMaximum": 4},
        {"type": "number", "exclusiveMaximum": 3},
        [": exclusiveMaximum"],
    ),
    ("another step", {"type": "integer", "multipleOf": 4}, {"type": "integer", "multipleOf": 3}, [": multipleOf"]),
    ("any step", WHOLE, {"type": "integer", "multipleOf": 3}, [": multipleOf"]),
    ("more items", a_list(maxItems=3), a_list(maxItems=2), [": maxItems"]),
    ("fewer items", a_list(minItems=1), a_list(minItems=2), [": minItems"]),
    ("items that repeat", a_list(), a_list(uniqueItems=True), [": uniqueItems"]),
    ("the second of a pair", a_list(prefixItems=[TEXT, TEXT]), a_list(prefixItems=[TEXT, WHOLE]), ["[1]: type"]),
    (
        "an item where the reader has a longer pair",
        a_list(items=TEXT),
        a_list(prefixItems=[TEXT, WHOLE], items=TEXT),
        ["[1]: type"],
    ),
    (
        "a longer pair where the reader has items",
        a_list(prefixItems=[WHOLE, WHOLE], items=TEXT),
        a_list(prefixItems=[WHOLE], items=TEXT),
        ["[1]: type"],
    ),
    ("any items", a_list(), a_list(items=TEXT), ["[]: null", *["[]: type"] * 4]),
    ("items of another kind", a_list(items=WHOLE), a_list(items=TEXT), ["[]: type"]),
    ("a field that is required", an_object(a=TEXT), an_object("a", a=TEXT), ["a: required"]),
    ("a field that is required and unknown", an_object(b=TEXT), an_object("a", a=TEXT), ["a: required"]),
    ("a field that is required and not described", an_object("a"), an_object(a=TEXT), ["a: null", *["a: type"] * 4]),
    ("another default", an_object(a={"default": 1}), an_object(a={"default": 2}), ["a: default"]),
    ("a default that is true", an_object(a={"default": 1}), an_object(a={"default": True}), ["a: default"]),
    ("a default where the reader has none", an_object(a={"default": None}), an_object(a={}), ["a: default"]),
    ("no default where the reader has one", an_object(a={}), an_object(a={"default": None}), ["a: default"]),
    (
        "names that a closed reader does not know",
        an_object(a=TEXT, c=TEXT),
        a_map(False, properties={"a": TEXT}),
        [": closed", "c: additionalProperties"],
    ),
    ("a mapping of wider values", a_map({"type": "number"}), a_map(WHOLE), ["*: type"]),
    ("a mapping for who passes over names", a_map(WHOLE), an_object(a=TEXT), ["*: additionalProperties"]),
    ("a mapping for who refuses names", a_map(WHOLE), a_map(False), ["*: additionalProperties"]),
    ("an object with a field of another kind than all names", an_object(a=TEXT), a_map(WHOLE), ["a: type"]),
    (
        "a field of another kind than the reader's pattern",
        an_object(a_x=TEXT, b_x=TEXT),
        {"type": "object", "patternProperties": {"^a_": TEXT, "^b_": WHOLE}, "additionalProperties": NULL},
        ["b_x: type"],
    ),
    (
        "a field that fits no pattern and is held to all others",
        an_object(c_x=TEXT),
        {"type": "object", "patternProperties": {"^a_": TEXT}, "additionalProperties": NULL},
        ["c_x: type"],
    ),
    (
        "a field that fits no pattern of a closed reader",
        an_object(c_x=TEXT),
        {"type": "object", "patternProperties": {"^a_": TEXT}, "additionalProperties": False},
        [": closed", "c_x: additionalProperties"],
    ),
    ("a form more than any of a union", either(WHOLE, TEXT, NULL), either(TEXT, WHOLE), [": null"]),
    ("a value of two forms", WHOLE, either(WHOLE, {"type": "number"}), [": oneOf"]),
    ("values that two forms have", one_of("a"), either(one_of("a", "b"), one_of("b", "c")), [": oneOf"]),
    (
        "forms of which one takes any tag",
        tagged("post"),
        either(tagged("post"), an_object("kind", kind=TEXT)),
        [": oneOf"],
    ),
    (
        "forms of which the first takes any tag",
        tagged("post"),
        either(an_object("kind", kind=TEXT), tagged("post")),
        [": oneOf"],
    ),
    (
        "forms whose tag may be left out",
        tagged("post"),
        either(an_object(kind={"const": "post"}), an_object("kind", kind={"const": "phone"})),
        [": oneOf"],
    ),
    ("forms with the same tag", tagged("post"), either(tagged("post"), tagged("post", street=TEXT)), [": oneOf"]),
    ("a text of forms that overlap", TEXT, either({"type": "string", "minLength": 1}, {"type": "string"}), [": oneOf"]),
    ("a least shared out", TEXT, {"allOf": [{"minLength": 1}, {"type": "string", "minLength": 3}]}, [": minLength"]),
    (
        "a most shared out",
        {"type": "integer", "maximum": 9},
        {"allOf": [{"maximum": 9}, {"type": "integer", "maximum": 5}]},
        [": maximum"],
    ),
    (
        "fields shared out",
        an_object("a", a=TEXT, b=TEXT),
        {"allOf": [an_object("a", a=TEXT), an_object("b", b={"maxLength": 3})]},
        ["b: required", "b: maxLength"],
    ),
    (
        "two patterns at once",
        {"type": "string", "pattern": "^a"},
        {"allOf": [{"type": "string", "pattern": "^a"}, {"pattern": "b$"}]},
        [": pattern"],
    ),
    ("a condition", TEXT, {"type": "string", "not": {"const": ""}}, [": not"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "read", "found"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_reader_refuses(written: Any, read: Any, found: list[str]) -> None:
    assert breaks(written, read) == found


@pytest.mark.parametrize(
    ("written", "read", "reason"),
    [
        (TEXT, one_of("a", 1), "writers may hold any string, and readers take only 'a', 1"),
        (WHOLE, {"type": ["string", "null"]}, "writers may hold integer values, and readers take string or null"),
        (WHOLE, one_of("a", None), "writers may hold integer values, and readers take null or string"),
        (WHOLE, False, "writers may hold integer values, and readers take nothing at all"),
        (NULL, WHOLE, "writers may hold null, which readers refuse"),
        (one_of("a", "b"), TRUTH, "writers may hold 'a', 'b', which readers refuse"),
        (one_of("x" * 200), TRUTH, f"writers may hold '{'x' * 119}…, which readers refuse"),
        (
            TEXT,
            {"type": "string", "maxLength": 3},
            "writers keep to no greatest length, and readers take a greatest length of 3",
        ),
        (
            {"type": "string", "maxLength": 5},
            {"type": "string", "maxLength": 3},
            "writers keep to a greatest length of 5, and readers take a greatest length of 3",
        ),
        (TEXT, {"type": "string", "pattern": "a"}, "writers keep to no pattern, and readers take the pattern 'a' only"),
        (
            {"type": "integer", "multipleOf": 4},
            {"type": "integer", "multipleOf": 3},
            "writers keep to the step 4, and readers take the step 3 only",
        ),
        (an_object(a=TEXT), an_object("a", a=TEXT), "readers require it, and writers may leave it out"),
        (an_object(), an_object("a", a=TEXT), "readers require it, and writers do not have it"),
        (a_map(TEXT), an_object(), "writers may hold names of their own, which readers pass over"),
        (a_map(TEXT), a_map(False), "writers may hold names of their own, which readers refuse"),
        (
            an_object(a={"default": 1}),
            an_object(a={}),
            "left out it means 1 to one reader and something unsaid to the next",
        ),
        (
            WHOLE,
            either(WHOLE, {"type": "number"}),
            "writers have other forms, and readers take what is of one form alone, of several that overlap",
        ),
    ],
)  # fmt: skip
def test_a_break_is_said_in_a_sentence(written: Any, read: Any, reason: str) -> None:
    [finding] = between(written, read)

    assert finding.reason == reason


def test_what_is_found_in_several_forms_is_said_once() -> None:
    written = either(an_object(a=WHOLE, b=TEXT), an_object(a=WHOLE, c=TEXT), how="anyOf")

    assert breaks(written, an_object(a=TEXT)) == ["a: type"]


def test_of_the_forms_that_could_read_it_the_best_is_held_against_it() -> None:
    near, far = {"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 3, "pattern": "a"}

    assert breaks(TEXT, either(far, near, how="anyOf")) == [": maxLength"]
    assert breaks(an_object(a=TEXT), either(an_object("b", "c"), an_object("b"), how="anyOf")) == [
        "b: required"
    ]


@pytest.mark.parametrize("through", ["items", "prefixItems", "anyOf"])
def test_a_type_that_holds_itself_comes_to_an_end(through: str) -> None:
    inner: Any = {"$ref": "#/$defs/Part"}
    held = a_list(**{through: inner if through == "items" else [inner]})
    if through == "anyOf":
        held = either(inner, NULL, how="anyOf")

    def tree(name: Node) -> Node:
        return {**inner, "$defs": {"Part": an_object(name=name, parts=held)}}

    assert breaks(tree(TEXT), tree(TEXT)) == []
    found = breaks(tree(TEXT), tree(WHOLE))
    assert found[0] == "name: type"
    assert {each.rpartition(".")[2] for each in found} == {"name: type"}
    assert Document(tree(TEXT)).said(tree(TEXT)) != Document(tree(WHOLE)).said(tree(WHOLE))


def test_a_reference_may_lead_through_any_name_and_nowhere_else() -> None:
    document = Document({"$defs": {"a/b~c": TEXT, "": WHOLE}, "type": "object"})

    assert document.at("#/$defs/a~1b~0c") == TEXT
    assert document.at("#") is document.root
    with pytest.raises(UnreadableSchemaError, match="leads nowhere"):
        document.at("#/$defs/b")
    with pytest.raises(UnreadableSchemaError, match="out of the schema"):
        document.at("other.json#/$defs/a")


def test_what_stands_beside_a_reference_holds_as_well() -> None:
    def referring(**beside: Any) -> Node:
        return {"$ref": "#/$defs/Name", "$defs": {"Name": {"type": "string", "maxLength": 9}}, **beside}

    assert breaks(referring(), referring(maxLength=5)) == [": maxLength"]
    assert breaks(referring(maxLength=5), referring()) == []
    assert breaks(referring(maxLength=20), referring()) == []
