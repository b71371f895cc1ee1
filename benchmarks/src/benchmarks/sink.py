"""A local OTLP sink: takes every span over HTTP, counts it, and says so. `python -m benchmarks.sink PORT`.

`GET /` answers with a `Tally`, as JSON. The sink decodes what it takes, as a collector would; whose spans they are is
looked up only when it is asked, and so costs nothing while something is measured.
"""

import asyncio
import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ssenet.processes.servers import HOST

_LIMIT = 4 * 1024 * 1024
"""Bytes read ahead: a request of a thousand spans comes in one go, as it would to a collector."""


_EVENT, _DURABLE = "messaging.message.id", "messaging.consumer.group.name"
"""What a span says of the event that it is about, and of the durable that handled it."""


@dataclass(frozen=True)
class Tally:
    """How many spans came; and of how many events the publishing, and the handling by each durable, has its span."""

    spans: int
    published: int
    handled: int


class Sink:
    """Counts the spans it is sent."""

    def __init__(self) -> None:
        self._spans = 0
        self._taken: list[bytes] = []
        """What came since it was last asked."""
        self._published: set[str] = set()
        self._handled: set[tuple[str, str]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it closes."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
                if body:
                    self.take(gzip.decompress(body) if headers.get(b"content-encoding") == b"gzip" else body)
                answer = b"" if body else orjson.dumps(self.tally())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def take(self, body: bytes) -> None:
        """Take the spans of one request."""
        self._spans += sum(1 for _ in _spans(body))
        self._taken.append(body)

    def tally(self) -> Tally:
        """What has come so far; an event whose span came twice counts once."""
        for body in self._taken:
            for span in _spans(body):
                facts = {one.key: one.value.string_value for one in span.attributes}
                if span.kind == Span.SPAN_KIND_CONSUMER:
                    self._handled.add((facts[_DURABLE], facts[_EVENT]))
                elif span.kind == Span.SPAN_KIND_PRODUCER:
                    self._published.add(facts[_EVENT])
        self._taken.clear()
        return Tally(self._spans, len(self._published), len(self._handled))


def _spans(body: bytes) -> Iterator[Span]:
    for one in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in one.scope_spans:
            yield from scope.spans


async def main(port: int) -> None:
    server = await asyncio.start_server(Sink().serve, HOST, port, limit=_LIMIT)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
