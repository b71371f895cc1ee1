"""What an event may say of itself: each published limit to its last character, each rule of CloudEvents."""

from datetime import UTC, datetime
from typing import Any

import pytest
from partner_kit import ASSISTANCE, an_event

from gateway.partners.domain.attributes import Attributes, is_json, read_attributes

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def faults_of(event: dict[str, Any]) -> list[tuple[str, str]]:
    attributes, faults = read_attributes(event, now=NOW)
    assert (attributes is None) == bool(faults)
    return [(fault.pointer, fault.code) for fault in faults]


def test_an_event_is_known_by_what_it_says_of_itself() -> None:
    event = an_event(id="REQ-1", source="/requests", time="2026-11-03T09:12:04+05:30", subject="A/7")

    assert read_attributes(event, now=NOW) == (
        Attributes("REQ-1", "/requests", ASSISTANCE, datetime(2026, 11, 3, 3, 42, 4, tzinfo=UTC), "A/7"),
        [],
    )
    assert read_attributes(an_event(id="REQ-1", source="/requests", time=None), now=NOW) == (
        Attributes("REQ-1", "/requests", ASSISTANCE, None, None),
        [],
    )


@pytest.mark.parametrize(
    ("name", "limit", "letter"), [("id", 200, "ت"), ("source", 500, "s"), ("subject", 300, "é")]
)
def test_an_attribute_may_be_as_long_as_published_and_no_longer(name: str, limit: int, letter: str) -> None:
    assert faults_of(an_event(**{name: letter * limit})) == []
    assert faults_of(an_event(**{name: letter * (limit + 1)})) == [(f"/{name}", "too-long")]


def test_a_schemas_address_is_no_longer_than_a_source() -> None:
    assert faults_of(an_event(dataschema="urn:" + "x" * 496)) == []
    assert faults_of(an_event(dataschema="urn:" + "x" * 497)) == [("/dataschema", "too-long")]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_the_standard_requires_is_required(name: str) -> None:
    event = an_event()
    del event[name]

    assert faults_of(event) == faults_of(an_event(**{name: None})) == [(f"/{name}", "missing")]


@pytest.mark.parametrize(
    "name", ["specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"]
)
def test_what_the_standard_makes_a_string_is_one_and_not_empty(name: str) -> None:
    for value in (7, True, ["x"], {"x": "y"}):
        assert faults_of(an_event(**{name: value})) == [(f"/{name}", "not-a-string")]
    assert faults_of(an_event(**{name: ""})) == [(f"/{name}", "empty")]


@pytest.mark.parametrize("control", ["\x00", "\n", "\x1f", "\x7f", "\x9f", "\ud800", "\ufdd0", "\uffff"])
@pytest.mark.parametrize("name", ["id", "type", "subject", "extension"])
def test_no_attribute_holds_control_characters(name: str, control: str) -> None:
    assert faults_of(an_event(**{name: f"a{control}b"})) == [(f"/{name}", "control-character")]


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("/a/b:c", True),
        ("a?b:c", True),
        ("a#b:c", True),
        ("a%20b", True),
        ("https://[::1]:8080/", True),
        ("//[::1]", True),
        ("//a@[::1]/b?c#d?e/", True),
        ("#", True),
        ("a:b", True),
        ("a[b", False),
        ("/a?[b]", False),
        ("https://x/[::1]", False),
        ("#a#b", False),
        ("1a:b", False),
        ("a%2b%2", False),
        ("https://x:port/", False),
        ("é", False),
        ("a b", False),
    ],
)
def test_a_source_is_a_uri_reference(*, source: str, taken: bool) -> None:
    assert faults_of(an_event(source=source)) == ([] if taken else [("/source", "not-a-uri-reference")])


@pytest.mark.parametrize("schema", ["relative/path", "two words:", "1:2", "//host/path"])
def test_a_schemas_address_is_absolute(schema: str) -> None:
    assert faults_of(an_event(dataschema=schema)) == [("/dataschema", "not-a-uri")]


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-11-23T09:05:00Z", None),
        ("2026-11-23T10:05:00+01:00", None),
        ("2026-11-23T09:05:00.000001Z", "This lies more than 5 minutes in the future."),
        ("2026-11-23T09:05:00-01:00", "This lies more than 5 minutes in the future."),
        ("2026-02-30T09:00:00Z", "This must be a time as RFC 3339 writes it, such as 2026-03-31T09:30:00Z."),
    ],
)
def test_a_clock_may_run_five_minutes_ahead(time: str, said: str | None) -> None:
    _, faults = read_attributes(an_event(time=time), now=NOW)

    assert [str(fault.sentence) for fault in faults] == ([said] if said else [])
    codes = {"2026-02-30T09:00:00Z": "not-a-time"}
    assert [fault.code for fault in faults] == ([codes.get(time, "in-the-future")] if said else [])


def test_a_leap_second_is_the_second_before_it() -> None:
    attributes, _ = read_attributes(an_event(time="1990-12-31T15:59:60.5-08:00"), now=NOW)

    assert attributes is not None
    assert attributes.time == datetime(1990, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("value", ["text", True, False, 0, 2**31 - 1, -(2**31), None])
def test_an_extension_is_a_string_a_boolean_or_a_small_number(value: object) -> None:
    assert faults_of(an_event(partnershare=value)) == []


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 1.5, ["x"], {"x": "y"}])
def test_an_extension_is_nothing_else(value: object) -> None:
    assert faults_of(an_event(partnershare=value)) == [("/partnershare", "attribute-value")]


@pytest.mark.parametrize("name", ["Share", "my-share", "my_share", "shareÉ", "part/share", ""])
def test_an_extensions_name_has_lower_case_letters_and_digits_only(name: str) -> None:
    assert faults_of(an_event() | {name: "x"}) == [(f"/{name.replace('/', '~1')}", "attribute-name")]


def test_an_extensions_name_may_be_of_any_length() -> None:
    assert faults_of(an_event(**{"x" * 60: "x", "1": "x"})) == []


@pytest.mark.parametrize(
    ("media_type", "it_is"),
    [
        ("application/json;", True),
        ("application/json;odata=verbose", True),
        ("application/json; charset=utf-8; v=1", True),
        ('application/json; profile="x;y"', True),
        ("application/json; v=1; charset=latin-1", False),
        ("application/json; charset=utf-8; charset=utf-16", False),
        ("application/json", True),
        ("TEXT/JSON", True),
        ("application/json;charset=utf-8", True),
        ('application/json ;  charset = "UTF8" ', True),
        ("application/vnd.partner.v2+json", True),
        ("application/json; charset=US-ASCII", True),
        ("application/json; charset=latin-1", False),
        ("application/json; charset=utf-8; q=1", True),
        ("application/jsonp", False),
        ("application/json;;; ;", True),
        # Were there two ways of taking each blank, this would never end.
        ("application/json" + "; " * 100 + "!", False),
        ("application/+json", False),
        ("application/xml+json+zip", False),
        ("image/json", False),
    ],
)
def test_data_is_json_in_utf8(*, media_type: str, it_is: bool) -> None:
    assert is_json(media_type) is it_is
    assert faults_of(an_event(datacontenttype=media_type)) == (
        [] if it_is else [("/datacontenttype", "not-json")]
    )
