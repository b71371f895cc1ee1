"""What coordination answers over HTTP, from a running service."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from coordination_kit import (
    ACTEMP,
    CAIRO,
    COORDINATOR,
    DAKAR,
    STRANGER,
    Coordination,
    a_concern,
    an_assistance_request,
)
from httpx import AsyncClient, Response

from chassis.http.access import undeclared_endpoints
from chassis.runtime.service import Service
from chassis.testing import Deliver, Running, a_clock, announced, eventually
from contracts.words import MemberId, TaskId
from coordination.app import build
from coordination.domain.tasks import Action
from coordination.settings import Settings
from coordination.subscribers import subscriptions

CALLERS = {
    "gateway": "secret of the gateway",
    "operator": "secret of the operator",
    "registry": "secret of another",
}


class Api:
    """The gateway's side of the conversation, and the service behind it."""

    def __init__(self, client: AsyncClient, service: Service) -> None:
        self._client = client
        self.service = service
        deliver = Deliver(service.database, subscriptions)
        self.coordination = Coordination(service.database, deliver, a_clock())

    async def get(self, path: str, *, actor: MemberId | None = None, **query: Any) -> Response:
        return await self._client.get(path, params=query, headers=self._headers(actor))

    async def post(self, path: str, body: Any = None, *, actor: MemberId | None = None) -> Response:
        return await self._client.post(path, json=body, headers=self._headers(actor))

    async def as_caller(self, path: str, token: str | None, **query: Any) -> Response:
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._client.get(path, params=query, headers=shown)

    async def list_tasks(self, **query: Any) -> list[dict[str, Any]]:
        return (await self.as_caller("/tasks", CALLERS["operator"], **query)).json()

    def _headers(self, actor: MemberId | None) -> dict[str, str]:
        who = {"X-Actor": str(actor)} if actor else {}
        return {"Authorization": f"Bearer {CALLERS['gateway']}", **who}


@pytest.fixture
async def api(running: Running) -> AsyncGenerator[Api, None]:
    async with running(build, Settings, "coordination", callers=CALLERS) as client:
        app: Any = client.app  # type: ignore[attr-defined]
        service: Service = app.state.service
        api = Api(client, service)
        await api.coordination.hear_directory()
        yield api


async def test_the_plan_is_shown_with_its_figures_and_progress(api: Api) -> None:
    await api.coordination.deliver(an_assistance_request())
    task = await api.coordination.opened_task(an_assistance_request())
    await api.coordination.act(task, Action.ACCEPT, DAKAR)

    plan = (await api.get("/plan")).json()

    assert (plan["code"], plan["version"]) == ("SSE-SAP-2023-2029", 1)
    assert [one["estimate_usd_million"] for one in plan["objectives"]] == ["15.6", "17.2", "4.7"]
    results = [
        r for objective in plan["objectives"] for output in objective["outputs"] for r in output["results"]
    ]
    assert len(results) == 17
    assert sum(len(one["conclusions"]) for one in results) == 97
    assert sum(len(one["pb"]) for one in results) == 88
    advice = next(one for one in results if one["code"] == "2.1.1")
    assert (advice["start"], advice["end"], advice["conclusions"][0]) == (2023, 2029, "6(c)")
    assert advice["tasks"] == {"opened": 1, "accepted": 1, "started": 0, "completed": 0, "declined": 0}
    assert set(advice["title"]) == {"en", "fr", "es", "ar"}


async def test_the_packaged_plan_is_announced_when_the_service_starts(api: Api) -> None:
    async def published() -> bool:
        plans = [
            one for one in await announced(api.service.database) if one.type.startswith("coordination.plan")
        ]
        await api.service.wait_until_published([one.id for one in plans])
        return len(plans) == 1

    assert await eventually(published)


