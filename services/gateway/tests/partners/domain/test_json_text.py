"""Reading JSON as it was sent, and saying what came instead of it."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.faults import RefusalError
from gateway.partners.domain.json_text import Inexact, parse_json, settle


def refusal_of(body: bytes) -> tuple[str, str]:
    with pytest.raises(RefusalError) as refusal:
        parse_json(body)
    [fault] = refusal.value.faults
    assert (refusal.value.status, fault.pointer) == (422, "")
    return fault.code, str(fault.sentence)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The body is empty."),
        (b" \r\n\t", "The body is empty."),
        (b"<!doctype html>", "The body is HTML or XML. Send JSON."),
        (b"\n<event/>", "The body is HTML or XML. Send JSON."),
        (b"id=7&type=x", "The body is form data. Send JSON."),
        (b"------Boundary\r\n", "The body is form data. Send JSON."),
        (b"\x1f\x8b\x08\x00\x00\x00", "The body is compressed. Send it as it is."),
        ('{"a": 1}'.encode("utf-16"), "The body is in UTF-16 or UTF-32. Send it in UTF-8."),
        ('{"a": 1}'.encode("utf-16-le"), "The body is in UTF-16 or UTF-32. Send it in UTF-8."),
        ('{"a": 1}'.encode("utf-32-be"), "The body is in UTF-16 or UTF-32. Send it in UTF-8."),
        (b'{"a": [1', "The JSON breaks off after 8 bytes, where more has to follow."),
        (b'{"a": "b', "The JSON breaks off after 8 bytes, where more has to follow."),
        (b'{"a": 1,}', "Before byte 8 stands a comma after which nothing follows."),
        (b"[1,]", "Before byte 3 stands a comma after which nothing follows."),
        (
            b'{"a": 1}\n{"b": 2}',
            "The JSON ends before byte 9, and more follows. Several events are sent as a batch, in an array.",
        ),
        (b'{"a": NaN}', "JSON has no NaN: see byte 6."),
        (b'{"a": -Infinity}', "JSON has no Infinity: see byte 7."),
        (b'{"a": None}', "JSON has no None: see byte 6."),
        (b"{'a': 1}", "JSON has strings in double quotes only: see byte 1."),
        (b'{"a": "\\ud800x"}', "Half a character (a lone surrogate) is escaped before byte 13."),
        (b'{"a": "b\nc"}', "An unescaped control character stands in the string at byte 8."),
        (b"1" * 5000, "The number before byte 4301 has too many digits."),
        (b'\n\n {"a": 1,\n "b" 2}', "This is not valid JSON at byte 17."),
        ('{"a": 1,\u00a0"b": 2}'.encode(), "This is not valid JSON at byte 8."),
        (
            '{"a": "Économie"}'.encode("latin-1"),
            "The byte C9 at 7 is not UTF-8. Is the text in Latin-1 or Windows-1252? Send it in UTF-8.",
        ),
        (
            b'{"a": "\xed\xa0\x80"}',
            "The byte ED at 7 is not UTF-8. Is the text in Latin-1 or Windows-1252? Send it in UTF-8.",
        ),
    ],
)
def test_what_came_instead_of_json_is_said(body: bytes, said: str) -> None:
    assert refusal_of(body) == ("malformed-json", said)


def test_bytes_are_counted_as_they_were_sent() -> None:
    code, said = refusal_of(b'\xef\xbb\xbf{"a": 1,}')

    assert (code, said) == ("malformed-json", "Before byte 11 stands a comma after which nothing follows.")


def test_a_mark_at_the_beginning_is_passed_over() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_a_name_that_stands_twice_is_named() -> None:
    assert refusal_of(b'{"a": {"b": 1, "b": 2}}') == (
        "name-twice",
        "The name b stands twice in one object, the second time before byte 19.",
    )
    assert len(refusal_of(b'{"%b": 1, "%b": 2}' % (b"x" * 999, b"x" * 999))[1]) < 200


def test_nesting_without_an_end_is_refused() -> None:
    assert refusal_of(b"[" * 5000)[0] == "too-deep"


@given(body=st.binary(max_size=30) | st.text(alphabet='{}[]",:\\1e.-+aN\n ', max_size=30).map(str.encode))
def test_whatever_comes_is_json_or_refused_with_a_sentence(body: bytes) -> None:
    said = ""
    try:
        parse_json(body)
    except RefusalError as refusal:
        said = str(refusal.faults[0].sentence)

    assert said.endswith(".") or orjson.loads(body.removeprefix(b"\xef\xbb\xbf")) is not ...


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_exact_as_it_is_written_shortest(number: float) -> None:
    document = parse_json(orjson.dumps([number]))

    assert settle(document).inexact == ()
    assert document == [number]


@pytest.mark.parametrize(
    "written",
    ["1e400", "-1e400", "1e-400", "0.10000000000000001", "1234567890123.4567", "1e9999999999999999999"],
)
def test_what_a_double_does_not_hold_stays_its_text(written: str) -> None:
    document = parse_json(b'{"a": [%s]}' % written.encode())

    settled = settle(document)

    assert settled.inexact == (("a", 0),)
    assert not settled.is_plain
    assert document == {"a": [Inexact(written)]}


@pytest.mark.parametrize(
    ("written", "number"),
    [("0.1", 0.1), ("1.50", 1.5), ("123456789.123456", 123456789.123456), ("-0.0", 0.0)],
)
def test_what_a_double_holds_is_that_number(written: str, number: float) -> None:
    document = parse_json(b"[%s]" % written.encode())

    assert settle(document).inexact == ()
    assert document == [number]
