"""What a reader sees when something went wrong."""

from uuid import uuid4

import httpx
import pytest
from page_kit import TASK, URL, Behind, Reader


@pytest.mark.parametrize("path", ["/inbox", f"/tasks/{TASK}", "/plan"])
async def test_a_page_whose_service_is_away_offers_to_try_again(
    member: Reader, behind: Behind, path: str
) -> None:
    behind.away |= {"coordination", "notifications"}

    answer = await member.open(path)

    assert answer.status_code == 503
    assert f'href="{path}">Try again' in answer.text


async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(member: Reader) -> None:
    page = await member.open("/nowhere")
    problem = await member.http.get("/nowhere", headers={"Accept": "application/json"})
    no_task = await member.open(f"/tasks/{uuid4()}")

    assert (page.status_code, problem.status_code, no_task.status_code) == (404, 404, 404)
    assert "<h1>There is no such page</h1>" in page.text
    assert "<h1>There is no such page</h1>" in no_task.text
    assert problem.headers["Content-Type"].startswith("application/problem+json")


async def test_a_form_that_fails_anywhere_is_answered_with_a_page(member: Reader) -> None:
    odd = await member.send("/language", language="xx")
    nowhere = await member.send("/nowhere")
    fragment = await member.send("/language", language="xx", htmx=True)

    assert (odd.status_code, nowhere.status_code, fragment.status_code) == (422, 404, 422)
    assert "<h1>This could not be done</h1>" in odd.text
    assert "<h1>There is no such page</h1>" in nowhere.text
    assert fragment.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("path", ["/tasks/nope", "/inbox?before=zzz", "/inbox?before=-7"])
async def test_an_address_that_makes_no_sense_is_no_page(member: Reader, behind: Behind, path: str) -> None:
    if path.endswith("-7"):
        behind.answers["GET inbox"] = httpx.Response(422, json={"status": 422})

    answer = await member.open(path)

    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    assert "Nothing was stored" not in answer.text


@pytest.mark.parametrize("path", ["/inbox/", "/sign-in/", "/plan//", "/tasks/x/?y=1&z=%2F"])
async def test_a_slash_too_many_leads_to_the_page_on_whatever_host_it_was_asked_for(
    member: Reader, path: str
) -> None:
    answer = await member.open(path, Host="evil.example")

    assert answer.status_code == 308
    assert answer.headers["Location"] == path.replace("/?", "?").rstrip("/")


@pytest.mark.parametrize("path", ["//evil.example/inbox/", "/nowhere/", "/\\evil.example/"])
async def test_a_slash_too_many_leads_nowhere_else(member: Reader, path: str) -> None:
    answer = await member.open(f"{URL}{path}")

    assert answer.status_code == 404
    assert "Location" not in answer.headers