async def test_tasks_are_listed_newest_first_and_by_what_one_looks_for(api: Api) -> None:
    for event in (an_assistance_request("SN"), a_concern(), an_assistance_request("KI")):
        await api.coordination.deliver(event)

    async def units(**query: Any) -> list[list[str]]:
        return [one["units"] for one in await api.list_tasks(**query)]

    everything = [["COOP"], ["ACT/EMP", "ACTRAV"], ["DWT/CO-Dakar"]]
    assert await units() == everything
    assert await units(organisation="ACTRAV") == [["ACT/EMP", "ACTRAV"]]
    assert await units(needs_routing="true") == [["COOP"]]
    assert await units(state="opened", needs_routing="false") == everything[1:]
    assert await units(state="completed") == []
    first = await api.list_tasks(limit=1)
    assert await units(before=first[0]["task_id"], limit=1) == everything[1:2]


async def test_a_task_shows_where_it_came_from_and_what_its_reader_may_do(api: Api) -> None:
    heard = await api.coordination.deliver(an_assistance_request())
    task = await api.coordination.task()

    seen = (await api.get(f"/tasks/{task.id}", actor=DAKAR)).json()

    assert (seen["task_id"], seen["event_id"], seen["sequence"]) == (str(task.id), str(heard.id), 1)
    assert seen["partner_event"] == {"type": heard.type, "data": heard.data}
    assert seen["actions"] == ["accept", "decline"]
    assert [(one["state"], one["actor"]) for one in seen["history"]] == [("opened", None)]
    assert (await api.get(f"/tasks/{task.id}", actor=COORDINATOR)).json()["actions"] == ["assign"]
    assert (await api.as_caller(f"/tasks/{task.id}", CALLERS["operator"])).json()["actions"] == []


