"""The spans of events: what they say, in which traces, and that none goes astray unseen."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ledger import EntryMadeV1
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from chassis.messages import Received
from chassis.telemetry import event_spans, exporter, tracing
from chassis.telemetry.exporter import EndpointError, SpanExport, export_to_environment
from chassis.testing import an_envelope, eventually

RESOURCE = Resource({"service.name": "ledger"})
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
RECORDED, UNRECORDED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


class Collector:
    """An OTLP/HTTP receiver on loopback that answers as it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.answer = b""
        self.answering = threading.Event()
        self.answering.set()
        self.asked = 0
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.headers: Mapping[str, str] = {}
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked += 1
                collector.answering.wait()
                if collector.status == 200:
                    collector.headers = dict(self.headers)
                    collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(collector.answer)))
                self.end_headers()
                self.wfile.write(collector.answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing; the test asserts."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.services |= {one.value.string_value for one in resource.resource.attributes}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def export(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpanExport]:
    """This process exports its spans to the collector, and does not wait long in between."""
    monkeypatch.setattr(exporter, "_EVERY", 0.02)
    monkeypatch.setattr(exporter, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(exporter, "_LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=office")
    found = export_to_environment(RESOURCE)
    assert found is not None
    monkeypatch.setattr(tracing, "_export", found)
    yield found
    found.shutdown()


def a_received(traceparent: str | None = RECORDED) -> Received[EntryMadeV1]:
    event = EntryMadeV1(amount=1)
    return Received(an_envelope(event), event, traceparent)


def facts_of(span: Span) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def lost() -> float:
    return REGISTRY.get_sample_value("ssenet_spans_lost_total") or 0.0


async def test_each_event_has_its_span_in_its_own_trace_and_what_it_causes_continues_it(
    collector: Collector, export: SpanExport
) -> None:
    one, other = a_received(), a_received(None)
    with event_spans.handling("ledger-keep", [(one, 1), (other, 3)]) as [first, second]:
        current = trace.get_current_span().get_span_context()

    await eventually(lambda: len(collector.spans) == 3)
    span, began, around = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert first.traceparent == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert second.traceparent == f"00-{began.trace_id.hex()}-{began.span_id.hex()}-01"
    assert began.parent_span_id == b""
    assert facts_of(began) == {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "ledger-keep",
        "messaging.nats.delivery": 3,
        "messaging.message.id": str(other.envelope.id),
    }
    assert [(link.trace_id, link.span_id) for link in around.links] == [
        (span.trace_id, span.span_id),
        (began.trace_id, began.span_id),
    ]
    assert (around.name, around.span_id.hex()) == ("apply ledger-keep", f"{current.span_id:016x}")
    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    assert "ledger" in collector.services
    assert collector.headers["x-tenant"] == "office"


async def test_a_lone_event_is_handled_within_its_own_span(collector: Collector, export: SpanExport) -> None:
    with event_spans.handling("ledger-keep", [(a_received(), 1)]) as [received]:
        assert tracing.traceparent_of() == received.traceparent

    await eventually(lambda: len(collector.spans) == 1)


@pytest.mark.parametrize("traceparent", [RECORDED, None])
@pytest.mark.parametrize("fails", [False, True])
async def test_the_wire_carries_what_the_sdk_would_write(
    collector: Collector, export: SpanExport, traceparent: str | None, *, fails: bool
) -> None:
    received = a_received(traceparent)
    about = str(received.envelope.id)
    with suppress(ValueError), event_spans.handling("ledger-keep", [(received, 1), (received, 1)]):
        if fails:
            raise ValueError
    with suppress(ValueError), event_spans.spanning({"messaging.batch.message_count": 7}) as spans:
        spans.begin(event_spans.publish("a.b.v1", "sse.hq.a"), traceparent, received.envelope.id)
        if fails:
            raise ValueError

    told = {"messaging.system": "nats", "messaging.message.id": about}
    process = told | {
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "ledger-keep",
        "messaging.nats.delivery": 1,
    }
    publish = told | {
        "messaging.operation.type": "send",
        "messaging.destination.name": "sse.hq.a",
        "messaging.batch.message_count": 7,
    }
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("ssenet.chassis")
    context = tracing.context_of(traceparent)
    name, consumer, producer = f"process {EntryMadeV1.type}", trace.SpanKind.CONSUMER, trace.SpanKind.PRODUCER
    theirs = [tracer.start_span(name, context=context, kind=consumer, attributes=process) for _ in range(2)]
    links = [trace.Link(one.get_span_context()) for one in theirs]
    only = {"messaging.system": "nats"}
    theirs.append(tracer.start_span("apply ledger-keep", links=links, attributes=only))
    theirs.append(tracer.start_span("publish a.b.v1", context=context, kind=producer, attributes=publish))
    for span in theirs:
        if fails:
            span.set_status(trace.Status(trace.StatusCode.ERROR, "ValueError"))
            span.set_attribute("error.type", "ValueError")
        span.end()
    [scope] = encode_spans(kept.get_finished_spans()).resource_spans[0].scope_spans
    await eventually(lambda: len(collector.spans) == 4)
    assert [_comparable(span) for span in collector.spans] == [_comparable(span) for span in scope.spans]


def _comparable(span: Span) -> Span:
    """The span without what differs from one to the next, and without the two liberties that are left to who writes."""
    found = Span.FromString(span.SerializeToString())
    for name in ("span_id", "start_time_unix_nano", "end_time_unix_nano"):
        found.ClearField(name)
    if not span.parent_span_id:
        found.ClearField("trace_id")
    for link in found.links:
        link.ClearField("span_id")
        link.ClearField("trace_id")
        # As below.
        link.flags |= 1
    # That a trace is recorded, the SDK leaves out of the flags, though the protocol has a place for it.
    found.flags |= 1
    # A status that nobody set, the SDK writes and we leave out.
    if found.status.code == Status.STATUS_CODE_UNSET:
        found.ClearField("status")
    attributes = sorted(found.attributes, key=lambda one: one.key)
    found.ClearField("attributes")
    found.attributes.extend(attributes)
    return found


async def test_a_failure_is_told_by_its_class_and_never_by_its_words(
    collector: Collector, export: SpanExport
) -> None:
    def handle() -> None:
        with event_spans.handling("ledger-keep", [(a_received(), 1), (a_received(), 1)]):
            raise ValueError("a name that only the office may read")

    with pytest.raises(ValueError, match="only the office"):
        handle()

    await eventually(lambda: len(collector.spans) == 3)
    assert {span.status.code for span in collector.spans} == {Status.STATUS_CODE_ERROR}
    assert {facts_of(span)["error.type"] for span in collector.spans} == {"ValueError"}
    assert "office" not in str(collector.spans)


async def test_a_span_of_any_library_goes_out_without_the_words_of_its_failure(
    collector: Collector, export: SpanExport
) -> None:
    words = "a name that only the office may read"
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(export)
    tracer = provider.get_tracer("some.library")
    with suppress(ValueError), tracer.start_as_current_span("work") as span:
        span.set_attribute("error.type", "ValueError")
        raise ValueError(words)

    await eventually(lambda: len(collector.spans) == 1)
    [told] = collector.spans
    assert (told.status.code, facts_of(told)) == (Status.STATUS_CODE_ERROR, {"error.type": "ValueError"})
    assert "office" not in str(told)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_trace_that_is_not_recorded_is_carried_on_without_a_span(
    collector: Collector, export: SpanExport, count: int
) -> None:
    events = [(a_received(UNRECORDED), 1) for _ in range(count)]
    with event_spans.handling("ledger-keep", events) as received:
        assert {one.traceparent for one in received} == {UNRECORDED}

    assert await asyncio.to_thread(export.force_flush)
    assert collector.spans == []


@pytest.mark.parametrize(
    "malformed",
    ["", "junk", f"{RECORDED}-junk", f"{UNRECORDED}\x00", f"00-{'0' * 32}-{PARENT}-01", f"ff{RECORDED[2:]}"],
)
async def test_what_is_no_traceparent_is_not_carried_on(
    collector: Collector, export: SpanExport, malformed: str
) -> None:
    with event_spans.handling("ledger-keep", [(a_received(malformed), 1)]) as [received]:
        pass

    assert await asyncio.to_thread(export.force_flush)
    [span] = collector.spans
    assert span.parent_span_id == b""
    assert received.traceparent == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"
    assert tracing.well_formed(malformed) is None


async def test_many_spans_go_out_in_several_requests_and_none_is_lost(
    collector: Collector, export: SpanExport
) -> None:
    before = lost()
    for _ in range(5):
        handle(499)

    assert await asyncio.to_thread(export.force_flush)
    assert len(collector.spans) == 2_500
    assert collector.asked > 1
    assert lost() == before


@pytest.mark.parametrize("status", [429, 503])
async def test_spans_wait_for_a_collector_that_has_no_time(
    collector: Collector, export: SpanExport, status: int
) -> None:
    before, collector.status = lost(), status
    with event_spans.handling("ledger-keep", [(a_received(), 1)]):
        pass
    await eventually(lambda: collector.asked > 1)

    collector.status = 200
    await eventually(lambda: len(collector.spans) == 1)
    assert lost() == before


async def test_spans_that_a_collector_refuses_are_counted_as_lost(
    collector: Collector, export: SpanExport
) -> None:
    before, collector.status = lost(), 400
    with event_spans.handling("ledger-keep", [(a_received(), 1), (a_received(), 1)]):
        pass

    await eventually(lambda: lost() == before + 3)
    assert collector.asked == 1


async def test_what_cannot_be_held_while_the_collector_is_away_is_counted_as_lost(
    collector: Collector, export: SpanExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, collector.status = lost(), 503
    monkeypatch.setattr(exporter, "_MOST", 2)
    handle(1)
    await eventually(lambda: collector.asked > 0)
    for _ in range(3):
        handle(1)
    # One is on its way, one waits.
    assert lost() == before + 2

    collector.status = 200
    await eventually(lambda: len(collector.spans) == 2)


async def test_spans_that_a_collector_takes_in_part_are_counted_as_lost(
    collector: Collector, export: SpanExport
) -> None:
    before = lost()
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    collector.answer = answer.SerializeToString()
    handle(2)

    assert await asyncio.to_thread(export.force_flush)
    assert lost() == before + 2


async def test_the_last_spans_go_out_at_the_end(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = SpanExport(f"{collector.url}/v1/traces", RESOURCE, {})
    monkeypatch.setattr(tracing, "_export", export)
    handle(2)
    await asyncio.to_thread(export.shutdown)
    assert len(collector.spans) == 3


async def test_the_end_does_not_wait_for_a_collector_that_does_not_answer(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lost()
    collector.answering.clear()
    monkeypatch.setattr(exporter, "_AT_THE_END", 0.05)
    export = SpanExport(f"{collector.url}/v1/traces", RESOURCE, {})
    monkeypatch.setattr(tracing, "_export", export)
    handle(1)
    await asyncio.to_thread(export.shutdown)

    assert not collector.answering.is_set()
    assert lost() == before + 1
    collector.answering.set()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:notaport", "collector:4318", "http://"])
def test_an_endpoint_that_is_no_url_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    with pytest.raises(EndpointError):
        export_to_environment(RESOURCE)


def handle(count: int) -> None:
    with event_spans.handling("ledger-keep", [(a_received(), 1) for _ in range(count)]):
        pass


def test_without_an_endpoint_nothing_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert export_to_environment(RESOURCE) is None
    with event_spans.handling("ledger-keep", [(a_received(), 1)]) as [received]:
        assert received.traceparent == RECORDED
