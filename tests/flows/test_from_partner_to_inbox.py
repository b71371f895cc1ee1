"""The main job: a partner posts an event, a task opens at the right office, and its focal point sees it."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chassis.testing import eventually
from contracts.catalogue import PARTNER_EVENTS
from contracts.testing import golden_events

STRUCTURED = {"Content-Type": "application/cloudevents+json"}


def a_request(*, country: str = "SN", **more: Any) -> dict[str, Any]:
    """A request for assistance, as a partner's system would write it."""
    return {
        "specversion": "1.0",
        "id": f"REQ-{uuid4().hex[:12]}",
        "source": "https://requests.example.org/sse",
        "type": "partner.assistance.requested.v1",
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "title": {"language": "fr", "text": "Avis sur le projet de loi relatif aux mutuelles de santé"},
            "description": {
                "language": "fr",
                "text": "Nous demandons un avis juridique avant la fin de la session.",
            },
            "country": country,
            "requested_by": "Direction chargée de l'économie sociale et solidaire",
            "constituency": "government",
        },
    } | more


async def send(partner: httpx.AsyncClient, event: dict[str, Any]) -> httpx.Response:
    return await partner.post("/events", content=json.dumps(event), headers=STRUCTURED)


async def journey(partner: httpx.AsyncClient, event_id: str, *, until: str) -> dict[str, Any]:
    """What became of the event, once it has got as far as this step."""

    async def look() -> dict[str, Any] | None:
        told = (await partner.get(f"/events/{event_id}")).json()
        return told if until in [step["name"] for step in told["steps"]] else None

    told = await eventually(look)
    assert told is not None
    return told


def working_days_after(day: date, count: int) -> date:
    """Ten working days, Monday to Friday, counted by hand."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


async def test_a_request_becomes_a_task_at_the_office_that_covers_the_country(network: Any) -> None:
    event = a_request()
    async with network.as_partner() as partner:
        accepted = await send(partner, event)
        assert accepted.status_code == 202, accepted.text
        told = await journey(partner, accepted.json()["event_id"], until="notified")

    task_id = next(step["task_id"] for step in told["steps"] if step["name"] == "task_opened")
    task = network.asked.ask("coordination", "GET", f"/tasks/{task_id}")
    assert task["result"] == "2.1.1"
    assert task["units"] == ["DWT/CO-Dakar"]
    assert task["due_on"] == working_days_after(datetime.now(UTC).date(), 10).isoformat()
    async with network.as_member("focal_point", "CO-Dakar") as member:
        inbox = await member.get("/inbox")
    assert event["data"]["title"]["text"] in inbox.text
    assert '<html lang="fr"' in inbox.text


async def test_the_focal_point_accepts_starts_and_completes_without_scripts(network: Any) -> None:
    from tests.conftest import hidden_fields

    async with network.as_partner() as partner, network.as_member("focal_point", "CO-Dakar") as member:
        accepted = (await send(partner, a_request())).json()
        told = await journey(partner, accepted["event_id"], until="notified")
        task_id = next(step["task_id"] for step in told["steps"] if step["name"] == "task_opened")

        for action, step in (
            ("accept", "task_accepted"),
            ("start", "task_started"),
            ("complete", "task_completed"),
        ):
            page = await member.get(f"/tasks/{task_id}")
            answer = await member.post(f"/tasks/{task_id}/{action}", data=hidden_fields(page.text))
            assert answer.status_code == 200, answer.text
            told = await journey(partner, accepted["event_id"], until=step)

    assert told["status"] == "completed"
    # A partner sees units and offices, never members.
    assert "member" not in json.dumps(told)


async def test_a_country_that_no_office_covers_comes_to_the_coordinator_to_route(network: Any) -> None:
    async with network.as_partner() as partner, network.as_member("coordinator") as coordinator:
        accepted = (await send(partner, a_request(country="CA"))).json()
        told = await journey(partner, accepted["event_id"], until="notified")
        task_id = next(step["task_id"] for step in told["steps"] if step["name"] == "task_opened")
        assert task_id in (await coordinator.get("/inbox")).text
    task = network.asked.ask("coordination", "GET", f"/tasks/{task_id}")
    assert (task["units"], task["needs_routing"]) == (["COOP"], True)


async def test_the_same_event_again_opens_no_second_task(network: Any) -> None:
    event = a_request()
    async with network.as_partner() as partner:
        first = await send(partner, event)
        await journey(partner, first.json()["event_id"], until="notified")
        second = await send(partner, event)
        changed = await send(partner, event | {"data": event["data"] | {"requested_by": "Somebody else"}})
        told = await journey(partner, first.json()["event_id"], until="notified")

    assert (second.status_code, second.json()["status"]) == (202, "already_accepted")
    assert second.json()["event_id"] == first.json()["event_id"]
    assert (changed.status_code, changed.json()["errors"][0]["pointer"]) == (409, "/id")
    assert [step["name"] for step in told["steps"]].count("task_opened") == 1


@pytest.mark.parametrize("golden", golden_events(*PARTNER_EVENTS), ids=lambda one: f"{one.type}/{one.name}")
async def test_every_example_of_a_partner_event_opens_its_task(network: Any, golden: Any) -> None:
    event = dict(golden.cloudevent) | {"id": f"{golden.name}-{uuid4().hex[:8]}"}
    async with network.as_partner() as partner:
        accepted = await send(partner, event)
        assert accepted.status_code == 202, accepted.text
        await journey(partner, accepted.json()["event_id"], until="notified")
