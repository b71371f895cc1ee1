"""What a member writes on a task's page: refused at its field, kept in the form, and handed on as it was typed."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from page_kit import ITEM, TASK, Behind, Reader, a_task

from contracts.words import Role


async def test_declining_without_a_reason_is_answered_at_the_field(member: Reader, behind: Behind) -> None:
    answer = await member.send(f"/tasks/{TASK}/decline", reason="   ")

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "Say why your unit declines" in answer.text
    assert not [asked for asked, _ in behind.asked if asked.endswith("/decline")]


async def test_a_reason_that_coordination_refuses_is_kept_in_the_form(member: Reader, behind: Behind) -> None:
    refused = {"status": 422, "errors": [{"pointer": "/reason", "code": "too-long", "detail": "…"}]}
    behind.answers[f"POST /tasks/{TASK}/decline"] = httpx.Response(422, json=refused)

    answer = await member.send(f"/tasks/{TASK}/decline", reason="Nairobi has the specialist")

    assert answer.status_code == 422
    assert "Nairobi has the specialist</textarea>" in answer.text


async def test_a_coordinator_places_a_task_with_the_units_they_tick(stranger: Reader, behind: Behind) -> None:
    behind.answers[f"GET /tasks/{TASK}"] = a_task(actions=["assign"], needs_routing=True)
    behind.answers[f"POST /tasks/{TASK}/assign"] = a_task(units=["CO-Dakar", "CO-Abuja"])
    await stranger.sign_in(Role.COORDINATOR)

    none = await stranger.send(f"/tasks/{TASK}/assign")
    placed = await stranger.send(f"/tasks/{TASK}/assign", units=["CO-Dakar", "CO-Abuja"], reason="Nearest")

    assert (none.status_code, placed.status_code) == (422, 303)
    assert behind.asked[-1] == (
        f"POST /tasks/{TASK}/assign",
        {"units": ["CO-Dakar", "CO-Abuja"], "reason": "Nearest"},
    )


@pytest.mark.parametrize(
    ("action", "sent", "kept"),
    [("complete", "note", "note"), ("assign", "reason", "assign-reason"), ("decline", "reason", "reason")],
)
async def test_words_too_long_are_refused_at_their_field_and_kept(
    stranger: Reader, behind: Behind, action: str, sent: str, kept: str
) -> None:
    behind.answers[f"GET /tasks/{TASK}"] = a_task(
        actions=["accept", "start", "complete", "decline", "assign"]
    )
    behind.answers["GET /organisations"] = [
        {
            "organisation_id": str(ITEM),
            "code": "CO-Dakar",
            "kind": "office",
            "names": [{"language": "en", "name": "Country Office"}],
            "covers": [],
            "confirmed": True,
        }
    ]
    await stranger.sign_in(Role.COORDINATOR)
    words = "a" * 2001
    fields: dict[str, Any] = {"units": ["CO-Dakar"], sent: words}

    answer = await stranger.send(f"/tasks/{TASK}/{action}", **fields)

    assert answer.status_code == 422
    assert f'id="{kept}-wrong"' in answer.text
    assert "Keep it under 2,000 characters." in answer.text
    assert words in answer.text
    assert not [asked for asked, _ in behind.asked if asked.startswith("POST")]


async def test_the_ends_of_lines_count_once(member: Reader, behind: Behind) -> None:
    behind.answers[f"POST /tasks/{TASK}/complete"] = a_task(state="completed")
    lines = "\r\n".join(["a"] * 1000)

    answer = await member.send(f"/tasks/{TASK}/complete", note=lines)

    assert answer.status_code == 303
    assert behind.asked[-1] == (f"POST /tasks/{TASK}/complete", {"note": lines.replace("\r\n", "\n")})


async def test_too_many_units_are_not_called_unknown(stranger: Reader, behind: Behind) -> None:
    behind.answers[f"GET /tasks/{TASK}"] = a_task(actions=["assign"])
    refused = {"status": 422, "errors": [{"pointer": "/units", "code": "too-long", "detail": "…"}]}
    behind.answers[f"POST /tasks/{TASK}/assign"] = httpx.Response(422, json=refused)
    await stranger.sign_in(Role.COORDINATOR)

    answer = await stranger.send(f"/tasks/{TASK}/assign", units=[f"CO-{n}" for n in range(21)])

    assert answer.status_code == 422
    assert "Choose at most 20 units or offices." in answer.text


def an_office(code: str) -> dict[str, Any]:
    return {
        "organisation_id": str(uuid4()),
        "code": code,
        "kind": "office",
        "names": [{"language": "en", "name": code}],
        "covers": [],
        "confirmed": True,
    }


async def test_a_coordinator_who_ticks_nobody_finds_nobody_ticked(stranger: Reader, behind: Behind) -> None:
    behind.answers["GET /organisations"] = [an_office("COOP"), an_office("CO-Dakar")]
    waiting = a_task(actions=["assign"], needs_routing=True, units=["COOP"])
    await stranger.sign_in(Role.COORDINATOR)

    behind.answers[f"GET /tasks/{TASK}"] = waiting
    fresh = await stranger.open(f"/tasks/{TASK}")
    behind.answers[f"GET /tasks/{TASK}"] = waiting | {"needs_routing": False}
    placed = await stranger.open(f"/tasks/{TASK}")
    empty = await stranger.send(f"/tasks/{TASK}/assign")

    assert 'value="COOP"' in fresh.text
    assert " checked" not in fresh.text
    assert 'value="COOP" checked' in placed.text
    assert empty.status_code == 422
    assert " checked" not in empty.text


async def test_headquarters_come_first_to_choose_from_and_offices_of_no_region_last(
    stranger: Reader, behind: Behind
) -> None:
    behind.answers["GET /organisations"] = [
        an_office("ILO-New York"),
        an_office("CO-Dakar") | {"region": "africa"},
        an_office("CO-Lima") | {"region": "americas"},
        an_office("COOP") | {"kind": "unit"},
    ]
    behind.answers[f"GET /tasks/{TASK}"] = a_task(actions=["assign"], needs_routing=True)
    await stranger.sign_in(Role.COORDINATOR)

    page = (await stranger.open(f"/tasks/{TASK}")).text

    offered = re.findall(r'name="units" value="([^"]+)"', page)
    assert offered == ["COOP", "CO-Dakar", "CO-Lima", "ILO-New York"]
