"""A large batch is taken apart without being read, and is then what it would have been when read as a whole."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.faults import RefusalError
from gateway.partners.domain.batches import Unread, batch_in
from gateway.partners.domain.json_text import parse_json
from gateway.partners.domain.refusals import BATCH_PARTS

BLANKS = b" " * 256 * 1024
"""Makes a batch too large to be read as a whole."""


def sliced(body: bytes) -> list[object]:
    events = batch_in(body + BLANKS)
    assert all(isinstance(event, Unread) and body[event.at :].startswith(event.text) for event in events)
    return [parse_json(event.text) for event in events if isinstance(event, Unread)]


def refusal_of(body: bytes) -> tuple[int, str, str]:
    with pytest.raises(RefusalError) as refusal:
        batch_in(body + BLANKS)
    fault = refusal.value.faults[0]
    return refusal.value.status, fault.pointer, str(fault.sentence)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b" [ ] ",
        b"\xef\xbb\xbf[{}]",
        b'[{"a": "}]\\"\\\\"}, [[], {"b": ["{"]}],"x,]", -10 ,null,true]',
        b'[ {"a":1}\n,\t{"b":2} ]\n',
        b'["%b", {"%b": "%b"}]' % (b"\\n" * 2000, b"x" * 9, b'\\"' * 2000),
        b"[[%b]]" % b",".join([b'"a"'] * 3000),
        b'[{"a": ["%b]", {"b": "{"}]}, {"c": "}"}]' % (b"x" * 70_000),
        b'[[[[[[[["]"], "["]]]]]]]',
    ],
)
def test_a_batch_is_the_same_taken_apart_and_as_a_whole(body: bytes) -> None:
    assert sliced(body) == orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))


@settings(deadline=None, max_examples=50)
@given(
    events=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(alphabet='{}[]",\\a\u00e9', max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text('"\\{[a', max_size=3), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_whatever_stands_in_strings_takes_nothing_apart(events: list[Any]) -> None:
    assert sliced(orjson.dumps(events)) == events
    assert sliced(orjson.dumps(events, option=orjson.OPT_INDENT_2)) == events


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (b"", "", "The body is empty."),
        (b"{}", "", "A batch is a JSON array of events."),
        (b"7", "", "A batch is a JSON array of events."),
        (b"<html>", "", "The body is HTML or XML. Send JSON."),
        (
            b"[{}] x",
            "",
            "The JSON ends before byte 5, and more follows. Several events are sent as a batch, in an array.",
        ),
        (b"[{} {}]", "", "This is not valid JSON at byte 4."),
        (b"[,]", "/0", "This is not valid JSON at byte 1."),
        (b"[{},]", "/1", "Before byte 4 stands a comma after which nothing follows."),
        (b"[{},tru,{}]", "/1", "This is not valid JSON at byte 4."),
        (b"[{}, NaN ]", "/1", "JSON has no NaN: see byte 5."),
        (b"[007]", "/0", "This is not valid JSON at byte 1."),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(body: bytes, pointer: str, said: str) -> None:
    assert refusal_of(body) == (422, pointer, said)


@pytest.mark.parametrize("body", [b"[", b"[{}", b"[{},", b'[{"a": "', b'["a\\', b'[{"a": [1, 2}'])
def test_a_batch_that_breaks_off_is_refused_as_a_whole(body: bytes) -> None:
    status, _, said = refusal_of(body)

    assert status == 422
    assert said == f"The JSON breaks off after {len(body + BLANKS)} bytes, where more has to follow."


@pytest.mark.parametrize(
    "body", [b"[{},]", b"[{},tru]", b"[{} {}]", b"[7", b"[{},{}}]", b"<p>", b"[{'a':1}]"]
)
def test_a_small_batch_is_told_what_a_large_one_is(body: bytes) -> None:
    with pytest.raises(RefusalError) as refusal:
        [parse_json(event.text, at=event.at) for event in batch_in(body) if isinstance(event, Unread)]
    small = refusal.value.faults[0]
    with pytest.raises(RefusalError) as refusal:
        [
            parse_json(event.text, at=event.at)
            for event in batch_in(body + BLANKS)
            if isinstance(event, Unread)
        ]
    large = refusal.value.faults[0]

    assert small.pointer == large.pointer
    # How many bytes there were is the one thing in which they differ.
    assert str(small.sentence).replace(str(len(body)), "n") == str(large.sentence).replace(
        str(len(body + BLANKS)), "n"
    )


def test_where_an_event_is_missing_its_place_is_named() -> None:
    assert refusal_of(b"[{},")[1] == "/1"


def test_a_batch_has_its_limits_whatever_it_is_made_of() -> None:
    assert refusal_of(b"[%b]" % b",".join([b"1"] * 1001))[0] == 413
    assert len(batch_in(b"[%b]" % b",".join([b"1"] * 1000) + BLANKS)) == 1000
    with pytest.raises(RefusalError) as refusal:
        batch_in(b"[[%b]]" % b",".join([b"{}"] * BATCH_PARTS))
    assert str(refusal.value.detail) == "A batch may have 200000 objects and arrays at most."


def test_an_event_that_says_a_name_twice_holds_none_of_the_others_up() -> None:
    good, twice = batch_in(b'[{"id": "1"}, {"id": "2", "id": "3"}]')

    assert isinstance(good, Unread)
    assert isinstance(twice, Unread)
    assert (good.text, twice.at) == (b'{"id": "1"}', 14)


def test_a_batch_of_blanks_is_no_json_and_no_batch_of_something_else() -> None:
    assert refusal_of(b"") == refusal_of(b" ")
    assert "array" not in refusal_of(b"")[2]


def test_a_batch_may_have_as_many_parts_as_it_is_told() -> None:
    # One array is the batch itself.
    as_many = b"[[%b]]" % b",".join([b"{}"] * (BATCH_PARTS - 2))

    assert len(sliced(as_many)) == 1
    assert refusal_of(as_many + b"[")[0] == 413
