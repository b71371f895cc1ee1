"""The spans of handling a batch: one per event in its own trace, and one around the handler that links to all."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from chassis import telemetry
from chassis.receiving import Received


def begin_spans(
    durable: str, events: Sequence[tuple[Received[Any], int]], spans: ExitStack
) -> list[Received[Any]]:
    """Begin the spans of these events, each with the number of its attempt; `spans` ends them.

    Returns the events with the context that what they cause has to run in.
    """
    if not telemetry.exporting():
        return [received for received, _ in events]
    begun: list[Received[Any]] = []
    links: list[Link] = []
    for received, attempt in events:
        span = telemetry.tracer.start_span(
            f"process {received.envelope.type}",
            context=received.context,
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": durable,
                "messaging.message.id": str(received.envelope.id),
                "messaging.nats.delivery": attempt,
            },
        )
        spans.push(_ending(span))
        links.append(Link(span.get_span_context()))
        begun.append(Received(received.envelope, received.event, telemetry.in_span(span)))
    if len(begun) == 1:
        token = otel_context.attach(begun[0].context)
        spans.callback(otel_context.detach, token)
    elif begun:
        batch = telemetry.tracer.start_as_current_span(f"apply {durable}", links=links)
        spans.enter_context(batch)
    return begun


def _ending(span: Span) -> Callable[[type[BaseException] | None, BaseException | None, Any], bool]:
    def end(_kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> bool:
        if error is not None:
            # The class alone: an error's text may quote the event.
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            span.set_attribute("error.type", type(error).__qualname__)
        span.end()
        return False

    return end
