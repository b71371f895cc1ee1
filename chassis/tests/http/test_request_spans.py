"""The spans of requests: whose traces they stand in, and that nothing is in them which a caller wrote."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles
from opentelemetry import trace

from chassis.http.access import public
from chassis.http.problems import Problem
from chassis.runtime.service import create_service
from chassis.settings import ServiceSettings
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


@router.get("/entries/{name:path}")
async def entry(name: str, limit: int = 1) -> str:
    return name * limit


@router.get("/fails/{name}")
async def fail(name: str) -> None:
    raise ValueError(f"nobody is called {name}") from KeyError(name)


@router.get("/refuses/{name}")
async def refuse(name: str) -> None:
    raise Problem(503, "no-such-entry", "There is no %(name)s.", params={"name": name})


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


@pytest.mark.parametrize("said", [CALLER, f"{CALLER[:-2]}01", None, "no-trace"])
async def test_a_trace_is_continued_or_linked_to_and_recorded_all_the_same(
    app: FastAPI, client: httpx.AsyncClient, watch: Watch, said: str | None
) -> None:
    await client.get(f"{URL}/entries/1", headers={"traceparent": said} if said else {})

    is_theirs = said is not None and said.startswith(CALLER[:-2])
    if app._continues_traces and said == CALLER:  # type: ignore[attr-defined]
        # Within the network, who records nothing is believed.
        assert not watch.spans
        return
    [span] = watch.spans
    assert span.kind is trace.SpanKind.SERVER
    assert (context := span.get_span_context()) is not None
    assert context.trace_flags.sampled
    if app._continues_traces and is_theirs:  # type: ignore[attr-defined]
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == CALLER.split("-")[2]
    else:
        assert span.parent is None
        assert [f"{link.context.trace_id:032x}" for link in span.links] == (
            [CALLER.split("-")[1]] if is_theirs else []
        )


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


async def test_a_method_that_nobody_knows_is_none_in_a_spans_name(
    client: httpx.AsyncClient, watch: Watch
) -> None:
    await client.request(f"BREW-{MARK}", f"{URL}/entries/1")

    [span] = watch.spans
    assert (span.name, (span.attributes or {})["http.request.method"]) == ("HTTP /entries/{name}", "_OTHER")
