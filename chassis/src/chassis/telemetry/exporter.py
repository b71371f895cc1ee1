"""Spans on their way out: gathered, and posted over OTLP/HTTP by a thread of its own.

What the SDK makes is encoded here; the spans of events, which come by the thousand, come encoded (`event_spans`).
"""

import os
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

import httpx
import structlog
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.util.re import parse_env_headers

from chassis.telemetry import metrics

log = structlog.get_logger()

_EVERY = 1.0
"""Seconds after which what has gathered is sent, however little it is."""
_BATCH = 1000
"""Spans that are sent without waiting for more, and about as many as one request takes."""
_MOST = 20_000
"""Spans that are held while the collector does not answer, some ten megabytes; those beyond are lost, and counted."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_PATIENCE = 300.0
"""Seconds after which a request that never went through is given up for those behind it."""
_TIMEOUT = 5.0
_AT_THE_END = 1.5
"""Seconds that the end of the process waits for the last spans: all of a stop has ten."""
_LATER = frozenset({429, 502, 503, 504})
"""Answers after which the same may be sent again (OTLP specification, "Retryable Response Codes")."""


class EndpointError(ValueError):
    """The endpoint that the environment names is no URL to post to."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Spans as the `spans` of a `ScopeSpans` on the wire, and how many."""

    spans: bytes
    count: int


def fact(name: str, value: str | int) -> KeyValue:
    """One attribute."""
    told = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
    return KeyValue(key=name, value=told)


@lru_cache(maxsize=4096)
def length(of: int) -> bytes:
    """A length as protocol buffers write it: seven bits a byte, the lowest first, all but the last byte marked."""
    written = bytearray()
    while of > 0x7F:  # noqa: PLR2004 - seven bits
        written.append(of & 0x7F | 0x80)
        of >>= 7
    return bytes((*written, of))


def _framed(tag: bytes, body: bytes) -> bytes:
    return tag + length(len(body)) + body


_REQUEST_TAG = ExportTraceServiceRequest(resource_spans=[ResourceSpans()]).SerializeToString()[:-1]
_RESOURCE_TAG = ResourceSpans(scope_spans=[ScopeSpans()]).SerializeToString()[:-1]
_SCOPE = ScopeSpans(scope=InstrumentationScope(name="ssenet.chassis")).SerializeToString()


