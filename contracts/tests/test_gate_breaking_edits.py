"""The gate under attack: edits of real events that would hurt a reader are each caught, for what they are."""

import pytest
from schema_edits import (
    ASSISTANCE,
    BY_PHONE,
    BY_POST,
    CONCERN,
    ENTITY,
    ENVELOPE,
    JOINED,
    KNOWLEDGE,
    NOTIFIED,
    OPENED,
    ORGANISATION,
    PARTNERSHIP,
    PLAN,
    RESEARCH,
    STATISTICS,
    TEXT,
    TRAINING,
    WHOLE,
    WITH_A_MAP,
    WITH_A_PAIR,
    WITH_A_TREE,
    WITH_A_UNION,
    Case,
    add,
    become,
    both,
    change,
    default,
    drop,
    either,
    no_default,
    not_null,
    or_null,
    release,
    rename,
    require,
    set_rule,
    tagged,
    values,
    without,
)

from contracts.gate.comparing import compare

BREAKING = [
    # Fields
    Case("a required field goes", OPENED, drop("due_on"), "due_on", "required"),
    Case("a required field comes", ASSISTANCE, add("budget", required=True), "budget", "required"),
    Case("an optional field becomes required", ASSISTANCE, require("needed_by"), "needed_by", "required"),
    Case("a required field becomes optional", JOINED, release("time_zone"), "time_zone", "required"),
    Case("a required field is renamed", OPENED, rename("result", "output"), "result", "required"),
    Case("an optional field is renamed", OPENED, rename("reason", "ground"), "reason", "rename"),
    Case("a list is renamed", RESEARCH, rename("languages", "language_tags"), "languages", "required"),
    Case("the case of a name changes", JOINED, rename("time_zone", "timeZone"), "time_zone", "required"),
    Case("a required field of a value goes", OPENED, drop("title.ar"), "title.ar", "required"),
    Case(
        "a required field of a value comes",
        KNOWLEDGE,
        add("title.script", required=True),
        "title.script",
        "required",
    ),
    Case(
        "a field within a list of values goes",
        STATISTICS,
        drop("figures[].unit"),
        "figures[].unit",
        "required",
    ),
    Case(
        "a field within a list of values is renamed",
        STATISTICS,
        rename("figures[].sex", "gender"),
        "figures[].sex",
        "rename",
    ),
    Case("a field of an optional value goes", OPENED, drop("actor.label"), "actor.label", "required"),
    Case(
        "a value becomes required within", STATISTICS, require("figures[].sex"), "figures[].sex", "required"
    ),
    Case("an attribute of the envelope goes", ENVELOPE, drop("correlationid"), "correlationid", "required"),
    Case(
        "an attribute of the envelope is required",
        ENVELOPE,
        require("traceparent"),
        "traceparent",
        "required",
    ),
    # Types
    Case("text becomes a number", JOINED, become("label", WHOLE), "label", "type"),
    Case("a number becomes text", PLAN, become("version", TEXT), "version", "type"),
    Case("a whole number becomes any number", PLAN, become("outputs", {"type": "number"}), "outputs", "type"),
    Case(
        "any number becomes a whole one",
        STATISTICS,
        become("figures[].value", WHOLE),
        "figures[].value",
        "type",
    ),
    Case("a truth becomes text", ORGANISATION, become("confirmed", TEXT), "confirmed", "type"),
    Case(
        "a code becomes a list of codes",
        OPENED,
        become("result", {"type": "array", "items": TEXT}),
        "result",
        "type",
    ),
    Case("a list becomes one value", OPENED, become("units", TEXT), "units", "type"),
    Case("a text with its language becomes text", KNOWLEDGE, become("title", TEXT), "title", "type"),
    Case(
        "text becomes a text with its language",
        OPENED,
        become("rule", {"$ref": "#/$defs/Title"}),
        "rule",
        "type",
    ),
    Case(
        "the items of a list change their type",
        OPENED,
        become("units", {"type": "array", "items": WHOLE}),
        "units[]",
        "type",
    ),
    Case(
        "a field takes a second type", PLAN, become("code", {"type": ["string", "integer"]}), "code", "type"
    ),
    Case(
        "a field gives up one of its types",
        STATISTICS,
        become("figures[].value", {"type": "number"}),
        "figures[].value",
        "type",
    ),
    Case("a field takes anything", JOINED, become("label", {}), "label", "type"),
    # Null
    Case("a required field may be null", JOINED, or_null("label"), "label", "null"),
    Case("an optional field may no longer be null", ASSISTANCE, not_null("needed_by"), "needed_by", "null"),
    Case("a list may be null", RESEARCH, or_null("languages"), "languages", "null"),
    Case("a value within may be null", STATISTICS, or_null("figures[].unit"), "figures[].unit", "null"),
    # Codes
    Case("an enum loses a value", ASSISTANCE, values("theme", fewer=("crisis",)), "theme", "enum"),
    Case(
        "an enum gains a value",
        ASSISTANCE,
        values("constituency", more=("academia",)),
        "constituency",
        "enum",
    ),
    Case(
        "an enum's value is renamed",
        OPENED,
        values("state", more=("done",), fewer=("completed",)),
        "state",
        "enum",
    ),
    Case(
        "an enum's value changes its case",
        JOINED,
        values("role", more=("Operator",), fewer=("operator",)),
        "role",
        "enum",
    ),
    Case(
        "an enum within a list gains a value",
        CONCERN,
        values("grounds[]", more=("fraud",)),
        "grounds[]",
        "enum",
    ),
    Case("an enum becomes free text", KNOWLEDGE, become("kind", TEXT), "kind", "enum"),
    Case("free text becomes an enum", JOINED, become("label", {"enum": ["coordinator"]}), "label", "enum"),
    Case(
        "a literal takes a second value",
        NOTIFIED,
        become("channel", {"enum": ["inbox", "email"]}),
        "channel",
        "enum",
    ),
    Case("a literal changes", NOTIFIED, set_rule("channel", "const", "email"), "channel", "enum"),
    Case(
        "the envelope's specversion changes",
        ENVELOPE,
        set_rule("specversion", "const", "1.1"),
        "specversion",
        "enum",
    ),
    Case(
        "a code comes of another list",
        ASSISTANCE,
        set_rule("country", "x-code-list", "regions"),
        "country",
        "x-code-list",
    ),
    Case(
        "a code is of no list any more", TRAINING, without("country", "x-code-list"), "country", "x-code-list"
    ),
    Case(
        "text becomes a code of a list",
        ORGANISATION,
        set_rule("region", "x-code-list", "regions"),
        "region",
        "x-code-list",
    ),
    # Limits
    Case("a text may be longer", KNOWLEDGE, change("title.text", maxLength=500), "title.text", "maxLength"),
    Case(
        "a text must be shorter",
        KNOWLEDGE,
        change("summary.text", maxLength=5000),
        "summary.text",
        "maxLength",
    ),
    Case(
        "a text has no greatest length any more",
        ASSISTANCE,
        without("requested_by", "maxLength"),
        "requested_by",
        "maxLength",
    ),
    Case("a text gets a greatest length", JOINED, change("label", maxLength=100), "label", "maxLength"),
    Case("a text may be empty", ENTITY, change("names[].name", minLength=0), "names[].name", "minLength"),
    Case("a text must be longer", TRAINING, change("organiser", minLength=2), "organiser", "minLength"),
    Case("a list may be empty", RESEARCH, without("languages", "minItems"), "languages", "minItems"),
    Case("a list may no longer be empty", RESEARCH, change("countries", minItems=1), "countries", "minItems"),
    Case("a list may be longer", PARTNERSHIP, change("parties", maxItems=100), "parties", "maxItems"),
    Case(
        "a list gets a greatest length", ENTITY, change("identifiers", maxItems=10), "identifiers", "maxItems"
    ),
    Case("a list holds each item once", OPENED, change("units", uniqueItems=True), "units", "uniqueItems"),
    Case(
        "a year may be earlier",
        STATISTICS,
        change("reference_year", minimum=1900),
        "reference_year",
        "minimum",
    ),
    Case(
        "a year must be later",
        STATISTICS,
        change("reference_year", minimum=2000),
        "reference_year",
        "minimum",
    ),
    Case("a year may be any", STATISTICS, without("reference_year", "maximum"), "reference_year", "maximum"),
    Case(
        "a bound no longer includes itself",
        ENVELOPE,
        both(without("epoch", "minimum"), change("epoch", exclusiveMinimum=1)),
        "epoch",
        "exclusiveMinimum",
    ),
    Case("numbers come in steps", PLAN, change("results", multipleOf=10), "results", "multipleOf"),
    Case(
        "a decimal may be finer",
        STATISTICS,
        set_rule("figures[].value", "x-decimal-places", 9),
        "figures[].value",
        "x-decimal-places",
    ),
    Case(
        "a decimal must be shorter",
        STATISTICS,
        set_rule("figures[].value", "x-max-digits", 12),
        "figures[].value",
        "x-max-digits",
    ),
    # Shapes of text
    Case("a pattern changes", ASSISTANCE, change("country", pattern="^[A-Z]{3}$"), "country", "pattern"),
    Case("a pattern goes", OPENED, without("result", "pattern"), "result", "pattern"),
    Case("a pattern comes", OPENED, change("rule", pattern="^[a-z-]+$"), "rule", "pattern"),
    Case(
        "a pattern within a list changes", OPENED, change("units[]", pattern="^[A-Z]+$"), "units[]", "pattern"
    ),
    Case("an id becomes any text", OPENED, without("task_id", "format"), "task_id", "format"),
    Case("a date becomes a time", OPENED, change("due_on", format="date-time"), "due_on", "format"),
    Case("a time becomes a date", OPENED, change("opened_at", format="date"), "opened_at", "format"),
    Case("text becomes an id", NOTIFIED, change("organisation", format="uuid"), "organisation", "format"),
    Case(
        "an address may be relative", RESEARCH, change("address", format="uri-reference"), "address", "format"
    ),
    Case(
        "text is written in base64",
        KNOWLEDGE,
        change("summary.text", contentEncoding="base64"),
        "summary.text",
        "contentEncoding",
    ),
    # Rules of the types that JSON Schema has no word for
    Case(
        "an address may be of any kind",
        RESEARCH,
        set_rule("address", "x-url-schemes", "any"),
        "address",
        "x-url-schemes",
    ),
    Case(
        "a time may lack its offset",
        OPENED,
        set_rule("opened_at", "x-offset", "any"),
        "opened_at",
        "x-offset",
    ),
    Case(
        "a date has a beginning", OPENED, set_rule("due_on", "x-minimum", "2026-01-01"), "due_on", "x-minimum"
    ),
    Case("a date lies ahead", OPENED, set_rule("due_on", "x-now", "future"), "due_on", "x-now"),
    Case(
        "white space around a text counts",
        KNOWLEDGE,
        set_rule("title.text", "x-white-space", "kept"),
        "title.text",
        "x-white-space",
    ),
    Case(
        "a padded number may be nothing",
        ENVELOPE,
        set_rule("sequence", "x-number", {"type": "integer", "minimum": 0, "exclusiveMaximum": 10**10}),
        "sequence",
        "x-number",
    ),
    # What an event says that leaves a field out
    Case("a default changes", TRAINING, default("online", value=True), "online", "default"),
    Case(
        "an empty default becomes null",
        OPENED,
        both(or_null("waiting_for"), default("waiting_for", None)),
        "waiting_for",
        "default",
    ),
    Case("a default is not said any more", TRAINING, no_default("online"), "online", "default"),
    Case("a default of the envelope changes", ENVELOPE, default("to", "hq"), "to", "default"),
    # Objects, mappings, unions
    Case(
        "an event refuses what it does not know",
        OPENED,
        change("", additionalProperties=False),
        "the event itself",
        "closed",
    ),
    Case(
        "a value refuses what it does not know",
        OPENED,
        change("title", additionalProperties=False),
        "title",
        "closed",
    ),
    Case(
        "a mapping's values change their type",
        OPENED,
        change("counts", additionalProperties=TEXT),
        "counts.*",
        "type",
        WITH_A_MAP,
    ),
    Case(
        "a mapping becomes an object",
        OPENED,
        become("counts", {"type": "object", "properties": {"women": WHOLE}}),
        "counts.*",
        "additionalProperties",
        WITH_A_MAP,
    ),
    Case(
        "a mapping's names get a pattern",
        OPENED,
        change("counts", propertyNames={"pattern": "^[a-z]+$"}),
        "counts",
        "propertyNames",
        WITH_A_MAP,
    ),
    Case(
        "a field comes to depend on another",
        OPENED,
        change("", dependentRequired={"partner": ["partner_name"]}),
        "the event itself",
        "dependentRequired",
    ),
    Case(
        "a value comes under a condition",
        OPENED,
        change("", **{"if": {"required": ["partner"]}, "then": {"required": ["country"]}}),
        "the event itself",
        "if",
    ),
    Case("something is forbidden", JOINED, change("label", **{"not": {"const": "nobody"}}), "label", "not"),
    Case(
        "a union gains a form",
        OPENED,
        become("contact", either(BY_POST, BY_PHONE, tagged("mail", to=TEXT))),
        "contact.kind",
        "enum",
        WITH_A_UNION,
    ),
    Case(
        "a union loses a form",
        OPENED,
        become("contact", either(BY_POST)),
        "contact.kind",
        "enum",
        WITH_A_UNION,
    ),
    Case(
        "a form of a union changes",
        OPENED,
        become("contact", either(BY_POST, tagged("phone", number=WHOLE))),
        "contact.number",
        "type",
        WITH_A_UNION,
    ),
    Case(
        "a form of a union changes its tag",
        OPENED,
        become("contact", either(BY_POST, tagged("call", number=TEXT))),
        "contact.kind",
        "enum",
        WITH_A_UNION,
    ),
    Case(
        "a union's forms begin to overlap",
        OPENED,
        become("contact", either(BY_POST, BY_PHONE, BY_PHONE)),
        "contact",
        "oneOf",
        WITH_A_UNION,
    ),
    Case(
        "the parts of a pair change places",
        OPENED,
        become("place", {"type": "array", "prefixItems": [WHOLE, TEXT], "minItems": 2, "maxItems": 2}),
        "place[0]",
        "type",
        WITH_A_PAIR,
    ),
    Case(
        "a value that holds itself changes within",
        OPENED,
        lambda schema: schema["$defs"]["Part"]["properties"].update(name=WHOLE),
        "parts.name",
        "type",
        WITH_A_TREE,
    ),
    # The whole
    Case(
        "the schema takes another name",
        PLAN,
        change("", **{"$id": "urn:ilo:sse:schema:plan"}),
        "dataschema",
        "dataschema",
    ),
    Case(
        "the dialect changes",
        PLAN,
        change("", **{"$schema": "http://json-schema.org/draft-07/schema#"}),
        "$schema",
        "$schema",
    ),
]

CLOSING = {"closed", "oneOf"}
"""Rules that hurt when they come: one that goes opens what was closed, and hurts nobody."""


@pytest.mark.parametrize("case", BREAKING, ids=str)
def test_an_edit_that_hurts_somebody_is_caught_where_it_is_made(case: Case) -> None:
    found = [change for change in compare(*case.schemas()) if change.breaks]

    assert (case.field, case.rule) in {(change.field, change.rule) for change in found}
    assert all(change.reason for change in found)


@pytest.mark.parametrize("case", [case for case in BREAKING if case.rule not in CLOSING], ids=str)
def test_taking_it_back_is_caught_as_well(case: Case) -> None:
    published, current = case.schemas()

    assert any(change.breaks for change in compare(current, published))


def test_there_are_sixty_and_each_has_its_name() -> None:
    assert len({case.name for case in BREAKING}) == len(BREAKING) >= 60
