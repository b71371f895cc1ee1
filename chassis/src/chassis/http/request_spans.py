"""The spans of requests: whose trace each stands in, and that it says nothing which a caller wrote."""

import re
from http import HTTPMethod
from typing import Any

from fastapi import FastAPI
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from starlette.types import Message, Receive, Scope, Send

from chassis.telemetry.tracing import context_of

_METHODS = frozenset(HTTPMethod)
_FAILURE = 500
_NO_CONTEXT = Context()


def known_method(method: str) -> str:
    """Give a method as spans and logs name it: one that nobody knows may be anything, a secret too."""
    return method if method in _METHODS else "_OTHER"


class TracedApp(FastAPI):
    """An app that makes a server span of each request, but of paths that begin as `untraced`, at `address`.

    A span has the method, the route, the status and where it was served; path, query, host and method as the caller
    wrote them are no part of it: each may be a key, a link that lets in, or somebody's name, on an address that no
    route knows most of all.

    Where traces are not continued each span begins one, linked to the caller's. Continued as it comes, a caller's
    `traceparent` would turn our recording off (`-00`), and one that is sent with everything would make one endless
    trace of it.
    """

    def __init__(
        self, *, address: str, port: int, untraced: "re.Pattern[str]", continues_traces: bool, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._place: dict[str, str | int] = {"server.address": address, "server.port": port}
        self._untraced = untraced
        self._continues_traces = continues_traces
        self._tracer = trace.get_tracer("ssenet.chassis.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, within its span."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        # FastAPI makes no span of a request that has this. Its own hold what was asked, and cost an eighth of a post.
        scope["fastapi.telemetry"] = None
        if self._untraced.match(scope["path"]):
            await super().__call__(scope, receive, send)
            return
        span = self._begin(scope)
        status: int | None = None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = otel_context.attach(trace.set_span_in_context(span))
        failure: BaseException | None = None
        try:
            await super().__call__(scope, receive, noting)
        except BaseException as error:
            failure = error
            raise
        finally:
            otel_context.detach(token)
            if span.is_recording():
                self._describe(span, scope, status, failure)
            span.end()

    def _begin(self, scope: Scope) -> Span:
        traceparent = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        caller = context_of(traceparent.decode("latin-1")) if traceparent else _NO_CONTEXT
        name = _name_of(known_method(scope["method"]))
        if self._continues_traces:
            return self._tracer.start_span(name, caller, kind=SpanKind.SERVER)
        stranger = trace.get_current_span(caller).get_span_context() if traceparent else None
        links = [Link(stranger)] if stranger is not None and stranger.is_valid else None
        return self._tracer.start_span(name, _NO_CONTEXT, kind=SpanKind.SERVER, links=links)

    def _describe(self, span: Span, scope: Scope, status: int | None, failure: BaseException | None) -> None:
        method = known_method(scope["method"])
        attributes = {
            **self._place,
            "http.request.method": method,
            "url.scheme": scope["scheme"],
            "network.protocol.version": scope["http_version"],
        }
        found = scope.get("route")
        # Without the converters, as documents have it: `/events/{name}`.
        route: str | None = getattr(found, "path_format", None) or getattr(found, "path", None)
        if route is not None:
            attributes["http.route"] = route
            span.update_name(f"{_name_of(method)} {route}")
        if status is not None:
            attributes["http.response.status_code"] = status
        if failure is not None or status is None or status >= _FAILURE:
            attributes["error.type"] = type(failure).__qualname__ if failure else str(status or "no answer")
            span.set_status(StatusCode.ERROR)
        span.set_attributes(attributes)


def _name_of(method: str) -> str:
    # As the semantic conventions of OpenTelemetry have it.
    return "HTTP" if method == "_OTHER" else method
