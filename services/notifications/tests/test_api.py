"""The inbox over HTTP, in the running service."""

from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from network import TITLE, Network, a_member, a_task, the_coordinator, then

from chassis.http.access import undeclared_endpoints
from chassis.testing import Deliver, Running
from contracts.coordination import TaskCompletedV1, TaskState
from contracts.registry import MemberFacts
from contracts.words import Language
from notifications.app import build
from notifications.settings import Settings
from notifications.subscribers import subscriptions

GATEWAY = {"Authorization": "Bearer of-the-gateway"}
CALLERS = {"gateway": "of-the-gateway", "metrics": "of-the-scraper"}


@pytest.fixture
async def client(running: Running) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with running(build, Settings, "notifications", callers=CALLERS) as client:
        client.headers.update(GATEWAY)
        yield client


def app_of(client: httpx.AsyncClient) -> FastAPI:
    app: FastAPI = client.app  # type: ignore[attr-defined]
    return app


@pytest.fixture
def network(client: httpx.AsyncClient) -> Network:
    database = app_of(client).state.service.database
    return Network(database, Deliver(database, subscriptions))


async def inbox_of(client: httpx.AsyncClient, member: MemberFacts, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/members/{member.member_id}/inbox", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_member_reads_the_inbox_in_their_own_language_or_in_another(
    client: httpx.AsyncClient, network: Network
) -> None:
    cairo = a_member("DWT/CO-Cairo", language=Language.AR)
    await network.join(cairo)
    heard = await network.hear(a_task("DWT/CO-Cairo"))

    [own], [other] = (
        (await inbox_of(client, cairo))["items"],
        (await inbox_of(client, cairo, language="es"))["items"],
    )

    assert TITLE.ar in own["title"]
    assert TITLE.es in other["title"]
    assert own["request"] == {"language": "fr", "text": "Appui à la révision de la loi sur les coopératives"}
    assert (own["reason"], own["event_type"], own["due_on"]) == ("unit_assigned", heard.type, "2026-12-07")
    assert heard.traceparent is not None
    assert own["trace_id"] == heard.traceparent.split("-")[1]


async def test_reading_lowers_the_unread_count_and_doing_empties_the_open_list(
    client: httpx.AsyncClient, network: Network
) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)
    await network.hear(a_task("DWT/CO-Dakar"))
    before = await inbox_of(client, dakar, only="unread")
    item = f"/members/{dakar.member_id}/inbox/{before['items'][0]['item_id']}"

    read = [(await client.post(f"{item}/read")).json() for _ in range(2)]
    after_reading = await inbox_of(client, dakar, only="unread")
    done = [(await client.post(f"{item}/done", params={"language": "fr"})).json() for _ in range(2)]

    assert (before["unread"], after_reading["unread"], after_reading["items"]) == (1, 0, [])
    assert read[0] == read[1]
    assert done[0] == done[1]
    assert (done[0]["read_at"], TITLE.fr in done[0]["title"]) == (read[0]["read_at"], True)
    assert (await inbox_of(client, dakar, only="open"))["items"] == []
    assert [one["done_at"] for one in (await inbox_of(client, dakar, only="all"))["items"]] == [
        done[0]["done_at"]
    ]


async def test_pages_hold_every_item_once_also_when_one_is_read_in_between(
    client: httpx.AsyncClient, network: Network
) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)
    for _ in range(5):
        await network.hear(a_task("DWT/CO-Dakar"))

    first = await inbox_of(client, dakar, limit=2)
    await client.post(f"/members/{dakar.member_id}/inbox/{first['items'][0]['item_id']}/read")
    second = await inbox_of(client, dakar, limit=2, before=first["next"])
    third = await inbox_of(client, dakar, limit=2, before=second["next"])

    seen = [item["position"] for page in (first, second, third) for item in page["items"]]
    assert seen == [5, 4, 3, 2, 1]
    assert third["next"] is None


async def test_what_was_completed_elsewhere_is_no_longer_unread(
    client: httpx.AsyncClient, network: Network
) -> None:
    dakar, deputy = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Dakar")
    await network.join(dakar, deputy, the_coordinator())
    task = a_task("DWT/CO-Dakar")
    await network.hear(task)

    await network.hear(
        then(task, TaskCompletedV1, by=dakar, state=TaskState.COMPLETED, waiting_for=()), sequence=2
    )

    assert (await inbox_of(client, deputy))["unread"] == 0


async def test_a_member_whom_the_directory_lacks_has_an_empty_inbox(client: httpx.AsyncClient) -> None:
    inbox = await inbox_of(client, a_member("DWT/CO-Dakar"))

    assert inbox == {"unread": 0, "position": 0, "items": [], "next": None}


async def test_an_item_of_someone_else_is_not_there(client: httpx.AsyncClient, network: Network) -> None:
    dakar, cairo = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Cairo")
    await network.join(dakar, cairo)
    await network.hear(a_task("DWT/CO-Dakar"))
    await network.hear(a_task("DWT/CO-Cairo"))
    [item] = await network.items(dakar)

    answer = await client.post(f"/members/{cairo.member_id}/inbox/{item.id}/done")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:ilo:sse:problem:no-such-item")


async def test_strangers_and_other_callers_see_no_inbox(client: httpx.AsyncClient) -> None:
    path = f"/members/{uuid4()}/inbox"

    assert undeclared_endpoints(app_of(client)) == []
    for route in (path, f"{path}/changes", "/inboxes/stream"):
        assert (await client.get(route, headers={"Authorization": ""})).status_code == 401
        assert (
            await client.get(route, headers={"Authorization": "Bearer of-the-scraper"})
        ).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"), [({"language": "de"}, "language"), ({"only": "new"}, "only"), ({"limit": 0}, "limit")]
)
async def test_a_wrong_query_is_answered_with_its_field(
    client: httpx.AsyncClient, query: dict[str, Any], field: str
) -> None:
    answer = await client.get(f"/members/{uuid4()}/inbox", params=query)

    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["pointer"]


@pytest.mark.parametrize("position", ["latest", "-1", "99999999999999999999"])
async def test_changes_cannot_be_counted_from_what_is_no_position(
    client: httpx.AsyncClient, position: str
) -> None:
    answer = await client.get(f"/members/{uuid4()}/inbox/changes", params={"after": position})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query:after")
