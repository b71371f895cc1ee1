"""The spans of events: one for each that is published or handled, in its own trace.

A handler that gets many at once runs in a span of its own beside them, which links to each.

The SDK makes and encodes one such span in 64 µs (measured), which is about what it takes to apply an event. Here it
takes 3.6: what spans have in common is encoded once, and what is a span's own is of a fixed length.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from random import getrandbits
from time import time_ns
from typing import Any
from uuid import UUID

from opentelemetry import context as otel_context
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from chassis.messages import Received
from chassis.telemetry import tracing
from chassis.telemetry.exporter import Encoded, fact, length

_RECORDED, _PARENT_KNOWN, _PARENT_ELSEWHERE = 0x001, 0x100, 0x200
"""Flags of a span: its trace is recorded; whether its parent is of another process is known; it is."""


def _before(value: int, span: Span) -> bytes:
    """What comes on the wire before a last value of so many bytes."""
    return span.SerializeToString()[:-value]


_TRACE_ID = _before(16, Span(trace_id=bytes(16))).hex()
_SPAN_ID = _before(8, Span(span_id=bytes(8))).hex()
_PARENT_ID = _before(8, Span(parent_span_id=bytes(8))).hex()
_MESSAGE_ID = _before(36, Span(attributes=[fact("messaging.message.id", str(UUID(int=0)))]))
_CONTINUED = Span(flags=_RECORDED | _PARENT_KNOWN | _PARENT_ELSEWHERE).SerializeToString()
_ROOT = Span(flags=_RECORDED | _PARENT_KNOWN).SerializeToString()
# A link's own fields are a span's first two: which trace, which span; its flags come behind them.
_NAME = len(Span(trace_id=bytes(16), span_id=bytes(8)).SerializeToString())
_LINK_FLAGS = Span.Link(flags=_RECORDED | _PARENT_KNOWN).SerializeToString()
_LINK = _before(
    _NAME + len(_LINK_FLAGS),
    Span(links=[Span.Link(trace_id=bytes(16), span_id=bytes(8), flags=_RECORDED | _PARENT_KNOWN)]),
)
_SPAN_TAG = ScopeSpans(spans=[Span()]).SerializeToString()[:-1]


class EventSpans:
    """Spans that begin together, and end together by `end`; `facts` are told of each."""

    def __init__(self, facts: Mapping[str, str | int]) -> None:
        self._facts = [fact(*one) for one in facts.items()]
        self._began = time_ns()
        self._begun: list[bytes] = []

    def begin(self, like: bytes, traceparent: str | None, about: UUID | None = None) -> str | None:
        """Begin a span about an event that continues `traceparent`; returns what continues the span.

        A trace that is not recorded is passed on as it is; without one a new trace begins.
        """
        span_id = f"{getrandbits(64):016x}"
        if found := tracing.read_traceparent(traceparent):
            if not found.recorded:
                return traceparent
            trace_id = found.trace_id
            name = bytes.fromhex(f"{_TRACE_ID}{trace_id}{_SPAN_ID}{span_id}{_PARENT_ID}{found.span_id}")
            begun = name + _CONTINUED + like
        else:
            trace_id = f"{getrandbits(128):032x}"
            begun = bytes.fromhex(f"{_TRACE_ID}{trace_id}{_SPAN_ID}{span_id}") + _ROOT + like
        if about is not None:
            begun += _MESSAGE_ID + str(about).encode()
        self._begun.append(begun)
        return f"00-{trace_id}-{span_id}-01"

    def begin_around(self, like: bytes) -> str | None:
        """Begin a span in a trace of its own that links to all begun so far; where none was, there is none."""
        links = [_LINK + one[:_NAME] + _LINK_FLAGS for one in self._begun]
        return self.begin(like + b"".join(links), None) if links else None

    def end(self, error: BaseException | None) -> None:
        """End all, as failed where there is an error: told by its class alone, its text may quote the event."""
        last = Span(start_time_unix_nano=self._began, end_time_unix_nano=time_ns())
        last.attributes.extend(self._facts)
        if error is not None:
            last.status.code, last.status.message = Status.STATUS_CODE_ERROR, type(error).__name__
            last.attributes.append(fact("error.type", type(error).__qualname__))
        ending = last.SerializeToString()
        spans = [_SPAN_TAG + length(len(one) + len(ending)) + one + ending for one in self._begun]
        if spans:
            tracing.export(Encoded(b"".join(spans), len(spans)))


@contextmanager
def spanning(facts: Mapping[str, str | int] | None = None) -> Generator[EventSpans]:
    """Spans that end with this context, all as failed when it raises."""
    spans = EventSpans(facts or {})
    error: BaseException | None = None
    try:
        yield spans
    except BaseException as raised:
        error = raised
        raise
    finally:
        spans.end(error)


@contextmanager
def handling(durable: str, events: Sequence[tuple[Received[Any], int]]) -> Generator[Sequence[Received[Any]]]:
    """Handle these events, each with the number of its attempt, within spans of their own.

    Gives the events with the `traceparent` that what they cause has to continue.
    """
    if not (events and tracing.exporting()):
        yield [received for received, _ in events]
        return
    with spanning() as spans:
        begun = [
            Received(
                received.envelope,
                received.event,
                spans.begin(
                    _process(received.envelope.type, durable, attempt),
                    received.traceparent,
                    received.envelope.id,
                ),
            )
            for received, attempt in events
        ]
        around = begun[0].traceparent if len(begun) == 1 else spans.begin_around(_apply(durable))
        token = otel_context.attach(tracing.context_of(around))
        try:
            yield begun
        finally:
            otel_context.detach(token)


@lru_cache(maxsize=4096)
def _process(event_type: str, durable: str, attempt: int) -> bytes:
    facts: dict[str, str | int] = {
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": durable,
        "messaging.nats.delivery": attempt,
    }
    return _like(f"process {event_type}", Span.SPAN_KIND_CONSUMER, facts)


@lru_cache(maxsize=4096)
def _apply(durable: str) -> bytes:
    return _like(f"apply {durable}", Span.SPAN_KIND_INTERNAL, {})


@lru_cache(maxsize=4096)
def publish(event_type: str, subject: str) -> bytes:
    """What a span says of publishing an event of this type."""
    facts: dict[str, str | int] = {
        "messaging.operation.type": "send",
        "messaging.destination.name": subject,
    }
    return _like(f"publish {event_type}", Span.SPAN_KIND_PRODUCER, facts)


def _like(name: str, kind: Span.SpanKind.ValueType, facts: dict[str, str | int]) -> bytes:
    told = [fact(*one) for one in {"messaging.system": "nats", **facts}.items()]
    return Span(name=name, kind=kind, attributes=told).SerializeToString()
