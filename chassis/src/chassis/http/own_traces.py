"""Traces that begin at our door: linked to the stranger's who called, and recorded where we say so."""

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Tracer


class OwnTraces(trace.TracerProvider):
    """Begins a trace for each server span.

    Continued as it comes, a caller's `traceparent` would turn our recording off (`-00`), and one that is sent with
    everything would make one endless trace of it.
    """

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _Beginning(trace.get_tracer(*args, **kwargs))


class _Beginning(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        *args: Any,
        links: Sequence[Link] | None = None,
        **kwargs: Any,
    ) -> Span:
        caller = trace.get_current_span(context).get_span_context()
        linked = [*(links or ()), *([Link(caller)] if caller.is_valid else [])]
        return self._tracer.start_span(name, Context(), *args, links=linked, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_as_current_span(*args, **kwargs)
