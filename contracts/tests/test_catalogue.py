"""The rules every event class keeps, so that a reader of one knows them all."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ValidationError

from contracts import coordination, notifications, partner, registry
from contracts.catalogue import (
    EVENTS,
    PARTNER_EVENTS,
    PARTNER_MODULES,
    UnknownEventTypeError,
    owner_of,
    parse,
)
from contracts.event import SLOTS, Envelope, Event, EventId, slot_of, subject_of
from contracts.partner import PartnerEvent
from contracts.testing import golden_events

OWNERS = {"partner", "registry", "coordination", "notifications"}
TYPE = re.compile(r"^[a-z]+\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*$")

every_event = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)


@every_event
def test_an_event_is_announced_by_the_first_word_of_its_type(event: type[Event]) -> None:
    assert TYPE.match(event.type)
    assert owner_of(event.type) in OWNERS
    assert event.__module__.split(".")[:2] == ["contracts", owner_of(event.type)]


@every_event
def test_an_event_is_named_as_its_type_reads(event: type[Event]) -> None:
    _, noun, verb, version = event.type.split(".")
    words = f"{noun}_{verb}".split("_")

    assert event.__name__ == "".join(word.capitalize() for word in words) + version.upper()


@every_event
def test_an_event_says_what_happened(event: type[Event]) -> None:
    assert event.__doc__
    assert "type" in vars(event), "the type stands literally in the class"


@every_event
def test_an_event_is_frozen_passes_over_unknown_fields_and_sets_nothing_else(event: type[Event]) -> None:
    for model in _models_in(event):
        assert model.model_config == {"frozen": True, "extra": "ignore"}


@every_event
def test_an_event_holds_no_dict_and_no_time_without_its_offset(event: type[Event]) -> None:
    for model in _models_in(event):
        for name, field in model.model_fields.items():
            parts = list(_parts(field.annotation))
            assert dict not in parts, name
            assert Any not in parts, name
            assert datetime not in parts, f"{name}: AwareDatetime keeps the offset"


def test_every_event_class_stands_in_the_catalogue() -> None:
    announced = {
        value
        for module in (*PARTNER_MODULES, registry, coordination, notifications)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Event) and "type" in vars(value)
    }

    assert announced == set(EVENTS.values())
    assert len(EVENTS) == len(announced)
    assert list(EVENTS) == sorted(EVENTS)


def test_partners_may_send_every_event_of_their_own_and_no_other() -> None:
    assert set(PARTNER_EVENTS) == {name for name in EVENTS if name.startswith("partner.")}
    assert all(issubclass(event, PartnerEvent) for event in PARTNER_EVENTS.values())
    files = {path.stem for path in Path(partner.__file__).parent.glob("*.py")} - {"__init__"}
    assert {event.__module__.rpartition(".")[2] for event in PARTNER_EVENTS.values()} == files


def test_a_reader_refuses_a_type_it_does_not_know() -> None:
    with pytest.raises(UnknownEventTypeError, match=r"registry\.organisation\.renamed\.v1"):
        parse(an_envelope(type="registry.organisation.renamed.v1"))


def test_a_reader_refuses_data_that_breaks_the_contract() -> None:
    with pytest.raises(ValidationError):
        parse(an_envelope(data={"code": "SSE-SAP-2023-2029"}))


def test_a_reader_of_today_passes_over_fields_of_tomorrow() -> None:
    for golden in golden_events():
        data = golden.cloudevent["data"]
        assert EVENTS[golden.type].model_validate(data | {"added_next_year": "yes"}) == golden.event


def test_an_envelope_pads_its_sequence_so_that_text_order_is_number_order() -> None:
    envelope = an_envelope(sequence=42)

    assert envelope.model_dump(mode="json")["sequence"] == "0000000042"
    assert Envelope.model_validate_json(envelope.model_dump_json()) == envelope


def test_an_envelope_refuses_a_time_without_its_offset() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        an_envelope(time="2026-11-03T09:12:04")


def test_a_subject_says_where_an_event_comes_from_and_whom_it_is_for() -> None:
    envelope = an_envelope(site="dakar", to="hq")

    assert envelope.nats_subject == "sse.dakar.hq.coordination.plan.published.v1.00"
    assert subject_of(envelope.type) == "sse.*.all.coordination.plan.published.v1.*"


def test_an_aggregate_keeps_its_slot_for_ever() -> None:
    assert [slot_of(name) for name in ("", "plan-2023-2029", "e\u0301lan")] == ["00", "09", "03"]
    assert {slot_of(str(number)) for number in range(200)} == {f"{number:02d}" for number in range(SLOTS)}


def an_envelope(**changes: Any) -> Envelope:
    event_id = EventId(UUID("019a4a2e-0000-7000-8000-000000000001"))
    event_type = "coordination.plan.published.v1"
    fields = {
        "id": event_id,
        "source": "/sites/hq/coordination",
        "type": event_type,
        "subject": "SSE-SAP-2023-2029",
        "time": datetime(2026, 11, 3, tzinfo=UTC),
        "dataschema": f"urn:ilo:sse:schema:{event_type}",
        "sequence": 1,
        "site": "hq",
        "epoch": 1,
        "correlationid": event_id,
        "data": {},
    }
    return Envelope.model_validate(fields | changes)


def _models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _models_in(part)


def _parts(annotation: Any) -> Iterator[Any]:
    """Walk through unions, tuples and annotated types; pydantic's AwareDatetime is a part of its own."""
    if annotation is AwareDatetime:
        return
    origin = get_origin(annotation)
    yield origin or annotation
    if origin is not None:
        for argument in get_args(annotation):
            yield from _parts(argument)
