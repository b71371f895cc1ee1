"""Dead letters over HTTP: who may ask, what is answered, and how many requests make one replay."""

from collections.abc import AsyncGenerator
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from ledger import EntryMadeV1, post, postings, subscriptions
from pydantic import SecretStr

from chassis.database.engine import Database
from chassis.database.tables import dead_letters
from chassis.messages import Received
from chassis.runtime.service import create_service
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Batch, Tx
from chassis.testing import Databases, Deliver, NatsSite, an_envelope

LETTERS = "/internal/dead-letters"
WHO = {"by": "operator on duty", "reason": "the ledger was mended"}


async def post_anything(entries: Batch[EntryMadeV1], tx: Tx) -> None:
    mended = [
        Received(one.envelope, one.event.model_copy(update={"poison": None}), one.traceparent)
        for one in entries
    ]
    await post(mended, tx)


@pytest.fixture
async def client(databases: Databases, site: NatsSite) -> AsyncGenerator[Any]:
    """A ledger whose handler was mended, with five letters from before; asked by the operator."""
    url = await databases.create("ledger")
    before = Database(url, service="ledger")
    refused = [an_envelope(EntryMadeV1(amount=amount, poison="refused")) for amount in range(5)]
    await Deliver(before, subscriptions()).again(*refused, failing=True)
    await before.close()
    settings = ServiceSettings(
        database_url=SecretStr(url),
        nats_url=site.url,
        nats_seed=SecretStr(site.seeds["ledger"]),
        port=0,
        callers={name: sha256(name.encode()).hexdigest() for name in ("gateway", "operator", "partner")},
    )
    app = create_service("ledger", settings, subscriptions=subscriptions(post_anything))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": "Bearer operator"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://ledger.test", headers=headers
        ) as found:
            found.app = app  # type: ignore[attr-defined]
            yield found
    await databases.drop(url)


async def test_an_operator_finds_mends_replays_and_discards(client: Any) -> None:
    page = (await client.get(LETTERS, params={"limit": 2, "error_class": "RefusedEntryError"})).json()
    rest = (await client.get(LETTERS, params={"after": page["next"]})).json()
    assert (len(page["letters"]), page["matching"], len(rest["letters"]), rest["next"]) == (2, 5, 3, None)
    assert "amount" not in str(page)

    shown = (await client.get(f"{LETTERS}/{page['letters'][0]['id']}")).json()
    assert shown["payload"]["data"] == {"amount": 4, "poison": "refused"}
    payload = shown["payload"] | {"data": {"amount": 44}}
    edited = await client.put(f"{LETTERS}/{shown['id']}/payload", json=WHO | {"payload": payload})
    assert edited.json()["records"][0]["before"] == shown["payload"]
    assert (edited.json()["records"][0]["caller"], edited.json()["edited"]) == ("operator", True)

    gone = WHO | {"ids": [rest["letters"][0]["id"]]}
    left: list[int] = []
    for dry_run in (True, False, True):
        answer = (await client.post(f"{LETTERS}/discard", json=gone | {"dry_run": dry_run})).json()
        assert len(answer["discarded"]) == (0 if dry_run else 1)
        left.append(answer["remaining"])
    assert left == [1, 0, 0]
    await _replayed(client, limit=3, dry_run=True)
    assert await postings(client.app.state.service.database) == []
    outcomes = await _replayed(client, limit=3, dry_run=False)
    assert outcomes == ["applied"] * 4
    assert await postings(client.app.state.service.database) == [0, 1, 3, 44]
    assert (await client.get("/status")).json()["dead_letters"] == 0


async def test_a_slow_replay_is_many_short_requests(client: Any) -> None:
    client.app.state.service.replayer.seconds = 0
    ids = [one["id"] for one in (await client.get(LETTERS)).json()["letters"]]

    for wanted in ({"filter": {}, "dry_run": True}, {"ids": ids, "dry_run": False}):
        # So slow that each batch is one letter.
        told = WHO | wanted | {"rate": 7, "after": None}
        pages = [(await client.post(f"{LETTERS}/replay", json=told)).json()]
        while pages[-1]["next"] is not None:
            again = told | {"after": pages[-1]["next"]}
            pages.append((await client.post(f"{LETTERS}/replay", json=again)).json())
        assert [page["remaining"] for page in pages] == [4, 3, 2, 1, 0]
        assert [one["letter_id"] for page in pages for one in page["results"]] == ids[::-1]

    assert await postings(client.app.state.service.database) == [0, 1, 2, 3, 4]


