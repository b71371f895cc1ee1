"""Who is called by strangers begins its own traces; who is called by us continues them."""

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from chassis.http.own_traces import OwnTraces
from chassis.telemetry.tracing import context_of

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def test_a_trace_of_ours_is_linked_to_the_callers_and_recorded_all_the_same() -> None:
    span = OwnTraces().get_tracer("test").start_span("GET", context_of(CALLER), kind=trace.SpanKind.SERVER)

    assert isinstance(span, ReadableSpan)
    assert span.parent is None
    assert span.get_span_context().trace_flags.sampled
    [link] = span.links
    assert f"{link.context.trace_id:032x}" == CALLER.split("-")[1]
    assert span.kind is trace.SpanKind.SERVER


def test_a_trace_of_ours_is_linked_to_nothing_where_the_caller_tells_of_none() -> None:
    span = OwnTraces().get_tracer("test").start_span("GET", context_of(None))

    assert isinstance(span, ReadableSpan)
    assert (span.parent, list(span.links)) == (None, [])
