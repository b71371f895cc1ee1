"""The official CloudEvents library reads what we send, and we read what it makes of it."""

from datetime import datetime
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary_event,
    from_structured_event,
    to_binary_event,
    to_structured_event,
)

from contracts.catalogue import PARTNER_EVENTS, parse
from contracts.event import Envelope
from contracts.testing import Golden, golden_events

every_example = pytest.mark.parametrize("golden", golden_events(), ids=str)
every_internal_example = pytest.mark.parametrize(
    "golden", [each for each in golden_events() if each.type not in PARTNER_EVENTS], ids=str
)


def received(text: str) -> BaseCloudEvent:
    return from_structured_event(HTTPMessage({"content-type": "application/cloudevents+json"}, text.encode()))


def said(event: BaseCloudEvent) -> dict[str, Any]:
    """Everything of an event, times as moments."""
    return {**event.get_attributes(), "data": event.get_data()}


def as_moments(cloudevent: dict[str, Any]) -> dict[str, Any]:
    return cloudevent | {"time": datetime.fromisoformat(cloudevent["time"])}


@every_example
def test_the_library_reads_every_attribute_of_an_example(golden: Golden) -> None:
    assert said(received(golden.text)) == as_moments(golden.cloudevent)


@every_internal_example
def test_the_library_reads_what_our_envelope_writes(golden: Golden) -> None:
    envelope = Envelope.model_validate_json(golden.text)

    event = received(envelope.model_dump_json(exclude_none=True))

    assert said(event) == as_moments(golden.cloudevent)
    assert event.get_extension("sequence") == f"{envelope.sequence:010d}"


@every_internal_example
def test_our_envelope_reads_what_the_library_writes(golden: Golden) -> None:
    written = to_structured_event(received(golden.text)).body

    envelope = Envelope.model_validate_json(written)

    assert envelope == Envelope.model_validate_json(golden.text)
    assert parse(envelope) == golden.event


@every_internal_example
def test_an_envelope_survives_the_library_s_binary_mode(golden: Golden) -> None:
    event = from_binary_event(to_binary_event(received(golden.text)))

    # Headers are text; the envelope takes its numbers from it again.
    assert Envelope.model_validate(said(event)) == Envelope.model_validate_json(golden.text)