async def test_a_task_is_read_by_those_it_was_placed_with_and_by_coordinators(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    async def seen_by(*actors: MemberId | None) -> list[int]:
        return [(await api.get(f"/tasks/{task}", actor=actor)).status_code for actor in actors]

    assert await seen_by(DAKAR, CAIRO, COORDINATOR, STRANGER, None) == [200, 403, 200, 403, 403]
    refused = await api.get(f"/tasks/{task}", actor=CAIRO)
    assert refused.json()["type"] == "urn:ilo:sse:problem:not-your-task"
    assert "partner_event" not in refused.text
    await api.post(f"/tasks/{task}/decline", {"reason": "Not ours."}, actor=DAKAR)
    await api.post(f"/tasks/{task}/assign", {"units": ["DWT/CO-Cairo"]}, actor=COORDINATOR)
    assert await seen_by(DAKAR, CAIRO) == [200, 200]


async def test_the_pages_token_lists_no_tasks(api: Api) -> None:
    assert (await api.as_caller("/tasks", CALLERS["gateway"])).status_code == 403


async def test_a_focal_point_takes_a_task_from_opened_to_completed(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    for action, state, then in (
        ("accept", "accepted", ["start", "decline"]),
        ("start", "started", ["complete", "decline"]),
        ("complete", "completed", []),
    ):
        answer = await api.post(f"/tasks/{task}/{action}", {} if action != "start" else None, actor=DAKAR)
        assert (answer.status_code, answer.json()["state"], answer.json()["actions"]) == (200, state, then)

    assert answer.json()["actor"]["label"] == "focal point, DWT/CO-Dakar"
    assert (await api.get(f"/tasks/{task}", actor=DAKAR)).json()["state"] == "completed"


async def test_a_note_on_completion_is_kept(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())
    await api.post(f"/tasks/{task}/accept", actor=DAKAR)
    await api.post(f"/tasks/{task}/start", actor=DAKAR)

    answer = await api.post(f"/tasks/{task}/complete", {"note": "Sent on Monday."}, actor=DAKAR)

    assert answer.json()["history"][-1]["reason"] == "Sent on Monday."


async def test_a_repeated_action_answers_as_the_first_did(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())
    first = await api.post(f"/tasks/{task}/accept", actor=DAKAR)
    again = await api.post(f"/tasks/{task}/accept", actor=DAKAR)

    assert (again.status_code, again.json()) == (200, first.json())


async def test_an_action_of_a_stranger_is_forbidden(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    for actor in (CAIRO, STRANGER, None):
        answer = await api.post(f"/tasks/{task}/accept", actor=actor)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:ilo:sse:problem:not-your-task")


async def test_an_action_out_of_order_is_a_conflict(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    answer = await api.post(f"/tasks/{task}/complete", actor=DAKAR)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:ilo:sse:problem:wrong-state")
    assert "opened" in answer.json()["detail"]


async def test_a_task_that_does_not_exist_is_not_found(api: Api) -> None:
    answers = [await api.get(f"/tasks/{STRANGER}"), await api.post(f"/tasks/{STRANGER}/accept", actor=DAKAR)]

    assert [(one.status_code, one.json()["type"]) for one in answers] == [
        (404, "urn:ilo:sse:problem:no-such-task")
    ] * 2


@pytest.mark.parametrize(
    "body", [{}, {"reason": "  "}, {"reason": "x" * 2001}], ids=["none", "blank", "too long"]
)
async def test_declining_needs_a_reason(api: Api, body: dict[str, str]) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    answer = await api.post(f"/tasks/{task}/decline", body, actor=DAKAR)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/reason"]
    assert (await api.coordination.task()).state == "opened"


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x7f", "\x85"])
async def test_a_control_character_in_a_reason_is_pointed_at(api: Api, control: str) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    answer = await api.post(f"/tasks/{task}/decline", {"reason": f"Not{control}ours."}, actor=DAKAR)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/reason", "control-character")
    assert f"U+{ord(control):04X}" in error["detail"]


async def test_a_reason_may_have_lines_and_tabs(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    answer = await api.post(f"/tasks/{task}/decline", {"reason": "Two\r\n\tlines."}, actor=DAKAR)

    assert answer.json()["reason"] == "Two\r\n\tlines."


async def test_the_coordinator_places_a_declined_task_elsewhere(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())
    declined = await api.post(f"/tasks/{task}/decline", {"reason": "Not ours."}, actor=DAKAR)
    assert declined.json()["state"] == "declined"

    placed = await api.post(
        f"/tasks/{task}/assign", {"units": ["DWT/CO-Cairo", "ACT/EMP"]}, actor=COORDINATOR
    )

    assert (placed.json()["state"], placed.json()["waiting_for"]) == ("opened", ["DWT/CO-Cairo", "ACT/EMP"])
    for actor, may in ((DAKAR, []), (CAIRO, ["accept", "decline"]), (ACTEMP, ["accept", "decline"])):
        assert (await api.get(f"/tasks/{task}", actor=actor)).json()["actions"] == may


async def test_an_assignment_to_nowhere_names_the_place_of_the_mistake(api: Api) -> None:
    task = await api.coordination.opened_task(an_assistance_request())

    answer = await api.post(f"/tasks/{task}/assign", {"units": ["COOP", "CO-Atlantis"]}, actor=COORDINATOR)
    nobody = await api.post(f"/tasks/{task}/assign", {"units": []}, actor=COORDINATOR)

    assert (answer.status_code, nobody.status_code) == (422, 422)
    assert answer.json()["errors"] == [
        {
            "pointer": "/units/1",
            "code": "unknown-unit",
            "detail": "No unit or office has the code CO-Atlantis.",
        }
    ]
    assert nobody.json()["errors"][0]["pointer"] == "/units"


async def test_only_the_gateway_and_operators_may_ask(api: Api) -> None:
    assert (await api.as_caller("/plan", None)).status_code == 401
    assert (await api.as_caller("/plan", CALLERS["registry"])).status_code == 403
    assert (await api.as_caller("/plan", CALLERS["operator"])).status_code == 200


async def test_every_endpoint_says_who_may_use_it(api: Api) -> None:
    assert undeclared_endpoints(build(api.service.settings)) == []  # type: ignore[arg-type]


async def test_an_actor_that_is_no_id_is_refused(api: Api) -> None:
    answer = await api.post(f"/tasks/{TaskId(STRANGER)}/accept", actor="somebody")  # type: ignore[arg-type]

    assert answer.status_code == 422
