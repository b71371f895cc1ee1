"""The edge every service shares: who may call, what a refusal says, and when a request's work is stored."""

from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI
from ledger import Entry, EntryMadeV1, subscriptions
from pydantic import BaseModel, SecretStr

from chassis.field_errors import FieldError
from chassis.http.access import allow, endpoints, public, undeclared_endpoints
from chassis.http.dependencies import Tx
from chassis.http.problems import Problem
from chassis.ids import new_id
from chassis.runtime.service import create_service
from chassis.settings import ServiceSettings
from chassis.testing import Databases, NatsSite

router = APIRouter()


class NoSuchEntryError(Exception):
    """The trade's own error."""


class NewEntry(BaseModel):
    amount: int


@router.post("/entries", dependencies=[allow("gateway")], status_code=201)
async def make(entry: NewEntry, tx: Tx) -> UUID:
    made = Entry(id=new_id(), home_site=tx.site, epoch=1, sequence=0, amount=entry.amount)
    tx.session.add(made)
    return tx.announce(EntryMadeV1(amount=entry.amount), of=made)


@router.post("/twice", dependencies=[allow("gateway")])
async def make_twice(tx: Tx) -> str:
    """Break a constraint that only the commit's flush sees."""
    identity = new_id()
    tx.session.add(Entry(id=identity, home_site=tx.site, epoch=1, sequence=0, amount=1))
    await tx.session.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))
    tx.session.add(Entry(id=new_id(), home_site=None, epoch=1, sequence=0, amount=1))
    return "this answer must never be sent"


@router.get("/refused", dependencies=[public()])
async def refuse() -> None:
    raise Problem(
        409,
        "entry-exists",
        "The entry %(name)s exists.",
        params={"name": "100 %"},
        errors=[FieldError("/name", "taken", "%(name)s is taken.", {"name": "100 %"})],
    )


@router.get("/missing", dependencies=[public()])
async def missing() -> None:
    raise NoSuchEntryError("There is no such entry.")


@router.get("/away", dependencies=[public()])
async def away() -> None:
    raise ConnectionRefusedError("nobody listens there")


@router.get("/template", dependencies=[public()])
async def template() -> None:
    raise FileNotFoundError("page.html")


def build(settings: ServiceSettings) -> FastAPI:
    problems = {NoSuchEntryError: (404, "no-such-entry")}
    return create_service(
        "ledger", settings, subscriptions=subscriptions(), routers=[router], problems=problems
    )


@pytest.fixture
async def client(databases: Databases, site: NatsSite) -> Any:
    url = await databases.create("ledger")
    callers = {name: sha256(f"{name}-token".encode()).hexdigest() for name in ("gateway", "operator")}
    settings = ServiceSettings(
        database_url=SecretStr(url),
        nats_url=site.url,
        nats_seed=SecretStr(site.seeds["ledger"]),
        port=0,
        callers=callers,
    )
    app = build(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger.test") as found:
            found.app = app  # type: ignore[attr-defined]  # the tests reach into it
            yield found
    await databases.drop(url)


GATEWAY = {"Authorization": "Bearer gateway-token"}
OPERATOR = {"Authorization": "Bearer operator-token"}


async def test_a_caller_without_a_token_is_turned_away(client: Any) -> None:
    answer = await client.post("/entries", json={"amount": 1})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:ilo:sse:problem:unknown-caller"
    assert len(answer.json()["trace_id"]) == 32


async def test_a_known_caller_may_not_use_what_is_not_its_own(client: Any) -> None:
    answer = await client.post("/entries", json={"amount": 1}, headers=OPERATOR)

    assert answer.status_code == 403


async def test_a_wrong_field_is_named_by_its_pointer(client: Any) -> None:
    answer = await client.post("/entries", json={"amount": "many"}, headers=GATEWAY)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/amount"]


async def test_what_was_answered_is_stored_and_published(client: Any) -> None:
    answer = await client.post("/entries", json={"amount": 4}, headers=GATEWAY)
    await client.app.state.service.wait_until_published([UUID(answer.json())], timeout=10)

    assert answer.status_code == 201


async def test_a_failed_commit_is_no_success(client: Any) -> None:
    answer = await client.post("/twice", headers=GATEWAY)

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:ilo:sse:problem:internal-error"


async def test_a_problem_fills_its_places(client: Any) -> None:
    body = (await client.get("/refused")).json()

    assert body["detail"] == "The entry 100 % exists."
    assert body["errors"] == [{"pointer": "/name", "code": "taken", "detail": "100 % is taken."}]


async def test_an_error_of_the_trade_gets_the_status_given_to_it(client: Any) -> None:
    answer = await client.get("/missing")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:ilo:sse:problem:no-such-entry")


async def test_an_absent_database_asks_for_a_repeat_and_other_failures_do_not(client: Any) -> None:
    absent, failed = await client.get("/away"), await client.get("/template")

    assert (absent.status_code, absent.headers["retry-after"]) == (503, "2")
    assert (failed.status_code, failed.json()["type"]) == (500, "urn:ilo:sse:problem:internal-error")


async def test_a_service_says_whether_it_is_ready_and_how_far_behind(client: Any) -> None:
    ready = await client.get("/health/ready")
    status = (await client.get("/status", headers=OPERATOR)).json()
    metrics = (await client.get("/metrics", headers=OPERATOR)).text

    assert ready.json() == {"ready": True, "checks": dict.fromkeys(ready.json()["checks"], "ok")}
    assert [one["durable"] for one in status["consumers"]] == ["ledger-post-entries"]
    assert status["outbox"]["unpublished"] == 0
    assert "ssenet_outbox_oldest_age_seconds" in metrics


def test_an_endpoint_without_an_owner_is_found(client: Any) -> None:
    app = client.app
    inner, outer = APIRouter(), APIRouter(prefix="/outer", dependencies=[allow("gateway")])
    assert len(endpoints(app)) >= 10
    assert undeclared_endpoints(app) == []

    @app.get("/open")
    def forgotten() -> None: ...

    @inner.get("/inner")
    def included() -> None: ...

    outer.include_router(inner)
    app.include_router(inner)
    app.include_router(outer)

    assert undeclared_endpoints(app) == ["['GET'] /open", "['GET'] /inner"]