class SpanExport(SpanProcessor):
    """Sends ended spans on, once a second or when many have gathered; `shutdown` sends the last.

    While the collector does not answer, spans are held and sent again; what cannot be held or delivered is counted
    (`ssenet_spans_lost_total`) and logged. Nobody ever waits for a span. Raises EndpointError.
    """

    def __init__(self, endpoint: str, resource: Resource, headers: Mapping[str, str]) -> None:
        try:
            url = httpx.URL(endpoint)
        except httpx.InvalidURL as error:
            raise EndpointError(f"{endpoint} is no URL: {error}") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise EndpointError(f"{endpoint} does not begin with http:// or https:// and a host")
        self._url = url
        told = [fact(name, str(value)) for name, value in resource.attributes.items()]
        self._resource = ResourceSpans(resource=resource_pb2.Resource(attributes=told)).SerializeToString()
        certificate = os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE")
        self._client = httpx.Client(
            headers={**headers, "Content-Type": "application/x-protobuf"},
            timeout=_TIMEOUT,
            verify=ssl.create_default_context(cafile=certificate) if certificate else True,
        )
        self._waiting: deque[ReadableSpan | Encoded] = deque()
        self._held = 0
        """Spans that wait or are on their way."""
        self._changed = threading.Condition()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that the SDK made, if its trace is recorded."""
        if span.context is not None and span.context.trace_flags.sampled:
            self._take(span, 1)

    def take(self, spans: Encoded) -> None:
        """Take ended spans, to be sent soon."""
        self._take(spans, spans.count)

    def _take(self, spans: ReadableSpan | Encoded, count: int) -> None:
        with self._changed:
            fits = self._held + count <= _MOST
            if fits:
                self._waiting.append(spans)
                self._held += count
        if not fits:
            self._lose(count, "too many wait")
        if self._held >= _BATCH:
            self._woken.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits now; returns whether all of it had gone in time."""
        self._woken.set()
        with self._changed:
            return self._changed.wait_for(lambda: not self._held, timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what waits, once, and end, whether the collector answers in time or not."""
        self._ending.set()
        self._woken.set()
        self._thread.join(_AT_THE_END)
        if self._held:
            self._lose(self._held, "the process ends")

    def _work(self) -> None:
        while not self._ending.is_set():
            self._woken.wait(_EVERY)
            self._woken.clear()
            self._send_waiting()
        self._send_waiting()
        self._client.close()

    def _send_waiting(self) -> None:
        while batch := self._next():
            spans, count = batch
            try:
                self._send(self._encoded(spans), count)
            except Exception as error:  # noqa: BLE001 - whatever it is, the spans behind these shall go out
                self._lose(count, type(error).__name__)
            with self._changed:
                self._held -= count
                self._changed.notify_all()

    def _next(self) -> tuple[list[ReadableSpan | Encoded], int] | None:
        """What the next request takes, and how many spans that is."""
        spans: list[ReadableSpan | Encoded] = []
        count = 0
        with self._changed:
            while self._waiting and count < _BATCH:
                one = self._waiting.popleft()
                spans.append(one)
                count += one.count if isinstance(one, Encoded) else 1
        return (spans, count) if spans else None

    def _send(self, body: bytes, count: int) -> None:
        """Deliver one request, or count its spans as lost."""
        give_up = monotonic() + _PATIENCE
        pause = _FIRST_PAUSE
        while trouble := self._post(body, count):
            if monotonic() > give_up:
                self._lose(count, trouble)
                return
            if self._trouble is None:
                log.warning("the collector does not take spans, trying again", error=trouble)
            self._trouble = trouble
            if self._ending.wait(pause):
                # Once more, and no more: what is left is counted by whoever ends us.
                if trouble := self._post(body, count):
                    self._lose(count, trouble)
                return
            pause = min(pause * 2, _LONGEST_PAUSE)
        self._trouble = None

    def _post(self, body: bytes, count: int) -> str | None:
        """Post one request; returns what stood in its way, where it may be posted again."""
        try:
            answer = self._client.post(self._url, content=body)
        except httpx.HTTPError as error:
            return type(error).__name__
        if answer.status_code in _LATER:
            return f"status {answer.status_code}"
        if not answer.is_success:
            self._lose(count, f"refused with status {answer.status_code}")
        elif rejected := _rejected(answer.content):
            self._lose(rejected, "refused by the collector")
        return None

    def _lose(self, count: int, why: str) -> None:
        metrics.spans_lost.inc(count)
        if self._trouble != why:
            log.warning("spans are lost", spans=count, why=why)
        self._trouble = why

    def _encoded(self, waiting: Iterable[ReadableSpan | Encoded]) -> bytes:
        ours = [_SCOPE]
        others: list[ReadableSpan] = []
        for one in waiting:
            if isinstance(one, Encoded):
                ours.append(one.spans)
            else:
                others.append(one)
        body = _without_words(encode_spans(others)).SerializeToString()
        if len(ours) > 1:
            body += _framed(_REQUEST_TAG, self._resource + _framed(_RESOURCE_TAG, b"".join(ours)))
        return body


def _without_words(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Leave out what spans say of exceptions, whoever made them: their texts may quote what people wrote.

    No span of ours has an event, and one that failed names the error's class in `error.type`.
    """
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.ClearField("events")
                span.status.ClearField("message")
    return request


def _rejected(answer: bytes) -> int:
    """Spans that the collector did not take, though it took the request."""
    try:
        return ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans
    except DecodeError:
        # Some answer in words: that they took it is what counts.
        return 0


def export_to_environment(resource: Resource) -> SpanExport | None:
    """The export that the standard OTLP variables ask for (endpoint, headers, certificate); None without an endpoint.

    Raises EndpointError.
    """
    whole, base = (os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("TRACES_ENDPOINT", "ENDPOINT"))
    endpoint = whole or (base and f"{base.rstrip('/')}/v1/traces")
    if not endpoint:
        return None
    headers = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    return SpanExport(endpoint, resource, parse_env_headers(headers, liberal=True))
