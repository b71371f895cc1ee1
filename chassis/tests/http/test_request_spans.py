"""The spans of requests: whose traces they stand in, and that nothing is in them which a caller wrote."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan

from chassis.http.access import public
from chassis.http.problems import Problem
from chassis.http.request_spans import RequestSpans
from chassis.runtime.service import create_service
from chassis.settings import ServiceSettings
from chassis.telemetry.tracing import context_of
from chassis.testing import Watch

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
MARK = "Amina-Diop-4711"
HIDDEN = "%41mina%2DDiop%2d4711"
URL = "http://ledger.test"
ADDRESSES = [
    f"/entries/{MARK}",
    f"/entries/{HIDDEN}",
    f"/ENTRIES/{MARK.upper()}",
    f"//entries/{MARK}",
    f"/entries;{MARK}",
    f"/entries/1?{MARK}",
    f"/entries/1?limit={MARK}",
    f"/nowhere/{MARK}?{MARK}={HIDDEN}",
    f"/{HIDDEN}%0A",
    f"/fails/{MARK}?t={MARK}",
    f"/refuses/{MARK}",
    f"/status?key={MARK}",
    f"/status/{MARK}",
    f"/health/{MARK}",
    f"/files/{MARK}?{MARK}",
    f"/dead-letters/{MARK}",
]
router = APIRouter(dependencies=[public()])


@router.get("/entries/{name}")
async def entry(name: str, limit: int = 1) -> str:
    return name * limit


@router.get("/fails/{name}")
async def fail(name: str) -> None:
    raise ValueError(f"nobody is called {name}") from KeyError(name)


@router.get("/refuses/{name}")
async def refuse(name: str) -> None:
    raise Problem(503, "no-such-entry", "There is no %(name)s.", params={"name": name})


@router.websocket("/live/{name}")
async def live(socket: WebSocket, name: str) -> None:
    await socket.accept()
    await socket.close(reason=name)


@pytest.fixture(params=[True, False])
async def app(request: pytest.FixtureRequest) -> FastAPI:
    """A service that is not started: its requests end before they would need a server."""
    settings = ServiceSettings(
        database_url="postgresql+asyncpg://nobody@localhost/none",  # type: ignore[arg-type]
        nats_url="nats://localhost",
        nats_seed="none",  # type: ignore[arg-type]
        port=8001,
    )
    app = create_service("ledger", settings, routers=[router], continues_traces=request.param)
    app.mount("/files", StaticFiles(directory="."))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport) as client:
        yield client


def spans_that_begin(*, continues_traces: bool) -> trace.Tracer:
    return RequestSpans("here.test", 8001, continues_traces=continues_traces).get_tracer("test")


def test_a_trace_of_ours_is_linked_to_the_callers_and_recorded_all_the_same() -> None:
    tracer = spans_that_begin(continues_traces=False)
    span = tracer.start_span("GET", context_of(CALLER), kind=trace.SpanKind.SERVER)

    assert isinstance(span, ReadableSpan)
    assert span.parent is None
    assert span.get_span_context().trace_flags.sampled
    [link] = span.links
    assert f"{link.context.trace_id:032x}" == CALLER.split("-")[1]
    assert span.kind is trace.SpanKind.SERVER


def test_a_trace_of_ours_is_linked_to_nothing_where_the_caller_tells_of_none() -> None:
    span = spans_that_begin(continues_traces=False).start_span("GET", context_of(None))

    assert isinstance(span, ReadableSpan)
    assert (span.parent, list(span.links)) == (None, [])


def test_a_trace_of_the_network_is_continued() -> None:
    recorded = f"{CALLER[:-2]}01"
    span = spans_that_begin(continues_traces=True).start_span("GET", context_of(recorded))

    assert isinstance(span, ReadableSpan)
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == CALLER.split("-")[2]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", f"BREW-{MARK}"])
async def test_nothing_that_a_caller_wrote_is_told_to_operators(
    client: httpx.AsyncClient, watch: Watch, method: str
) -> None:
    headers = {
        "Host": f"{MARK}.example:99",
        "User-Agent": MARK,
        "Referer": f"{URL}/{MARK}",
        "traceparent": f"{CALLER[:-2]}01",
        "tracestate": f"ledger={MARK}",
        "baggage": f"name={MARK}",
        "X-Forwarded-For": MARK,
    }
    for address in ADDRESSES:
        await client.request(method, URL + address, headers=headers)

    told = watch.everything().lower()
    assert len(watch.spans) >= len(ADDRESSES) - 3
    assert MARK.lower() not in told
    assert HIDDEN.lower() not in told


async def test_a_connection_that_stays_open_tells_no_more_than_a_request(app: FastAPI, watch: Watch) -> None:
    for path in (f"/live/{MARK}", f"/nowhere/{MARK}"):
        scope = {"type": "websocket", "path": path, "headers": [(b"host", MARK.encode())], "subprotocols": []}
        scope |= {"scheme": "ws", "root_path": "", "query_string": MARK.encode(), "state": {}}

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(_message: object) -> None: ...

        await app(scope, receive, send)

    assert [span.name for span in watch.spans] == ["WS /live/{name}", "WS"]
    assert MARK not in watch.everything()


async def test_a_span_says_method_route_status_and_where_it_was_served(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    for address in (f"/entries/{MARK}?limit=2", f"/fails/{MARK}", f"/nowhere/{MARK}"):
        await client.get(URL + address)

    found, failed, unknown = (dict(span.attributes or {}) for span in watch.spans)
    place = {name: found[name] for name in ("server.address", "server.port")}
    asked = {"http.request.method": "GET", "url.scheme": "http", "network.protocol.version": "1.1"}
    assert found == {**asked, **place, "http.route": "/entries/{name}", "http.response.status_code": 200}
    assert failed["http.route"] == "/fails/{name}"
    assert (failed["http.response.status_code"], failed["error.type"]) == (500, "ValueError")
    assert unknown == {**asked, **place, "http.response.status_code": 404}
    assert [span.name for span in watch.spans] == ["GET /entries/{name}", "GET /fails/{name}", "GET"]
    assert place["server.port"] == 8001
