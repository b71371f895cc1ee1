"""The gate stays out of the way: edits of real events that hurt nobody each pass."""

import pytest
from jsonschema import Draft202012Validator
from schema_edits import (
    ASSISTANCE,
    BY_PHONE,
    BY_POST,
    CONCERN,
    ENVELOPE,
    JOINED,
    KNOWLEDGE,
    NOTIFIED,
    OPENED,
    ORGANISATION,
    PLAN,
    STATISTICS,
    TEXT,
    TRAINING,
    WHOLE,
    WITH_A_TREE,
    WITH_A_UNION,
    Case,
    add,
    at,
    become,
    both,
    change,
    drop,
    either,
    inline,
    move,
    rename_definition,
    set_rule,
    without,
)

from contracts.gate.comparing import compare

SAFE = [
    # Fields that come
    Case("an optional field comes", ASSISTANCE, add("budget")),
    Case(
        "an optional field comes that may be null",
        OPENED,
        add("priority", {"anyOf": [TEXT, {"type": "null"}], "default": None}),
    ),
    Case(
        "an optional list comes",
        KNOWLEDGE,
        add("target_groups", {"type": "array", "items": TEXT, "default": []}),
    ),
    Case("an optional truth comes", OPENED, add("urgent", {"type": "boolean", "default": False})),
    Case("an optional enum comes", TRAINING, add("level", {"enum": ["introduction", "advanced"]})),
    Case(
        "an optional number with bounds comes",
        TRAINING,
        add("places", {"type": "integer", "minimum": 1, "maximum": 500}),
    ),
    Case("an optional value comes", OPENED, add("abstract", {"$ref": "#/$defs/Title"})),
    Case(
        "an optional closed value comes",
        OPENED,
        add("point", {"type": "object", "additionalProperties": False, "properties": {"x": WHOLE}}),
    ),
    Case(
        "an optional mapping comes",
        STATISTICS,
        add("counts", {"type": "object", "additionalProperties": WHOLE}),
    ),
    Case("an optional union comes", CONCERN, WITH_A_UNION),
    Case("an optional field comes to a value", KNOWLEDGE, add("title.script")),
    Case("an optional field comes to the values of a list", STATISTICS, add("figures[].note")),
    Case("an optional field comes to an optional value", OPENED, add("actor.role")),
    Case(
        "an optional field comes to a form of a union",
        OPENED,
        lambda schema: schema["properties"]["contact"]["oneOf"][0]["properties"].update(town=TEXT),
        given=WITH_A_UNION,
    ),
    Case(
        "an optional field comes to a value that holds itself",
        OPENED,
        lambda schema: schema["$defs"]["Part"]["properties"].update(note=TEXT),
        given=WITH_A_TREE,
    ),
    Case("an optional attribute comes to the envelope", ENVELOPE, add("tracestate")),
    Case("two optional fields come", JOINED, both(add("phone"), add("mail"))),
    Case(
        "an optional field comes with a condition of its own",
        PLAN,
        add("note", {"type": "string", "not": {"const": ""}}),
    ),
    # Fields that go
    Case("an optional field goes", ASSISTANCE, drop("needed_by")),
    Case("an optional list goes", KNOWLEDGE, drop("countries")),
    Case("an optional truth goes", OPENED, drop("needs_routing")),
    Case("an optional value goes", OPENED, drop("actor")),
    Case("an optional field goes from a value", STATISTICS, drop("figures[].entity_type")),
    Case("an optional attribute goes from the envelope", ENVELOPE, drop("traceparent")),
    Case("one optional field goes and another comes", OPENED, both(drop("reason"), add("effort", WHOLE))),
    Case(
        "an optional field goes from one value and comes to another",
        STATISTICS,
        move("figures[].sex", "title.sex"),
    ),
    # Words
    Case("a description changes", OPENED, change("", description="Somebody is asked to act.")),
    Case("the description of a field comes", OPENED, change("rule", description="The rule's name.")),
    Case("the description of a value changes", KNOWLEDGE, change("title", description="One line.")),
    Case("the title changes", PLAN, change("", title="A plan")),
    Case("examples come", JOINED, change("time_zone", examples=["Africa/Dakar"])),
    Case("a comment comes", JOINED, change("time_zone", **{"$comment": "IANA"})),
    Case("a field is marked as deprecated", OPENED, change("partner_name", deprecated=True)),
    Case("a field is marked as read only", OPENED, change("rule", readOnly=True)),
    Case("a mark for tools comes", OPENED, set_rule("rule", "x-order", 3)),
    # The same said in another way
    Case(
        "the fields stand in another order",
        OPENED,
        lambda schema: schema.update(properties=dict(reversed(schema["properties"].items()))),
    ),
    Case("the required fields stand in another order", OPENED, lambda schema: schema["required"].reverse()),
    Case("an enum stands in another order", ASSISTANCE, lambda schema: at(schema, "theme")["enum"].reverse()),
    Case(
        "null stands first", ASSISTANCE, lambda schema: schema["properties"]["needed_by"]["anyOf"].reverse()
    ),
    Case("a definition is renamed", KNOWLEDGE, rename_definition("Title", "Heading")),
    Case("a definition is written in place", KNOWLEDGE, inline("Title")),
    Case(
        "a definition nobody refers to goes",
        KNOWLEDGE,
        lambda schema: schema["$defs"].pop("Unused"),
        given=lambda schema: schema["$defs"].update(Unused={"type": "null"}),
    ),
    Case(
        "`or null` becomes a list of types",
        OPENED,
        become("partner_name", {"type": ["string", "null"], "maxLength": 300, "default": None}),
    ),
    Case("a literal becomes an enum of one", NOTIFIED, become("channel", {"enum": ["inbox"]})),
    Case("an enum is said without its type", JOINED, without("role", "type")),
    Case(
        "a reference stands in an allOf",
        KNOWLEDGE,
        become("title", {"allOf": [{"$ref": "#/$defs/Title"}], "description": "Its name."}),
    ),
    Case("a truth becomes an enum of both", ORGANISATION, become("confirmed", {"enum": [True, False]})),
    Case("that a time has its offset is said", OPENED, set_rule("opened_at", "x-offset", "aware")),
    Case("that white space around a text counts is said", JOINED, set_rule("label", "x-white-space", "kept")),
    Case("a least length of nothing is said", JOINED, change("label", minLength=0)),
    Case("a least number of no items is said", OPENED, change("units", minItems=0)),
    Case("that items may repeat is said", OPENED, change("units", uniqueItems=False)),
    Case(
        "a bound excludes what lies below it",
        ENVELOPE,
        both(without("epoch", "minimum"), change("epoch", exclusiveMinimum=0)),
    ),
    Case(
        "a bound excludes what lies above it",
        STATISTICS,
        both(without("reference_year", "maximum"), change("reference_year", exclusiveMaximum=2101)),
    ),
    Case(
        "a union is told apart by anyOf",
        OPENED,
        become("contact", either(BY_POST, BY_PHONE, how="anyOf")),
        given=WITH_A_UNION,
    ),
    Case(
        "the forms of a union stand in another order",
        OPENED,
        become("contact", either(BY_PHONE, BY_POST)),
        given=WITH_A_UNION,
    ),
    Case(
        "limits are shared out over an allOf",
        KNOWLEDGE,
        lambda schema: schema["$defs"]["Title"]["properties"].update(
            text={
                "allOf": [
                    {"type": "string", "minLength": 1, "maxLength": 900},
                    {"minLength": 0, "maxLength": 300},
                ]
            }
        ),
    ),
    Case(
        "an event passes over what it refused",
        OPENED,
        without("", "additionalProperties"),
        given=change("", additionalProperties=False),
    ),
]


@pytest.mark.parametrize("case", SAFE, ids=str)
def test_an_edit_that_hurts_nobody_passes_and_so_does_taking_it_back(case: Case) -> None:
    published, current = case.schemas()

    assert [change for change in compare(published, current) if change.breaks] == []
    back = compare(current, published)
    assert [change for change in back if change.breaks and change.rule != "closed"] == []


@pytest.mark.parametrize("case", SAFE, ids=str)
def test_what_was_written_before_fits_the_schema_afterwards(case: Case) -> None:
    validator = Draft202012Validator(case.schemas()[1])

    for golden in case.examples():
        validator.validate(golden.cloudevent["data"])


def test_there_are_forty_and_each_has_its_name() -> None:
    assert len({case.name for case in SAFE}) == len(SAFE) >= 40
