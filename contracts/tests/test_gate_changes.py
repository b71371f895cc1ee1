"""Of two forms of an event the gate says what differs, in the order of the fields, and whom it hurts."""

from gate_forms import NULL, a_list, a_map, an_object
from schema_edits import TEXT, WHOLE, Node, either

from contracts.gate.comparing import Change, Effect, compare, unlike


def hurt(published: Node, current: Node) -> list[tuple[str, str, Effect]]:
    return [(each.field, each.rule, each.effect) for each in compare(published, current)]


def test_changes_come_in_the_order_of_the_fields_and_each_says_whom_it_hurts() -> None:
    published = an_object("b", a={**TEXT, "default": "x"}, b=TEXT, c=TEXT, d=a_list(items=WHOLE), e=TEXT)
    current = an_object("c", a={**TEXT, "default": "y"}, b=TEXT, c=TEXT, d=a_list(items=TEXT), f=WHOLE)

    assert hurt(published, current) == [
        ("a", "default", Effect.EVERYONE),
        ("a", "default", Effect.EVERYONE),
        ("b", "required", Effect.OLD_READERS),
        ("c", "required", Effect.NEW_READERS),
        ("d[]", "type", Effect.NEW_READERS),
        ("d[]", "type", Effect.OLD_READERS),
        ("e", "field", Effect.NOBODY),
        ("f", "field", Effect.NOBODY),
    ]
    changes = compare(published, current)
    assert [each.reason for each in changes[:2]] == [
        "left out it means 'x' to one reader and 'y' to the next",
        "left out it means 'y' to one reader and 'x' to the next",
    ]
    assert [each.breaks for each in changes] == [True] * 6 + [False] * 2


def test_an_object_that_closes_hurts_who_still_writes_more_and_nobody_when_it_opens() -> None:
    open_, closed = an_object(a=TEXT), {**an_object(a=TEXT), "additionalProperties": False}

    assert hurt(open_, closed) == [("the event itself", "closed", Effect.NEW_READERS)]
    assert hurt(closed, open_) == []


def test_a_rename_is_told_from_fields_that_come_and_go_by_chance() -> None:
    old = an_object(a=TEXT, b=WHOLE, c=an_object(d=TEXT))
    renamed = an_object(x=TEXT, y=TEXT, b=WHOLE, c=an_object(d=TEXT))

    [change, *_] = compare(old, renamed)

    assert (change.field, change.rule, change.effect) == ("a", "rename", Effect.EVERYONE)
    assert "it goes while x or y comes" in change.reason
    # Of another kind, in another value, or long ago: these are two changes.
    assert hurt(old, an_object(x=WHOLE, b=WHOLE, c=an_object(d=TEXT)))[0] == ("a", "field", Effect.NOBODY)
    assert hurt(old, an_object(b=WHOLE, c=an_object(d=TEXT, x=TEXT)))[0] == ("a", "field", Effect.NOBODY)
    assert compare(old, renamed, is_latest=False)[0] == Change(
        "a", "field", "was optional and is gone", Effect.NOBODY
    )


def test_a_rename_is_seen_in_a_list_in_a_mapping_and_in_a_form() -> None:
    def holding(inner: Node) -> Node:
        return an_object(items=a_list(items=inner), names=a_map(inner), forms=either(NULL, inner))

    renamed = [
        each.field
        for each in compare(holding(an_object(a=TEXT)), holding(an_object(x=TEXT)))
        if each.rule == "rename"
    ]

    assert renamed == ["forms.a", "items[].a", "names.*.a"]


def test_a_field_that_comes_and_is_needed_is_no_optional_one() -> None:
    assert hurt(an_object(), an_object("a", a=TEXT)) == [("a", "required", Effect.NEW_READERS)]
    assert hurt(an_object("a", a=TEXT), an_object()) == [("a", "required", Effect.OLD_READERS)]


def test_a_class_that_writes_otherwise_than_it_is_read_is_named_field_by_field() -> None:
    read = an_object("a", "b", a=TEXT, b=TEXT, c=TEXT)
    written = an_object("a", a=WHOLE, b=TEXT, d=TEXT)

    found = unlike(written, read)

    assert [(each.field, each.reason) for each in found] == [
        ("a", "events as they are written may hold integer values, and readers of the schema take string"),
        ("b", "readers of the schema require it, and events as they are written may leave it out"),
        ("c", "the schema names it, and it is not always written"),
        ("d", "it is written, and the schema does not name it"),
    ]
    assert {each.effect for each in found} == {Effect.EVERYONE}
    assert unlike(read, read) == []
