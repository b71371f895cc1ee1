"""An event that is only tried: checked and answered as if it had been sent, and kept by nobody."""

from typing import Any

import httpx
import orjson
import pytest
from partner_kit import BATCH, STRUCTURED, an_event, bearer, outbox, post_event


async def tried(
    client: httpx.AsyncClient, event: Any, *, mode: str = STRUCTURED, **headers: str
) -> httpx.Response:
    headers = {"Content-Type": mode, **bearer(), **headers}
    return await client.post("/events?dry_run=true", content=orjson.dumps(event), headers=headers)


async def nothing_is_stored(client: httpx.AsyncClient) -> bool:
    listed = (await client.get("/events", headers=bearer())).json()["events"]
    return not listed and not await outbox(client)


async def test_an_event_that_would_be_accepted_is_told_so_and_not_stored(client: httpx.AsyncClient) -> None:
    event = an_event(id="DEM-1")

    answer = await tried(client, event)

    # Not 202, which promises that the event is stored.
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("trace_id")
    assert body == {"id": "DEM-1", "status": "accepted", "http_status": 202, "dry_run": True}
    assert "Location" not in answer.headers
    assert await nothing_is_stored(client)
    assert (await post_event(client, event)).json()["status"] == "accepted"


async def test_an_event_is_tried_in_binary_mode_as_well(client: httpx.AsyncClient) -> None:
    event = an_event(id="DEM-1")
    headers = {f"ce-{name}": event[name] for name in ("specversion", "id", "source", "type")}

    answer = await tried(client, event["data"], mode="application/json", **headers)

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert await nothing_is_stored(client)


async def test_what_would_be_refused_is_refused_in_the_same_words(client: httpx.AsyncClient) -> None:
    for event in (an_event(data__country="UK"), an_event(specversion="2.0"), ["no event"]):
        attempt, earnest = await tried(client, event), await post_event(client, event)

        assert attempt.status_code == earnest.status_code == 422
        assert attempt.json() | {"trace_id": ""} == earnest.json() | {"trace_id": ""}


async def test_fields_that_nobody_reads_are_named_with_the_one_that_was_meant(
    client: httpx.AsyncClient,
) -> None:
    event = an_event(id="DEM-1", data__theem="labour_rights", data__x={"y": 1})
    event["data"]["title"] |= {"txt": "…"}
    french = {"Accept-Language": "fr"}

    alone = (await tried(client, event, **french)).json()
    in_batch = (await tried(client, [event, an_event()], mode=BATCH, **french)).json()["results"]

    assert alone["status"] == "accepted"
    assert [(one["pointer"], one["code"]) for one in alone["ignored"]] == [
        ("/data/title/txt", "ignored"),
        ("/data/theem", "ignored"),
        ("/data/x", "ignored"),
    ]
    assert alone["ignored"][1]["detail"].endswith("Vouliez-vous dire theme\u202f?")
    assert alone["ignored"][2]["detail"] == "Cet événement n’a pas de champ de ce nom\u202f: il est ignoré."
    assert [one.get("ignored") for one in in_batch] == [alone["ignored"], None]
    assert "ignored" not in (await post_event(client, event)).json()


async def test_a_batch_is_tried_event_by_event(client: httpx.AsyncClient) -> None:
    known, changed = an_event(id="known"), an_event(id="known", data__country="CO")
    await post_event(client, known)
    again = an_event(id="new", data__country="CO")
    batch = [an_event(id="new"), known, changed, again, an_event(id="new"), an_event(data__country="UK")]

    answer = await tried(client, batch, mode=BATCH)

    body = answer.json()
    assert (answer.status_code, body["dry_run"]) == (200, True)
    assert (body["accepted"], body["refused"]) == (3, 3)
    assert [one["status"] for one in body["results"]] == [
        "accepted",
        "already_accepted",
        "refused",
        "refused",
        "already_accepted",
        "refused",
    ]
    assert [one["http_status"] for one in body["results"]] == [202, 202, 409, 409, 202, 422]
    assert len(await outbox(client)) == 1


async def test_an_event_that_stands_already_is_named(client: httpx.AsyncClient) -> None:
    event = an_event()
    accepted = (await post_event(client, event)).json()

    body = (await tried(client, event)).json()

    assert (body["status"], body["event_id"]) == ("already_accepted", accepted["event_id"])
    assert (await tried(client, {**event, "subject": "another"})).status_code == 409


@pytest.mark.parametrize(
    "query", ["dry_run=yes", "dry_run=", "dry_run=1", "dryrun=true", "dry_run=true&dry_run=false"]
)
async def test_a_wish_that_is_not_understood_stores_nothing(client: httpx.AsyncClient, query: str) -> None:
    headers = {"Content-Type": STRUCTURED, **bearer()}

    answer = await client.post(f"/events?{query}", content=orjson.dumps(an_event()), headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"query:{query.partition('=')[0]}"
    assert await nothing_is_stored(client)


async def test_what_is_only_tried_costs_as_much_as_what_is_sent(client: httpx.AsyncClient) -> None:
    answer = await tried(client, [an_event() for _ in range(30)], mode=BATCH)

    assert answer.headers["RateLimit"].startswith('"events";r=37')


async def test_an_event_is_not_taken_before_by_another_of_its_own_batch(client: httpx.AsyncClient) -> None:
    event = an_event()
    batch = [event, event | {"time": "2099-01-01T00:00:00Z"}]
    headers = {"Content-Type": BATCH, **bearer()}

    tried = await client.post("/events?dry_run=true", json=batch, headers=headers)
    sent = await client.post("/events", json=batch, headers=headers)

    assert [one["http_status"] for one in tried.json()["results"]] == [202, 422]
    assert [one["http_status"] for one in sent.json()["results"]] == [202, 422]
