"""Every example is what its contract says, for the class, for the schema and for the CloudEvents SDK."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from contracts.catalogue import EVENTS, PARTNER_EVENTS, parse
from contracts.checks import problems_of
from contracts.event import Envelope, EnvelopeWriter, EventId
from contracts.gate.editions import read_history
from contracts.generate import HOME
from contracts.partner import PartnerEvent
from contracts.testing import Golden, golden_events

every_example = pytest.mark.parametrize("golden", golden_events(), ids=str)
every_internal_example = pytest.mark.parametrize(
    "golden", [each for each in golden_events() if each.type not in PARTNER_EVENTS], ids=str
)
every_partner_example = pytest.mark.parametrize("golden", golden_events(*PARTNER_EVENTS), ids=str)


@every_example
@pytest.mark.parametrize("caused", [True, False], ids=["caused", "first"])
def test_what_is_written_is_what_an_envelope_says(golden: Golden, *, caused: bool) -> None:
    said = Envelope(
        id=EventId(uuid4()),
        source="/sites/hq/ledger",
        type=golden.type,
        subject=str(uuid4()) if caused else 'a "quoted" \\ name',
        time=datetime(2026, 11, 3, 9, 12, 4, 120 if caused else 0, tzinfo=UTC),
        dataschema=golden.event.dataschema(),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" if caused else None,
        sequence=12,
        site="hq",
        epoch=1,
        to="all" if caused else "dakar",
        causationid=EventId(uuid4()) if caused else None,
        correlationid=EventId(uuid4()),
        data=golden.event.model_dump(mode="json"),
    )
    told = {
        name: getattr(said, name)
        for name in (
            "id",
            "subject",
            "traceparent",
            "sequence",
            "epoch",
            "to",
            "causationid",
            "correlationid",
        )
    }

    writer = EnvelopeWriter(source=said.source, site=said.site, time=said.time)
    written = {writer.write(golden.event, **told) for _ in range(2)}

    assert [json.loads(one) for one in written] == [json.loads(said.model_dump_json(exclude_none=True))]


WHAT_A_PARTNER_POSTS = ["specversion", "id", "source", "type", "time", "datacontenttype", "data"]


def test_each_event_type_has_an_example() -> None:
    assert {golden.type for golden in golden_events()} == set(EVENTS)


def test_each_partner_event_has_three_examples_in_three_languages() -> None:
    for event_type in PARTNER_EVENTS:
        examples = golden_events(event_type)
        languages = {tag.partition("-")[0] for golden in examples for tag in golden.languages}
        assert len(examples) >= 3, event_type
        assert len(languages) >= 3, event_type


def test_partner_examples_speak_the_working_languages_and_more() -> None:
    languages = {
        tag.partition("-")[0] for golden in golden_events(*PARTNER_EVENTS) for tag in golden.languages
    }

    assert {"en", "fr", "es", "ar", "pt", "ru", "zh", "hi", "sw", "am", "ka", "km"} <= languages


@every_example
def test_an_example_names_its_type_as_its_folder_does(golden: Golden) -> None:
    assert golden.cloudevent["type"] == golden.type


@every_example
def test_a_reader_gets_back_what_an_example_says(golden: Golden) -> None:
    """All of it, but for optional fields that were taken out since the example was published."""
    said = golden.event.model_dump(mode="json", exclude_unset=True)
    published = read_history().events[golden.type]

    if published.examples[golden.name].edition == published.latest.number:
        assert said == golden.cloudevent["data"]
    else:
        assert is_part_of(said, golden.cloudevent["data"])


def is_part_of(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and is_part_of(item, whole[name]) for name, item in part.items()
        )
    if isinstance(part, list):
        return (
            isinstance(whole, list)
            and len(part) == len(whole)
            and all(is_part_of(one, other) for one, other in zip(part, whole, strict=True))
        )
    return part == whole


@every_example
def test_an_example_agrees_with_its_published_schema(golden: Golden) -> None:
    _validator(golden.type).validate(golden.cloudevent["data"])


@every_internal_example
def test_an_internal_example_is_an_envelope_that_survives_the_wire(golden: Golden) -> None:
    envelope = Envelope.model_validate_json(golden.text)

    _validator("envelope").validate(golden.cloudevent)
    assert json.loads(envelope.model_dump_json(exclude_none=True)) == golden.cloudevent
    assert envelope.dataschema == EVENTS[golden.type].dataschema()
    assert parse(envelope) == golden.event


@every_partner_example
def test_a_partner_example_is_what_a_partner_posts_and_draws_no_finding(golden: Golden) -> None:
    event = golden.event

    assert list(golden.cloudevent) == WHAT_A_PARTNER_POSTS
    assert isinstance(event, PartnerEvent)
    assert event.origin is None
    assert problems_of(event) == []


@every_example
def test_an_example_is_written_in_its_own_script(golden: Golden) -> None:
    assert golden.text == json.dumps(golden.cloudevent, ensure_ascii=False, indent=2) + "\n"


def _validator(schema_name: str) -> Draft202012Validator:
    schema: dict[str, Any] = json.loads(
        (HOME / "schemas" / f"{schema_name}.json").read_text(encoding="utf-8")
    )
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize(
    ("event_type", "changes"),
    [
        ("partner.entity.reported.v1", {"names": [{"language": "en", "name": " \t"}]}),
        ("partner.entity.reported.v1", {"identifiers": [{"scheme": "FR-SIREN", "value": "  "}]}),
        ("partner.concern.raised.v1", {"identifiers": [{"scheme": "FR-SIREN", "value": "\n"}]}),
    ],
)
def test_a_name_or_number_of_blanks_alone_is_refused(event_type: str, changes: dict[str, Any]) -> None:
    content = golden_events(event_type)[0].cloudevent["data"] | changes

    with pytest.raises(ValidationError):
        PARTNER_EVENTS[event_type].model_validate(content)
