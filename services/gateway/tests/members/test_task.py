"""A task's page, and what a member does there."""

from typing import Any

import httpx
import pytest
from page_kit import ITEM, TASK, Behind, Reader, a_task, an_item


async def test_coming_from_an_item_marks_it_read(member: Reader, behind: Behind) -> None:
    behind.answers[f"POST inbox/{ITEM}/read"] = an_item(read_at="2026-11-23T09:00:00Z")

    await member.open(f"/tasks/{TASK}?item={ITEM}", **{"Sec-Purpose": "prefetch"})
    assert (f"POST inbox/{ITEM}/read", {}) not in behind.asked
    await member.open(f"/tasks/{TASK}?item={ITEM}")

    assert (f"POST inbox/{ITEM}/read", {}) in behind.asked


async def test_a_member_accepts_and_is_told_on_the_task(member: Reader, behind: Behind) -> None:
    behind.answers[f"POST /tasks/{TASK}/accept"] = a_task(state="accepted", actions=["start"])

    accepted = await member.send(f"/tasks/{TASK}/accept")

    assert (accepted.status_code, accepted.headers["Location"]) == (303, f"/tasks/{TASK}")
    assert "You accepted the task." in (await member.open(f"/tasks/{TASK}")).text


async def test_a_page_does_without_what_only_adds_to_it(member: Reader, behind: Behind) -> None:
    behind.away |= {"registry", "notifications"}

    answer = await member.open(f"/tasks/{TASK}")

    assert answer.status_code == 200
    assert "Answer a request" in answer.text


async def test_the_history_names_the_units_a_task_was_placed_with(member: Reader, behind: Behind) -> None:
    opened = {"state": "opened", "at": "2026-11-20T08:30:00Z", "actor": None, "reason": None}
    placed = opened | {"action": "assign", "units": ["CO-Dakar", "<b>"]}
    behind.answers[f"GET /tasks/{TASK}"] = a_task(history=[opened | {"units": ["COOP"]}, placed])

    page = (await member.open(f"/tasks/{TASK}")).text

    assert "Placed with <bdi>CO-Dakar</bdi> and <bdi>&lt;b&gt;</bdi>" in page
    assert "Opened from the partner&#39;s request" in page


@pytest.mark.parametrize(
    ("action", "after", "told"),
    [
        ("accept", {"state": "completed"}, "This was already done."),
        ("start", {"state": "completed"}, "This was already done."),
        ("accept", {"state": "started"}, "This was already done."),
        ("accept", {"state": "started", "units": ["CO-Dakar", "CO-Abuja"]}, "You accepted the task."),
        ("complete", {"state": "started", "units": ["CO-Dakar", "CO-Abuja"]}, "Your part of the task is"),
    ],
)
async def test_a_stale_button_claims_nothing_that_does_not_fit(
    member: Reader, behind: Behind, action: str, after: dict[str, Any], told: str
) -> None:
    behind.answers[f"POST /tasks/{TASK}/{action}"] = a_task(**after)

    await member.send(f"/tasks/{TASK}/{action}")

    assert told in (await member.open(f"/tasks/{TASK}")).text


async def test_an_action_that_came_too_late_is_explained(member: Reader, behind: Behind) -> None:
    behind.answers[f"POST /tasks/{TASK}/accept"] = httpx.Response(409, json={"status": 409})

    answer = await member.send(f"/tasks/{TASK}/accept")

    assert answer.status_code == 409
    assert "Someone else was faster" in answer.text


async def test_an_action_while_coordination_is_away_says_that_nothing_was_stored(
    member: Reader, behind: Behind
) -> None:
    behind.away.add("coordination")

    answer = await member.send(f"/tasks/{TASK}/accept")

    assert answer.status_code == 503
    assert "Your action was not stored" in answer.text
    assert f'href="/tasks/{TASK}"' in answer.text
