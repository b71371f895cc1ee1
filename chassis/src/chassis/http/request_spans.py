"""The spans of requests: whose trace each stands in, and that it says nothing which a caller wrote."""

from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Tracer
from opentelemetry.util.types import Attributes

_TOLD = ("http.request.method", "url.scheme", "network.protocol.name", "network.protocol.version")
"""What is kept of what FastAPI would begin a span with: each is one of a few words, whoever asks for what."""


class RequestSpans(trace.TracerProvider):
    """Makes the server spans of one service, which stands at `address`.

    Path, query, host and method, as the caller wrote them, are no part of a span: each may be a key, a link that lets
    in, or somebody's name, on an address that no route knows most of all. FastAPI adds the route and the status, when
    it knows them.

    Where traces are not continued each span begins one, linked to the caller's. Continued as it comes, a caller's
    `traceparent` would turn our recording off (`-00`), and one that is sent with everything would make one endless
    trace of it.
    """

    def __init__(self, address: str, port: int, *, continues_traces: bool) -> None:
        self._place: dict[str, str | int] = {"server.address": address, "server.port": port}
        self._continues_traces = continues_traces

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        tracer = trace.get_tracer(*args, **kwargs)
        return (_Continuing if self._continues_traces else _Beginning)(tracer, self._place)


class _Continuing(Tracer):
    def __init__(self, tracer: Tracer, place: dict[str, str | int]) -> None:
        self._tracer = tracer
        self._place = place

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        *args: Any,
        attributes: Attributes = None,
        **kwargs: Any,
    ) -> Span:
        # Left out before the span begins: nothing has to be looked for in it, and each costs time to be put there.
        given = attributes or {}
        told = self._place | {one: given[one] for one in _TOLD if one in given}
        return self._tracer.start_span(name, context, *args, attributes=told, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_as_current_span(*args, **kwargs)


class _Beginning(_Continuing):
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
        return super().start_span(name, Context(), *args, links=linked, **kwargs)