async def _replayed(client: Any, *, limit: int, dry_run: bool) -> list[str]:
    after, outcomes = None, list[str]()
    while True:
        wanted = WHO | {"filter": {}, "after": after, "limit": limit, "dry_run": dry_run}
        answer = (await client.post(f"{LETTERS}/replay", json=wanted)).json()
        outcomes += [one["outcome"] for one in answer["results"]]
        after = answer["next"]
        if after is None:
            return outcomes


@pytest.mark.parametrize("name", ["gateway", "partner"])
async def test_nobody_else_may_touch_dead_letters_and_faults_are_named(client: Any, name: str) -> None:
    stranger = {"Authorization": f"Bearer {name}"}
    some_id = "00000000-0000-7000-8000-000000000000"
    asked = [
        client.get(LETTERS, headers=stranger),
        client.get(f"{LETTERS}/{some_id}", headers=stranger),
        client.put(f"{LETTERS}/{some_id}/payload", headers=stranger, json=WHO | {"payload": {}}),
        client.post(f"{LETTERS}/replay", headers=stranger, json=WHO | {"ids": [some_id], "dry_run": True}),
        client.post(f"{LETTERS}/discard", headers=stranger, json=WHO | {"ids": [some_id], "dry_run": True}),
    ]
    assert [(await one).status_code for one in asked] == [403] * 5

    missing = await client.get(f"{LETTERS}/{some_id}")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    vague = await client.post(f"{LETTERS}/discard", json={"by": " ", "ids": [some_id], "dry_run": False})
    assert {one["pointer"] for one in vague.json()["errors"]} == {"/by", "/reason"}
    both = await client.post(
        f"{LETTERS}/replay", json=WHO | {"ids": [some_id], "filter": {}, "dry_run": True}
    )
    assert both.status_code == 422
    nul = {"by": "a\x00", "reason": "b\x00", "filter": {"type": "c\x00"}, "dry_run": False}
    unstorable = await client.post(f"{LETTERS}/discard", json=nul)
    assert {one["pointer"] for one in unstorable.json()["errors"]} == {"/by", "/reason", "/filter/type"}
    lost = await client.post(f"{LETTERS}/replay", json=WHO | {"filter": {}, "after": "x", "dry_run": True})
    assert lost.json()["errors"][0]["pointer"] == "/after"


@pytest.mark.parametrize(
    "wanted",
    [
        {"filter": {"since": "9999-12-31T23:59:59-14:00"}},
        {"filter": {"before": "0001-01-01T00:00:00+14:00"}},
        {"filter": {}, "rate": 0.0001},
        {"filter": {}, "after": f"EVENTS/{2**63}/01932b6e-0000-7000-8000-000000000000"},
        {"filter": {}, "after": "EV\x00ENTS/1/01932b6e-0000-7000-8000-000000000000"},
    ],
    ids=["since", "before", "rate", "a place too far", "a place with a NUL"],
)
async def test_what_no_database_or_clock_can_follow_is_refused_at_its_field(
    client: Any, wanted: dict[str, Any]
) -> None:
    answer = await client.post(f"{LETTERS}/replay", json=WHO | {"dry_run": True} | wanted)

    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_letter_is_edited_and_shown_as_far_as_json_carries_it(client: Any) -> None:
    letter = (await client.get(LETTERS)).json()["letters"][0]["id"]
    payload = (await client.get(f"{LETTERS}/{letter}")).json()["payload"]
    too_large = payload | {"data": {"amount": 44, "note": 2**64}}
    refused = await client.put(f"{LETTERS}/{letter}/payload", json=WHO | {"payload": too_large})
    assert refused.status_code == 422

    nested = b"[" * 600 + b"]" * 600
    async with client.app.state.service.database.transaction() as tx:
        deep = sa.update(dead_letters).where(dead_letters.c.id == UUID(letter)).values(payload=nested)
        await tx.session.execute(deep)
    assert (await client.get(f"{LETTERS}/{letter}")).json()["payload"] == nested.decode()
