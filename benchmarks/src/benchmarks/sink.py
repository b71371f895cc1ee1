"""A local OTLP sink: takes every span over HTTP, counts it, and says so. `python -m benchmarks.sink PORT`.

`GET /` answers how many spans came. It decodes what it takes, as a collector would, and keeps nothing.
"""

import asyncio
import gzip
import sys

import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ssenet.servers import HOST

_LIMIT = 4 * 1024 * 1024
"""Bytes read ahead: a request of a thousand spans comes in one go, as it would to a collector."""


class Sink:
    """Counts the spans it is sent."""

    def __init__(self) -> None:
        self.spans = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it closes."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
                if body:
                    self._count(
                        gzip.decompress(body) if headers.get(b"content-encoding") == b"gzip" else body
                    )
                answer = b"" if body else str(self.spans).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _count(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)


async def main(port: int) -> None:
    server = await asyncio.start_server(Sink().serve, HOST, port, limit=_LIMIT)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
