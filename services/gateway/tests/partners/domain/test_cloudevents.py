"""Reading CloudEvents: what is taken, and what is said about what is not."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from partner_kit import ASSISTANCE, PARTNER, an_event, examples
from pydantic import ValidationError

from contracts.catalogue import PARTNER_EVENTS
from contracts.partner import Origin
from gateway.clients import VerifiedKey
from gateway.http.faults import RefusalError
from gateway.http.validation import KNOWN_KINDS
from gateway.partners.domain.attributes import read_attributes
from gateway.partners.domain.batches import batch_in
from gateway.partners.domain.cloudevents import RefusedEvent, SentEvent, read_batch, read_event
from gateway.partners.domain.content import content_sha256
from gateway.partners.domain.json_text import parse_json

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def granted(*types: str) -> VerifiedKey:
    return PARTNER.model_copy(update={"grants": frozenset(types)})


def _refusal(event: object, sender: VerifiedKey = PARTNER) -> RefusalError:
    with pytest.raises(RefusalError) as refusal:
        read_event(event, now=NOW, sender=sender)
    return refusal.value


@pytest.mark.parametrize(("name", "event"), examples())
def test_every_published_example_is_taken(name: str, event: dict[str, Any]) -> None:
    sent = read_event(event, now=NOW, sender=granted(event["type"]))

    assert name.startswith(sent.data.type)
    assert sent.attributes.id == event["id"]


@pytest.mark.parametrize(
    ("event", "pointers"),
    [
        ([], [""]),
        ({}, ["/specversion", "/id", "/source", "/type", "/data"]),
        (an_event(specversion="0.3"), ["/specversion"]),
        (an_event(id=""), ["/id"]),
        (an_event(id="x" * 201), ["/id"]),
        (an_event(id="a\nb"), ["/id"]),
        (an_event(id="."), ["/id"]),
        (an_event(id=".."), ["/id"]),
        (an_event(id=7), ["/id"]),
        (an_event(source="two words"), ["/source"]),
        (an_event(source="https://[half"), ["/source"]),
        (an_event(source="1:2"), ["/source"]),
        (an_event(time="yesterday"), ["/time"]),
        (an_event(time="2026-11-03 09:12:04Z"), ["/time"]),
        (an_event(time="2026-11-03T09:12:04"), ["/time"]),
        (an_event(time="0001-01-01T00:00:00+14:00"), ["/time"]),
        (an_event(time="2026-11-23T09:05:01Z"), ["/time"]),
        (an_event(datacontenttype="text/plain"), ["/datacontenttype"]),
        (an_event(datacontenttype="application/json; charset=latin-1"), ["/datacontenttype"]),
        (an_event(dataschema="relative/path"), ["/dataschema"]),
        (an_event(data_base64="AAAA"), ["/data_base64"]),
        (an_event(data=None), ["/data"]),
        (an_event(data="text"), ["/data"]),
        (an_event(My_Extension="x"), ["/My_Extension"]),
        (an_event(extension={"nested": 1}), ["/extension"]),
        (an_event(extension=2**31), ["/extension"]),
        (an_event(type="partner.assistance.requested.v9"), ["/type"]),
        (an_event(type="partner.asistance.requested.v1"), ["/type"]),
        (an_event(type="registry.member.joined.v1"), ["/type"]),
        (an_event(data__country="senegal"), ["/data/country"]),
        (an_event(data__country="ZZ"), ["/data/country"]),
        (an_event(data__title={"language": "fr"}), ["/data/title/text"]),
        (an_event(data__needed_by="soon"), ["/data/needed_by"]),
        (an_event(data__needed_by=20400), ["/data/needed_by"]),
        (an_event(data__needed_by="2026-01-01"), ["/data/needed_by"]),
        (an_event(data__requested_by="\x00"), ["/data/requested_by"]),
        (an_event(id="", data__country=1, data__theme="x"), ["/id", "/data/country", "/data/theme"]),
    ],
)
def test_a_malformed_event_is_refused_field_by_field(event: object, pointers: list[str]) -> None:
    refusal = _refusal(event)

    assert refusal.status == 422
    assert [fault.pointer for fault in refusal.faults] == pointers


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "2026/ت/118"},
        {"id": "x" * 200},
        {"source": "/cloudevents/spec/pull/123"},
        {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"},
        {"source": "mailto:cncf-wg-serverless@lists.cncf.io"},
        {"source": "relative?query#fragment"},
        {"time": "2026-11-23T09:04:59Z"},
        {"time": "1990-12-31T23:59:60Z"},
        {"time": "2026-11-03t09:12:04.123456789+05:30"},
        {"time": None},
        {"datacontenttype": 'application/json; charset="UTF-8"'},
        {"datacontenttype": "application/vnd.partner+json"},
        {"dataschema": "urn:ilo:sse:schema:partner.assistance.requested.v1"},
        {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "sampledrate": 30,
            "flag": True,
        },
        {"data__unknown_field": "is ignored"},
    ],
)
def test_everything_the_standard_allows_is_taken(changes: dict[str, Any]) -> None:
    assert read_event(an_event(**changes), now=NOW, sender=PARTNER).data.type == ASSISTANCE


def test_a_sender_learns_what_was_probably_meant() -> None:
    [misspelt] = _refusal(an_event(type="partner.asistance.requested.v1")).faults
    [too_new] = _refusal(an_event(type="partner.assistance.requested.v9")).faults
    [strange] = _refusal(an_event(type="x")).faults
    [country] = _refusal(an_event(data__country="UK")).faults

    assert str(misspelt.sentence).endswith(f"Did you mean {ASSISTANCE}?")
    assert too_new.code == "unknown-version"
    assert str(too_new.sentence).endswith("there is 1.")
    assert all(known in str(strange.sentence) for known in PARTNER_EVENTS)
    assert "GB" in str(country.sentence)


@pytest.mark.parametrize(
    ("field", "sent", "meant"),
    [
        ("data__country", "uk", "Did you mean GB?"),
        ("data__country", "sn", "Did you mean SN?"),
        ("data__country", "Senegal", "Did you mean SN?"),
        ("data__country", "nowhere at all", "such as SN."),
        ("data__title", {"language": "fr_FR", "text": "Appui"}, "Did you mean fr-FR?"),
        ("data__title", {"language": "pt_BR", "text": "Apoio"}, "Did you mean pt-BR?"),
    ],
)
def test_a_code_without_its_shape_is_answered_with_the_one_that_was_meant(
    field: str, sent: object, meant: str
) -> None:
    [fault] = _refusal(an_event(**{field: sent})).faults

    assert fault.code == "string-pattern-mismatch"
    assert str(fault.sentence).endswith(meant)


def test_who_may_not_send_a_type_learns_nothing_of_its_data() -> None:
    refusal = _refusal(an_event(data__country="senegal"), granted("partner.statistics.reported.v1"))

    assert refusal.status == 403
    assert [fault.pointer for fault in refusal.faults] == ["/type"]


def test_an_entry_with_a_fault_does_not_make_its_list_too_short() -> None:
    [(_, event)] = [(name, event) for name, event in examples() if "statistics" in name][:1]
    figure = event["data"]["figures"][0]
    event["data"]["figures"] = [{**figure, "value": "many"}]

    assert [fault.pointer for fault in _refusal(event).faults] == ["/data/figures/0/value"]


@pytest.mark.parametrize(("name", "event"), examples())
def test_whatever_is_wrong_with_a_field_there_are_words_for_it(name: str, event: dict[str, Any]) -> None:
    wrong = (
        None,
        True,
        3,
        -1,
        1.5,
        10**18,
        1e30,
        "",
        "x",
        "x" * 30_000,
        "1.5555555",
        "99" * 20,
        "ftp://x",
        [],
        ["x"],
        {},
    )
    kinds: set[str] = set()
    for path in _paths(event["data"]):
        for value in wrong:
            document = orjson.dumps(_with(event["data"], path, value), default=str)
            try:
                PARTNER_EVENTS[event["type"]].model_validate_json(document, strict=True)
            except ValidationError as error:
                kinds |= {one["type"] for one in error.errors(include_url=False)}

    assert kinds <= KNOWN_KINDS, name


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = [*value.items()]
    elif isinstance(value, list):
        inside = [(0, one) for one in value[:1]]
    return [path, *(one for name, part in inside for one in _paths(part, (*path, name)))]


def _with(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(data=st.dictionaries(st.text(max_size=5), _JSON, max_size=5))
def test_the_order_of_keys_is_no_content(data: dict[str, Any]) -> None:
    backwards = parse_json(orjson.dumps(dict(reversed(data.items()))))

    assert content_sha256(an_event(data=data)) == content_sha256(an_event(data=backwards))


@settings(deadline=None)
@given(document=st.dictionaries(st.sampled_from(["id", "source", "type", "time", "data", "x", "Y"]), _JSON))
def test_whatever_arrives_is_taken_or_refused_with_reasons(document: dict[str, Any]) -> None:
    refusal = _refusal(document)

    assert refusal.faults
    assert all(str(fault.sentence) for fault in refusal.faults)


@settings(deadline=None)
@given(text=st.text(max_size=40))
def test_no_text_is_both_a_time_and_a_surprise(text: str) -> None:
    attributes, faults = read_attributes(an_event(time=text), now=NOW)

    assert (attributes is None) == bool(faults)


def test_what_a_sender_puts_under_origin_is_no_content() -> None:
    event = an_event(id="REQ-1")
    sent = read_event(event, now=NOW, sender=PARTNER)

    for origin in (None, "me", {"partner": "COOP"}, [1]):
        again = read_event(an_event(id="REQ-1", data__origin=origin), now=NOW, sender=PARTNER)
        assert again.content_sha256 == sent.content_sha256
        assert again.data.origin == Origin(
            partner="MINFI-SN", partner_name="Ministry, Senegal", event_id="REQ-1", source=event["source"]
        )


def test_another_type_subject_or_field_is_other_content_and_another_time_is_not() -> None:
    event = an_event(id="REQ-1", subject="A")
    contents = [
        event,
        event | {"type": "partner.research.published.v1"},
        event | {"subject": "B"},
        event | {"data": event["data"] | {"country": "ML"}},
        event | {"data": event["data"] | {"unheard_of": "x"}},
        event | {"data": None},
    ]
    stamped_anew = event | {"time": "2026-11-04T00:00:00Z", "traceparent": "00-1", "source": "/x", "id": "Y"}

    assert len({content_sha256(one) for one in contents}) == len(contents)
    assert content_sha256(stamped_anew) == content_sha256(event)


@pytest.mark.parametrize(
    ("event_type", "said"),
    [
        (
            "partner.assistance.requested.v0",
            "Version 0 of partner.assistance.requested does not exist; there is 1.",
        ),
        (
            "partner.assistance.requested.v9999",
            "Version 9999 of partner.assistance.requested does not exist; there is 1.",
        ),
        (
            "partner.assistance.requested.v01",
            "Version 01 of partner.assistance.requested does not exist; there is 1.",
        ),
        ("partner.assistance.requested", f"No event has this type. Did you mean {ASSISTANCE}?"),
        (ASSISTANCE + "x", f"No event has this type. Did you mean {ASSISTANCE}?"),
        (ASSISTANCE + "x" * 5000, f"No event has this type. There are: {', '.join(PARTNER_EVENTS)}."),
        ("weather.v1", f"No event has this type. There are: {', '.join(PARTNER_EVENTS)}."),
    ],
)
def test_a_type_nobody_knows_is_answered_with_those_there_are(event_type: str, said: str) -> None:
    [fault] = _refusal(an_event(type=event_type)).faults

    assert (fault.pointer, str(fault.sentence)) == ("/type", said)


def test_only_what_is_granted_is_taken_of_a_batch_and_the_rest_holds_nothing_up() -> None:
    sender = granted(ASSISTANCE, "partner.concern.raised.v1")
    good, ungranted = an_event(), an_event(type="partner.research.published.v1")

    outcomes = read_batch([good, ungranted, 7, good], now=NOW, sender=sender)

    assert [one.error.status if isinstance(one, RefusedEvent) else one.attributes.id for one in outcomes] == [
        good["id"],
        403,
        422,
        good["id"],
    ]


def test_an_event_in_a_batch_may_be_as_large_as_one_alone() -> None:
    event = an_event(data__unknown_field="")
    event["data"]["unknown_field"] = "x" * (256 * 1024 - len(orjson.dumps(event)))
    larger = an_event(id=event["id"], data__unknown_field=event["data"]["unknown_field"] + "x")

    taken, refused = read_batch(batch_in(orjson.dumps([event, larger])), now=NOW, sender=PARTNER)

    assert isinstance(taken, SentEvent)
    assert isinstance(refused, RefusedEvent)
    assert refused.id == event["id"]
    assert (refused.error.status, refused.error.faults[0].pointer) == (413, "")
    assert str(refused.error.detail) == ("An event may have 256 kB at most; a batch 4096 kB and 1000 events.")


def _nested(levels: int) -> object:
    value: object = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_nesting_is_refused_where_it_goes_too_deep_and_not_before() -> None:
    # The event and its data are two levels of their own.
    taken = an_event(data__unknown_field=_nested(98))
    too_deep = an_event(data__unknown_field=_nested(99))

    assert read_event(taken, now=NOW, sender=PARTNER).data.type == ASSISTANCE
    [fault] = _refusal(too_deep).faults
    assert (fault.code, fault.pointer) == ("too-deep", "/data/unknown_field" + "/0" * 98)
    assert str(fault.sentence) == "Nested too deeply: the maximum is 100 levels."


def test_a_batch_names_a_thousand_faults_and_of_each_event_one() -> None:
    faulty = {"id": "REQ-1", **{f"Bad_{number}": 1 for number in range(60)}}

    outcomes = read_batch([faulty] * 30, now=NOW, sender=PARTNER)

    named = [len(one.error.faults) for one in outcomes if isinstance(one, RefusedEvent)]
    assert named == [50] * 20 + [1] * 10


def test_a_batch_has_no_more_guesses_than_one_event() -> None:
    outcomes = read_batch([an_event(data__country="Kazakstan") for _ in range(11)], now=NOW, sender=PARTNER)

    said = [str(one.error.faults[0].sentence) for one in outcomes if isinstance(one, RefusedEvent)]
    assert [one.endswith("Did you mean KZ?") for one in said] == [True] * 10 + [False]


def a_return(value: str, year: str = "2025", unknown: str = "0") -> dict[str, Any]:
    """A statistical return, read from JSON in which these numbers stand as they are written here."""
    event = next(event for name, event in examples() if "statistics" in name)
    event["data"] |= {"reference_year": "YEAR", "unknown_field": "UNKNOWN"}
    event["data"]["figures"] = [{"indicator": "members", "unit": "persons", "value": "VALUE"}]
    text = orjson.dumps(event).decode()
    for place, number in {"VALUE": value, "YEAR": year, "UNKNOWN": unknown}.items():
        text = text.replace(f'"{place}"', number)
    return cast("dict[str, Any]", parse_json(text.encode()))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678", "123456789012345678"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("1.10", "1.1"),
        ("-0.0", "0"),
        ('"123456789012345678.25"', "123456789012345678.25"),
    ],
)
def test_a_figure_is_the_number_that_was_sent(written: str, kept: str) -> None:
    sent = read_event(a_return(written), now=NOW, sender=PARTNER)

    assert str(sent.data.model_dump()["figures"][0]["value"]) == kept


@pytest.mark.parametrize(
    "written",
    [
        "123456789012345678.25",
        "1e400",
        "-1e400",
        "0.10000000000000001",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "1e-400",
        "0." + "1" * 5000,
    ],
)
def test_a_number_that_no_double_holds_is_refused_at_its_place_and_not_rounded(written: str) -> None:
    [fault] = _refusal(a_return(written)).faults

    assert (fault.pointer, fault.code) == ("/data/figures/0/value", "inexact-number")
    assert str(fault.sentence) == "This number has more digits than a double holds. Send it as a string."


def test_a_number_that_no_double_holds_is_no_text_either() -> None:
    long = parse_json(b"1.2345678901234567890123")
    event = an_event(data__requested_by=parse_json(b'{"a": 1.2345678901234567890123}')["a"])  # type: ignore[index]

    assert [fault.pointer for fault in _refusal(event).faults] == ["/data/requested_by"]
    assert [fault.pointer for fault in _refusal(an_event(subject=long)).faults] == ["/subject"]
    assert [fault.pointer for fault in _refusal(an_event(id=long)).faults] == ["/id"]
    assert [fault.pointer for fault in _refusal(an_event(extension=long)).faults] == ["/extension"]


def test_what_nobody_reads_may_have_any_number_of_digits_and_is_content_to_the_last() -> None:
    one, other = ("1.2345678901234567890123", "1.2345678901234567890124")

    first = read_event(a_return("1", unknown=one), now=NOW, sender=PARTNER)
    second = read_event(a_return("1", unknown=other), now=NOW, sender=PARTNER)

    assert first.content_sha256 != second.content_sha256
    assert not first.is_said_by(second.content_sha256)


@pytest.mark.parametrize("year", ["2025.0", "2025e0", "2.025e3"])
def test_a_whole_number_may_be_written_with_a_point(year: str) -> None:
    assert (
        read_event(a_return("1", year), now=NOW, sender=PARTNER).data.model_dump()["reference_year"] == 2025
    )


def test_figures_that_differ_in_their_last_digit_are_other_content() -> None:
    events = [a_return(f"12345678901234567890{last}") for last in "12"]

    assert len({content_sha256(event) for event in events}) == 2


def test_a_null_says_no_more_than_what_is_not_there() -> None:
    event = an_event(id="REQ-1")
    sent = read_event(event, now=NOW, sender=PARTNER)

    for null in (an_event(id="REQ-1", data__theme=None), an_event(id="REQ-1", data__unheard_of={"of": None})):
        again = read_event(null, now=NOW, sender=PARTNER)
        assert again.is_said_by(sent.content_sha256) == ("unheard_of" not in null["data"])
    assert not read_event(an_event(id="REQ-1", data__unknown=[None]), now=NOW, sender=PARTNER).is_said_by(
        sent.content_sha256
    )


def test_what_a_sender_puts_into_origin_is_never_looked_at() -> None:
    text = orjson.dumps(an_event(data__origin="ORIGIN")).replace(
        b'"ORIGIN"', b'{"a": [1e400, 0.10000000000000001]}'
    )

    origin = read_event(parse_json(text), now=NOW, sender=PARTNER).data.origin
    assert origin is not None
    assert origin.partner == PARTNER.partner


def with_unknown(written: str) -> SentEvent:
    return read_event(a_return("1", unknown=written), now=NOW, sender=PARTNER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("-0.0", "0"),
        ("0e99999999999999999999", "0"),
        ("1e3", "1000"),
        ("9007199254740993", "9007199254740993.0"),
        ("22000000000000000", "2.2e16"),
        ("22000000000000000", "22000000000000000.0"),
        ('{"a": 22000000000000000, "b": null}', '{"a": 22000000000000000}'),
        ("18446744073709551610", "1844674407370955161e1"),
        ("1E400", "10e399"),
        ("1e400", "1" + "0" * 400),
        ("0.1", "0.1" + "0" * 30),
        ("1e23", "100000000000000000000000"),
        ("1e-400", "0.1e-399"),
        ('{"a": null}', "{}"),
    ],
)
def test_a_number_is_its_value_however_it_is_written(one: str, other: str) -> None:
    stored = with_unknown(one)

    assert with_unknown(other).is_said_by(stored.content_sha256)
    assert stored.is_said_by(with_unknown(other).content_sha256)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.1", "0.10000000000000000000001"),
        ("[null]", "[1e400]"),
        ("1e400", '"1e400"'),
        ("1e400", '"1E+400"'),
        ("1e400", "2e400"),
        ("1e99999999999999999999", "1e99999999999999999998"),
        ("1e-99999999999999999999", "0"),
        ("1", '"1"'),
        ("1", "true"),
        ("18446744073709551616", "18446744073709551617"),
        ("9007199254740993", "9007199254740992"),
        ("[null]", "[]"),
    ],
)
def test_what_is_of_another_value_or_kind_is_other_content(one: str, other: str) -> None:
    stored = with_unknown(one)

    assert not with_unknown(other).is_said_by(stored.content_sha256)
    assert not stored.is_said_by(with_unknown(other).content_sha256)


def stored_formerly(text: bytes) -> str:
    """What was stored of an event while orjson read it and null was content."""
    event = orjson.loads(text)
    content = [event.get("type"), event.get("subject"), event["data"]]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b', "theme": null',
        b', "x": {"y": [null, {"z": null}]}',
        b', "x": 123456789012345678901234567890',
        b', "x": [-9223372036854775809, 18446744073709551615]',
        b', "x": 1.23456789012345678901234567890',
        b', "x": [1.0, 0.1, 1e23, -0.0, 5e-324]',
    ],
)
def test_what_was_stored_before_is_known_again(data: bytes) -> None:
    text = orjson.dumps(an_event()).replace(b'"government"', b'"government"' + data)

    assert read_event(parse_json(text), now=NOW, sender=PARTNER).is_said_by(stored_formerly(text))


def test_what_is_told_of_a_refused_event_holds_nothing_else_in_memory() -> None:
    wrong = {f"A{number}": 1 for number in range(440)}

    [refused] = read_batch([wrong], now=NOW, sender=PARTNER)

    assert isinstance(refused, RefusedEvent)
    # Its frames held all 440 faults of each event, where 50 are told: ten times the memory of the whole batch.
    assert refused.error.__traceback__ is None


@pytest.mark.parametrize("digits", [309, 400, 4300])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_whole_number_beyond_every_double_is_content_where_nobody_reads_it(digits: int, sign: str) -> None:
    sent = read_event(a_return("1", unknown=sign + "1" * digits), now=NOW, sender=PARTNER)

    assert not sent.is_said_by(read_event(a_return("1"), now=NOW, sender=PARTNER).content_sha256)


def test_of_a_field_that_nobody_reads_none_is_suggested_that_is_there_or_is_ours() -> None:
    def said(**changes: object) -> list[str]:
        sent = read_event(an_event(**changes), now=NOW, sender=PARTNER, tell_ignored=True)
        return [f"{one.pointer}: {one.sentence}" for one in sent.ignored]

    plain = "This event has no such field, so it is ignored."
    assert said(data__theem=1) == [f"/data/theem: {plain} Did you mean theme?"]
    assert said(data__theem=1, data__theme="care_economy") == [f"/data/theem: {plain}"]
    assert said(data__origin={"x": 1}, data__orign=1) == [f"/data/orign: {plain}"]


def in_base64(data: object) -> str:
    return base64.b64encode(orjson.dumps(data)).decode()


def test_data_that_a_library_wrote_as_bytes_are_the_same_data() -> None:
    event = an_event(id="REQ-1")
    encoded = {name: value for name, value in event.items() if name != "data"}
    encoded["data_base64"] = in_base64(event["data"])

    sent = read_event(encoded, now=NOW, sender=PARTNER, tell_ignored=True)

    assert sent == read_event(event, now=NOW, sender=PARTNER, tell_ignored=True)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data_base64": "e30="}, ("/data_base64", "attribute-twice")),
        ({"data_base64": "e3*0=", "data": None}, ("/data_base64", "not-base64")),
        ({"data_base64": 7, "data": None}, ("/data_base64", "not-base64")),
        ({"data_base64": "\u00e9", "data": None}, ("/data_base64", "not-base64")),
        ({"data_base64": in_base64({})[:-2], "data": None}, ("/data_base64", "not-base64")),
        ({"data_base64": "AAAA", "data": None}, ("/data_base64", "malformed-json")),
    ],
)
def test_what_is_no_json_in_base64_is_named(changes: dict[str, Any], fault: tuple[str, str]) -> None:
    [found] = _refusal(an_event() | changes).faults

    assert (found.pointer, found.code) == fault


def test_a_field_that_is_null_is_as_if_it_were_not_there() -> None:
    event = {**an_event(), **next(event for _, event in examples() if "training" in event["type"])}
    said = read_event(event | {"data": {**event["data"], "online": None}}, now=NOW, sender=PARTNER)
    unsaid = {name: value for name, value in event["data"].items() if name != "online"}

    plain = read_event(event | {"data": unsaid}, now=NOW, sender=PARTNER)
    assert (said.data, said.content_sha256) == (plain.data, plain.content_sha256)
    assert [fault.code for fault in _refusal(an_event(data__title=None)).faults] == ["missing"]
    assert [fault.pointer for fault in _refusal(an_event(data__target_groups=[None])).faults] == [
        "/data/target_groups/0"
    ]


def test_an_inexact_number_counts_where_it_is_read_and_nowhere_else() -> None:
    def with_number(event: dict[str, Any]) -> object:
        return parse_json(orjson.dumps(event).replace(b'"HERE"', b"0.12345678901234567891"))

    event = an_event(data__unknown={"deep": "HERE"})
    event["data"]["title"]["confidence"] = "HERE"
    assert read_event(with_number(event), now=NOW, sender=PARTNER).data.type == ASSISTANCE

    figures = a_return("1")
    figures["data"]["figures"][0] |= {"note": "HERE"}
    assert read_event(with_number(figures), now=NOW, sender=PARTNER).data.type == figures["type"]
    figures["data"]["figures"][0] |= {"value": "HERE"}
    assert [fault.code for fault in _refusal(with_number(figures)).faults] == ["inexact-number"]


def test_what_a_sender_says_of_an_origin_within_is_ignored_as_all_else() -> None:
    event = an_event()
    event["data"]["title"]["origin"] = "x"

    sent = read_event(event, now=NOW, sender=PARTNER, tell_ignored=True)

    assert [fault.pointer for fault in sent.ignored] == ["/data/title/origin"]


@pytest.mark.parametrize("last", ["\U0001fffe", "\U0010ffff", "\ufdd0"])
def test_what_unicode_calls_no_character_stands_in_no_attribute(last: str) -> None:
    assert [fault.code for fault in _refusal(an_event(subject=f"a{last}")).faults] == ["control-character"]
