"""Partners page through all of their events, forward and without a gap, however many are being stored meanwhile."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest
from partner_kit import BATCH, OTHER_KEY, an_event, bearer, post_event

from chassis.database.engine import Database
from gateway.journeys import paging

WRITERS = 6
EACH = 40


async def page(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/events", params=query, headers=bearer())
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(told: dict[str, Any]) -> list[str]:
    return [event["id"] for event in told["events"]]


async def read_on(client: httpx.AsyncClient, since: str, *, limit: int = 3) -> tuple[list[str], str]:
    """Everything there is from a place on, and where to go on later."""
    found: list[str] = []
    while True:
        told = await page(client, since=since, limit=limit)
        found += ids(told)
        since = told["next"]
        if not told["events"]:
            return found, since


async def send(client: httpx.AsyncClient, *names: str) -> list[dict[str, Any]]:
    events = [an_event(id=name) for name in names]
    answer = await client.post(
        "/events", content=orjson.dumps(events), headers={"Content-Type": BATCH, **bearer()}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["results"]


async def test_a_partner_reads_on_from_where_it_stopped(client: httpx.AsyncClient) -> None:
    await send(client, "1", "2")
    first, following = await read_on(client, "2020-01-01T00:00:00Z")
    assert (await page(client, since=following))["next"] == following

    await send(client, "3", "4", "5", "6", "7")

    assert first == ["1", "2"]
    assert (await read_on(client, following))[0] == ["3", "4", "5", "6", "7"]


async def test_forward_and_back_are_one_order(client: httpx.AsyncClient) -> None:
    for name in ("b", "a", "d", "c"):
        await send(client, name)

    back = await page(client, limit=4)
    forward, _ = await read_on(client, "2020-01-01T00:00:00Z")
    between = await page(client, since=back["events"][-1]["event_id"], limit=2)

    assert forward == list(reversed(ids(back))) == ["b", "a", "d", "c"]
    assert ids(between) == ["a", "d"]
    assert ids(await page(client, before=between["next"])) == ["a", "b"]


async def test_a_time_is_where_its_events_begin(client: httpx.AsyncClient) -> None:
    await send(client, "before")
    [event] = (await page(client))["events"]
    later = event["received_at"].replace("Z", "+00:00")

    assert ids(await page(client, since=event["received_at"])) == ["before"]
    # A plus that was not percent-encoded arrives as a blank, and is meant as it was written.
    answer = await client.get(f"/events?since={later}", headers=bearer())
    assert ids(answer.json()) == ["before"]
    nothing_yet = await page(client, since="2999-01-01T00:00:00Z")
    assert nothing_yet == {"events": [], "next": "2999-01-01T00:00:00Z"}


async def test_six_writers_leave_no_gap_for_who_reads_meanwhile(client: httpx.AsyncClient) -> None:
    written = [[f"{writer}-{number}" for number in range(EACH)] for writer in range(WRITERS)]

    async def write(names: list[str]) -> None:
        for name in names:
            assert (await post_event(client, an_event(id=name))).status_code in {202, 429}

    writing = asyncio.gather(*(write(names) for names in written))
    read, following = await read_on(client, "2020-01-01T00:00:00Z")
    while not writing.done():
        more, following = await read_on(client, following)
        read += more
    await writing
    read += (await read_on(client, following))[0]

    there: list[str] = []
    told = await page(client, limit=200)
    while True:
        there += ids(told)
        if told["next"] is None:
            break
        told = await page(client, limit=200, before=told["next"])
    assert read == list(reversed(there))
    assert len(read) == len(set(read)) > WRITERS


INSERT = """
INSERT INTO received_events (
    id, home_site, epoch, sequence, event_id, partner, source, sent_id, type, content_sha256, received_at)
VALUES ($1, 'hq', 1, 1, $1, 'MINFI-SN', '/late', $2, 'partner.assistance.requested.v1', '', now())
"""


async def test_an_event_that_is_committed_late_is_not_passed_over(client: httpx.AsyncClient) -> None:
    database: Database = client.app.state.service.database  # type: ignore[attr-defined]
    late = await asyncpg.connect(database.asyncpg_dsn)
    storing = late.transaction()
    await storing.start()
    await late.execute(INSERT, uuid4(), "late")
    await send(client, "early")

    reading = asyncio.create_task(page(client, since="2020-01-01T00:00:00Z"))
    await _asked_who_writes(database)
    await storing.commit()
    await late.close()

    assert ids(await reading) == ["late", "early"]


async def test_while_that_cannot_be_known_nothing_is_passed_over(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PATIENCE", 1)
    database: Database = client.app.state.service.database  # type: ignore[attr-defined]
    late = await asyncpg.connect(database.asyncpg_dsn)
    storing = late.transaction()
    await storing.start()
    await late.execute(INSERT, uuid4(), "late")
    await send(client, "early")

    told = await page(client, since="2020-01-01T00:00:00Z")
    await storing.rollback()
    await late.close()

    assert told == {"events": [], "next": "2020-01-01T00:00:00Z"}
    assert ids(await page(client, since=told["next"])) == ["early"]


async def _asked_who_writes(database: Database) -> None:
    """Wait until somebody looks at the locks for the second time, and so has seen who writes."""
    watching = await asyncpg.connect(database.asyncpg_dsn)
    looks = """SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_locks%' AND state = 'idle in transaction'
        AND pid <> pg_backend_pid() AND datname = current_database()"""
    while not await watching.fetchval(looks):  # noqa: ASYNC110 - another process' doing has no event
        await asyncio.sleep(0.001)
    await watching.close()


async def test_since_and_before_exclude_each_other(client: httpx.AsyncClient) -> None:
    [sent] = await send(client, "1")
    headers = {**bearer(), "Accept-Language": "fr"}

    answer = await client.get(f"/events?since={sent['event_id']}&before={sent['event_id']}", headers=headers)

    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("query:since", "not-together")
    assert "s’excluent" in fault["detail"]


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-03", "2026-11-03T09:12:04", "1", "9" * 65])
async def test_what_names_no_place_is_refused(client: httpx.AsyncClient, since: str) -> None:
    answer = await client.get("/events", params={"since": since}, headers=bearer())

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:since"


@pytest.mark.parametrize("parameter", ["since", "before"])
async def test_another_partners_event_is_no_place(client: httpx.AsyncClient, parameter: str) -> None:
    theirs = (await post_event(client, an_event(), key=OTHER_KEY)).json()["event_id"]

    for place in (theirs, str(uuid4())):
        answer = await client.get("/events", params={parameter: place}, headers=bearer())

        assert answer.status_code == 422
        [fault] = answer.json()["errors"]
        assert (fault["pointer"], fault["code"]) == (f"query:{parameter}", "no-such-event")
