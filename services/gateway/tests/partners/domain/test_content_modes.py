"""The three ways an event comes over HTTP: structured, binary and batch."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from partner_kit import PARTNER, STRUCTURED, an_event, examples

from gateway.http.faults import RefusalError
from gateway.partners.domain.cloudevents import read_event
from gateway.partners.domain.content_modes import Mode, mode_of, structured_from_headers
from gateway.partners.domain.json_text import parse_json

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_a_whole_event_sent_as_its_data_is_told_how_it_is_sent() -> None:
    body = orjson.dumps(an_event())

    with pytest.raises(RefusalError) as refusal:
        structured_from_headers([], "application/json", body)

    [fault] = refusal.value.faults
    assert (refusal.value.status, fault.pointer, fault.code) == (422, "", "whole-event")
    assert "application/cloudevents+json" in str(fault.sentence)
    # With attributes in headers it is binary mode, whatever the data look like.
    told = [("ce-specversion", "1.0")]
    assert structured_from_headers(told, "application/json", body)["data"] == orjson.loads(body)


@pytest.mark.parametrize(
    ("content_type", "encoding", "mode"),
    [
        (STRUCTURED, None, Mode.STRUCTURED),
        ("Application/CloudEvents+JSON; charset=UTF-8", "identity", Mode.STRUCTURED),
        ("application/cloudevents-batch+json", None, Mode.BATCH),
        ("application/json", None, Mode.BINARY),
        ("application/vnd.partner+json; charset=utf-8", None, Mode.BINARY),
        ('text/json;charset="us-ascii"', "", Mode.BINARY),
        (f" {STRUCTURED} ; boundary=x; Charset=UTF8", " Identity ", Mode.STRUCTURED),
    ],
)
def test_the_three_modes_are_told_apart(content_type: str, encoding: str | None, mode: Mode) -> None:
    assert mode_of(content_type, encoding) is mode


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        (None, None),
        ("", None),
        ("text/plain", None),
        ("application/cloudevents", None),
        ("application/cloudevents+xml", None),
        ("application/cloudevents-batch+avro", None),
        (f"{STRUCTURED}; charset=latin-1", None),
        (STRUCTURED, "gzip"),
        (f"{STRUCTURED}; boundary=x; charset=utf-16", None),
        ("application/json, application/json", None),
        ("json", None),
    ],
)
def test_an_unknown_form_is_refused(content_type: str | None, encoding: str | None) -> None:
    with pytest.raises(RefusalError) as refusal:
        mode_of(content_type, encoding)

    assert refusal.value.status == 415


def test_the_charset_that_is_not_read_is_named() -> None:
    with pytest.raises(RefusalError) as refusal:
        mode_of(f"{STRUCTURED}; charset=utf-16", None)

    assert str(refusal.value.detail) == "The charset utf-16 is not read here. Send UTF-8."


@pytest.mark.parametrize("wrap", [to_structured_event, to_binary_event])
@pytest.mark.parametrize(("name", "event"), examples())
def test_what_the_official_library_sends_is_understood(
    name: str, event: dict[str, Any], wrap: Callable[[CloudEvent], HTTPMessage]
) -> None:
    attributes = {key: value for key, value in event.items() if key != "data"}
    attributes["time"] = datetime.fromisoformat(attributes["time"])
    message = wrap(CloudEvent(attributes=attributes, data=event["data"]))
    headers = {key.lower(): value for key, value in message.headers.items()}

    mode = mode_of(headers["content-type"], None)
    document = (
        parse_json(message.body)
        if mode is Mode.STRUCTURED
        else structured_from_headers(headers.items(), headers["content-type"], message.body)
    )
    sent = read_event(document, now=NOW, sender=PARTNER)

    assert (name.partition("/")[0], sent.attributes.id) == (sent.attributes.type, event["id"])
    assert sent.content_sha256 == read_event(event, now=NOW, sender=PARTNER).content_sha256


def test_an_event_in_headers_needs_no_media_type_and_one_in_the_body_does() -> None:
    assert mode_of(None, None, attributes_in_headers=True) is Mode.BINARY
    assert mode_of(STRUCTURED, None, attributes_in_headers=True) is Mode.STRUCTURED
    with pytest.raises(RefusalError):
        mode_of("", None, attributes_in_headers=True)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("plain", "plain"),
        ("%E2%82%AC%20100", "€ 100"),
        ('"in quotes"', "in quotes"),
        (r'"a \"quoted\" word, and \\"', 'a "quoted" word, and \\'),
        ('"', '"'),
        ('""', ""),
        ('5"', '5"'),
        (" spaces around ", "spaces around"),
        ("", ""),
        # As some libraries send it, though the binding has another way.
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a b", "a b"),
        ("Économie".encode().decode("latin-1"), "Économie"),
    ],
)
def test_a_headers_value_is_read_as_the_binding_writes_it(header: str, value: str) -> None:
    assert structured_from_headers([("ce-x", header)], "application/json", b"1") == {
        "datacontenttype": "application/json",
        "x": value,
        "data": 1,
    }


def test_binary_mode_is_the_same_event() -> None:
    event = an_event(id="2026/ت/118", datacontenttype="application/json")
    headers = [
        ("ce-id", '"2026/%D8%AA/118"'),
        *((f"ce-{name}", event[name]) for name in ("specversion", "source", "type", "time")),
        ("host", "gateway"),
    ]

    assert structured_from_headers(headers, "application/json", orjson.dumps(event["data"])) == event


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ([("ce-id", "a"), ("ce-id", "b")], "/id"),
        ([("ce-datacontenttype", "text/xml")], "/datacontenttype"),
        ([("ce-data", "{}")], "/data"),
        ([("ce-data_base64", "e30=")], "/data_base64"),
        ([("ce-a/b", "%ff")], "/a~1b"),
        ([("ce-id", "%ff")], "/id"),
        ([("ce-id", "é")], "/id"),
    ],
)
def test_binary_mode_names_the_wrong_header(headers: list[tuple[str, str]], pointer: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        structured_from_headers(headers, "application/json", b"{}")

    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        # Percent-encoded once more, as the binding wants it, or as it stands, as the libraries for Go and Java send it.
        ("https://partner.example/a%2520b", "https://partner.example/a%20b"),
        ("https://partner.example/a%20b", "https://partner.example/a%20b"),
        ("https://partner.example/caf%25C3%25A9", "https://partner.example/caf%C3%A9"),
        ("https://partner.example/caf%C3%A9", "https://partner.example/caf%C3%A9"),
        # Both may be meant here, and the binding decides.
        ("https://partner.example/a%2Fb", "https://partner.example/a/b"),
        ("two words", "two words"),
    ],
)
def test_a_source_in_a_header_is_the_uri_that_was_meant(header: str, source: str) -> None:
    assert structured_from_headers([("ce-source", header)], "application/json", b"1")["source"] == source


def test_the_media_type_may_be_said_twice_where_it_is_the_same() -> None:
    event = structured_from_headers([("ce-datacontenttype", "application/json")], "application/json", b"1")

    assert event == {"datacontenttype": "application/json", "data": 1}


@pytest.mark.parametrize(
    ("named", "content_type", "same"),
    [
        ("application/json", "application/json; charset=utf-8", True),
        ("Application/JSON", "application/json", True),
        ("application/json", "application/vnd.partner+json", False),
        ("application/json; charset=latin-1", "application/json", False),
    ],
)
def test_a_media_type_is_the_same_however_it_is_written(*, named: str, content_type: str, same: bool) -> None:
    headers = [("ce-datacontenttype", named)]
    if same:
        assert structured_from_headers(headers, content_type, b"1")["datacontenttype"] == content_type
    else:
        with pytest.raises(RefusalError) as refusal:
            structured_from_headers(headers, content_type, b"1")
        assert [fault.code for fault in refusal.value.faults] == ["attribute-twice"]


@pytest.mark.parametrize("value", ["ЗАКАЗ-ПЕР", "voilà", "Å", "Ca và", "élan…"])
def test_a_letter_whose_last_byte_looks_like_a_blank_is_no_blank(value: str) -> None:
    headers = [("ce-id", f" {value.encode().decode('latin-1')}\t"), ("ce-subject", "a")]

    assert structured_from_headers(headers, "application/json", b"1")["id"] == value


@pytest.mark.parametrize("value", ["abc\xa0", "\x85abc"])
def test_what_is_no_utf8_is_not_made_shorter_until_it_is(value: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        structured_from_headers([("ce-id", value)], "application/json", b"1")

    assert [fault.code for fault in refusal.value.faults] == ["header-encoding"]


def test_an_attribute_in_two_headers_is_named_once_with_its_code() -> None:
    headers = [("ce-id", "1"), ("ce-id", "2")]

    with pytest.raises(RefusalError) as refusal:
        structured_from_headers(headers, "application/json", b"{}")

    assert [(fault.pointer, fault.code) for fault in refusal.value.faults] == [("/id", "attribute-twice")]
