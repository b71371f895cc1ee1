"""The sink knows of which events the spans came."""

from uuid import UUID, uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from benchmarks.sink import Sink, Tally
from benchmarks.work.announcing import announced
from benchmarks.work.events import EntryChangedV1
from chassis.messages import Received
from chassis.telemetry import event_spans, tracing
from chassis.telemetry.exporter import Encoded
from contracts.event import Envelope

DURABLE = "benchmarks-keep-entries"


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Sink:
    """A sink that is sent the spans of this process as they end."""
    sink = Sink()

    def send(spans: Encoded) -> None:
        scope = ScopeSpans.FromString(spans.spans)
        sink.take(
            ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])]).SerializeToString()
        )

    monkeypatch.setattr(tracing, "exporting", lambda: True)
    monkeypatch.setattr(tracing, "export", send)
    return sink


def handle(count: int, durable: str = DURABLE) -> list[tuple[Received[EntryChangedV1], int]]:
    """Handle so many events as the chassis does, in one batch."""
    envelopes = [Envelope.model_validate_json(payload) for _, _, payload in announced(count)]
    events = [(Received(one, EntryChangedV1.model_validate(one.data), None), 1) for one in envelopes]
    with event_spans.handling(durable, events):
        pass
    return events


def publish(event_id: UUID) -> None:
    with event_spans.spanning() as spans:
        spans.begin(event_spans.publish("benchmarks.entry.changed.v1", "events.x"), None, event_id)


def test_a_batchs_own_span_stands_for_no_event(sink: Sink) -> None:
    handle(3)

    assert sink.tally() == Tally(spans=4, published=0, handled=3)


def test_an_event_counts_once_for_each_durable_however_often_its_span_comes(sink: Sink) -> None:
    events = handle(2)
    for durable in (DURABLE, "another-durable"):
        with event_spans.handling(durable, events):
            pass

    assert sink.tally() == Tally(spans=9, published=0, handled=4)


def test_events_published_are_told_apart_from_those_handled(sink: Sink) -> None:
    publish(uuid4())
    sink.tally()
    publish(uuid4())

    assert sink.tally() == Tally(spans=2, published=2, handled=0)
