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

import httpx2
import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.util.re import parse_env_headers

from chassis import metrics

log = structlog.get_logger()

_EVERY = 1.0
"""Seconds after which what has gathered is sent, however little it is."""
_BATCH = 1000
"""Spans that are sent without waiting for more."""
_MOST = 20_000
"""Spans that are held while the collector does not answer, some ten megabytes; those beyond are lost, and counted."""
_PAUSE = 1.0
_TIMEOUT = 2.0
_LATER = frozenset({429, 502, 503, 504})
"""Answers after which the same may be sent again (OTLP specification, "Retryable Response Codes")."""


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
    (`ssenet_spans_lost_total`) and logged. Nobody ever waits for a span.
    """

    def __init__(self, endpoint: str, resource: Resource, headers: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        told = [fact(name, str(value)) for name, value in resource.attributes.items()]
        self._resource = ResourceSpans(resource=resource_pb2.Resource(attributes=told)).SerializeToString()
        certificate = os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE")
        self._client = httpx2.Client(
            headers={**headers, "Content-Type": "application/x-protobuf"},
            timeout=_TIMEOUT,
            verify=ssl.create_default_context(cafile=certificate) if certificate else True,
        )
        self._waiting: deque[ReadableSpan | Encoded] = deque()
        self._held = 0
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._silent = False
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
        with self._lock:
            fits = self._held + count <= _MOST
            if fits:
                self._waiting.append(spans)
                self._held += count
        if not fits:
            metrics.spans_lost.inc(count)
        if self._held >= _BATCH:
            self._woken.set()

    def shutdown(self) -> None:
        """Send what waits, once, and end; waits a few seconds at most."""
        self._ending.set()
        self._woken.set()
        self._thread.join(2 * _TIMEOUT)

    def _work(self) -> None:
        while not self._ending.is_set():
            self._woken.wait(_EVERY)
            self._woken.clear()
            self._send_waiting()
        self._send_waiting()
        self._client.close()

    def _send_waiting(self) -> None:
        with self._lock:
            waiting, count = list(self._waiting), self._held
            self._waiting.clear()
            self._held = 0
        if waiting and not self._send(self._encoded(waiting)):
            metrics.spans_lost.inc(count)

    def _send(self, body: bytes) -> bool:
        """Deliver, however long it takes; False where it was refused, or is not to be had before the end."""
        while True:
            try:
                status = self._client.post(self._endpoint, content=body).status_code
            except httpx2.HTTPError as error:
                trouble = type(error).__name__
            else:
                if status not in _LATER:
                    self._silent = False
                    if status >= 300:  # noqa: PLR2004 - all that is no success
                        log.warning("the collector refused spans, they are lost", status=status)
                    return status < 300  # noqa: PLR2004
                trouble = f"status {status}"
            if not self._silent:
                self._silent = True
                log.warning("the collector does not take spans, trying again", error=trouble)
            if self._ending.wait(_PAUSE):
                return False

    def _encoded(self, waiting: Iterable[ReadableSpan | Encoded]) -> bytes:
        ours = [_SCOPE]
        others: list[ReadableSpan] = []
        for one in waiting:
            if isinstance(one, Encoded):
                ours.append(one.spans)
            else:
                others.append(one)
        body = encode_spans(others).SerializeToString()
        if len(ours) > 1:
            body += _framed(_REQUEST_TAG, self._resource + _framed(_RESOURCE_TAG, b"".join(ours)))
        return body


def export_to_environment(resource: Resource) -> SpanExport | None:
    """The export that the standard OTLP variables ask for: endpoint, headers and certificate; None without one."""
    whole, base = (os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("TRACES_ENDPOINT", "ENDPOINT"))
    endpoint = whole or (base and f"{base.rstrip('/')}/v1/traces")
    if not endpoint:
        return None
    headers = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    return SpanExport(endpoint, resource, parse_env_headers(headers, liberal=True))
