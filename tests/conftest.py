"""The whole network, running as a user would run it, for the tests that no single service can carry."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contracts.catalogue import PARTNER_EVENTS
from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import Network, the_network
from ssenet.network.sign_in_links import make_link
from ssenet.partners.grants_and_keys import ensure, make_key

PARTNER = "UNTFSSE"
PARTNER_NAME = "UN Inter-Agency Task Force on SSE"


@dataclass(frozen=True)
class SpanSeen:
    """A span as the sink received it."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    attributes: Mapping[str, str]


@dataclass
class Sink:
    """An OTLP/HTTP receiver that keeps every span."""

    url: str
    spans: list[SpanSeen] = field(default_factory=list[SpanSeen])

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = next(
                a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
            )
            for scope in resource.scope_spans:
                for span in scope.spans:
                    attributes = {
                        a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes
                    }
                    self.spans.append(
                        SpanSeen(
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            service,
                            span.name,
                            attributes,
                        )
                    )

    def of(self, trace_id: str) -> list[SpanSeen]:
        return [span for span in self.spans if span.trace_id == trace_id]


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """A real OTLP endpoint on loopback."""
    found = Sink("")

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing; the test asserts."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Running:
    """A running network and what a test does with it: post as a partner, look as a member, ask as an operator."""

    folder: Path
    url: str
    partner_key: str

    @property
    def asked(self) -> Network:
        """The network as the `ssenet` command asks it; read anew, since processes may have been started again."""
        return the_network(DataFolder(self.folder))

    @asynccontextmanager
    async def as_partner(self, key: str | None = None) -> AsyncGenerator[httpx.AsyncClient]:
        """An HTTP client that is the partner's system."""
        headers = {"Authorization": f"Bearer {key or self.partner_key}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=15) as client:
            yield client

    @asynccontextmanager
    async def as_member(
        self, role: str, organisation: str | None = None
    ) -> AsyncGenerator[httpx.AsyncClient]:
        """An HTTP client signed in through a link, as a browser without scripts would be."""
        link = make_link(self.asked, role, organisation)
        async with httpx.AsyncClient(base_url=self.url, follow_redirects=True, timeout=15) as client:
            page = await client.get(link.url)
            assert page.status_code == 200, page.text
            signed_in = await client.post(link.url, data=hidden_fields(page.text))
            assert signed_in.status_code == 200, signed_in.text
            yield client


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's first form that has any."""
    from html.parser import HTMLParser

    found: dict[str, str] = {}

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            told = dict(attrs)
            if tag == "input" and told.get("type") == "hidden" and told.get("name"):
                found.setdefault(str(told["name"]), told.get("value") or "")

    Parser().feed(page)
    return found


def ssenet(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 90, may_fail: bool = False
) -> str:
    """Run the command as a user would; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "ssenet", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert may_fail or done.returncode == 0, f"ssenet {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Running]:
    """The network, started once for the session, sending its spans to the sink."""
    folder = tmp_path_factory.mktemp("network")
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    ssenet("up", "--detach", "--port", "0", "--data", str(folder), environment=environment)
    try:
        asked = the_network(DataFolder(folder))
        ensure(asked, PARTNER, name=PARTNER_NAME, grants=sorted(PARTNER_EVENTS))
        yield Running(folder, asked.state.url, make_key(asked, PARTNER))
    finally:
        ssenet("down", "--data", str(folder))


def status(running: Running) -> dict[str, Any]:
    """What `ssenet status --json` says, ready or not."""
    told: dict[str, Any] = json.loads(
        ssenet("status", "--json", "--data", str(running.folder), may_fail=True)
    )
    return told
