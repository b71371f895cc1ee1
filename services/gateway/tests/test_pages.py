"""What a member meets: signing in, the inbox and the task without scripts, and every way a request can fail."""

import re
from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from page_kit import ITEM, TASK, Behind, Reader, a_task, an_item, reading_pages

from chassis.http.problems import undeclared_endpoints
from chassis.testing import Running
from contracts.words import Language, Role


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def stranger(running: Running, behind: Behind) -> AsyncGenerator[Reader]:
    async with reading_pages(running, behind) as reader:
        yield reader


@pytest.fixture
async def member(stranger: Reader) -> Reader:
    await stranger.sign_in()
    return stranger


async def test_a_stranger_is_led_to_the_sign_in(stranger: Reader) -> None:
    for path in ("/", "/inbox", "/plan", f"/tasks/{TASK}", "/operations"):
        answer = await stranger.open(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in"), path

    assert "works once" in (await stranger.open("/sign-in")).text


async def test_a_link_is_not_used_up_by_opening_it_and_lets_one_browser_in(stranger: Reader) -> None:
    link = await stranger.link(Role.FOCAL_POINT, Language.EN)
    for _ in range(2):
        assert "CO-Dakar" in (await stranger.open(link)).text

    entered = await stranger.send(link)
    again = await stranger.send(link)

    assert (entered.status_code, entered.headers["Location"]) == (303, "/inbox")
    assert again.status_code == 410
    assert "does not work any more" in again.text


async def test_a_foreign_site_cannot_sign_a_member_in(stranger: Reader) -> None:
    link = await stranger.link(Role.FOCAL_POINT, Language.EN)

    answer = await stranger.http.post(link, headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == 403
    assert "session" not in stranger.http.cookies


async def test_a_member_sees_the_partners_own_words_in_their_language_and_direction(member: Reader) -> None:
    page = (await member.open("/inbox")).text

    assert '<bdi lang="ar" dir="rtl">طلب مشورة</bdi>' in page
    assert "Your unit is to act" in page
    assert "hx-sse:connect=" in page


async def test_a_members_words_are_never_markup(member: Reader, behind: Behind) -> None:
    behind.inbox(
        an_item(title="<script>alert(1)</script>", request={"language": 'en" onload="x', "text": "<b>"})
    )

    page = (await member.open("/inbox")).text

    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page
    assert 'onload="x"' not in page


async def test_older_items_are_a_page_of_their_own_that_nothing_new_is_pushed_into(
    member: Reader, behind: Behind
) -> None:
    behind.answers["GET inbox"] = {"unread": 1, "position": 9, "items": [an_item()], "next": 6}
    first = (await member.open("/inbox?only=all")).text
    older = (await member.open("/inbox?only=all&before=6")).text

    assert 'href="/inbox?only=all&amp;before=6"' in first
    assert "hx-sse:connect" not in older
    assert 'href="/inbox?only=all"' in older


@pytest.mark.parametrize(
    ("language", "direction", "heading"),
    [("fr", "ltr", "Boîte de réception"), ("es", "ltr", "Bandeja de entrada"), ("ar", "rtl", "صندوق الوارد")],
)
async def test_a_member_switches_language_and_stays_on_the_page(
    member: Reader, language: str, direction: str, heading: str
) -> None:
    switched = await member.send("/language", language=language, back="/inbox?only=all")

    assert switched.headers["Location"] == "/inbox?only=all"
    page = (await member.open("/inbox?only=all")).text
    assert f'<html lang="{language}" dir="{direction}"' in page
    assert f"<h1>{heading}</h1>" in page


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "inbox"])
async def test_the_language_switch_never_leads_to_another_site(member: Reader, back: str) -> None:
    switched = await member.send("/language", language="fr", back=back)

    assert switched.headers["Location"] == "/"


async def test_a_stranger_reads_in_the_language_their_browser_asks_for(stranger: Reader) -> None:
    page = await stranger.open("/sign-in", **{"Accept-Language": "pt-BR, es-419;q=0.8, en;q=0.5"})

    assert '<html lang="es" dir="ltr"' in page.text


async def test_the_chosen_theme_is_kept(member: Reader) -> None:
    await member.send("/theme", theme="dark", back="/inbox")

    assert 'data-theme="dark"' in (await member.open("/inbox")).text


async def test_a_member_marks_an_item_without_scripts_and_is_told_once(
    member: Reader, behind: Behind
) -> None:
    behind.answers[f"POST inbox/{ITEM}/done"] = an_item(done_at="2026-11-23T09:00:00Z")

    marked = await member.send(f"/inbox/{ITEM}/done", only="unread")

    assert (marked.status_code, marked.headers["Location"]) == (303, "/inbox?only=unread")
    assert "Marked as done." in (await member.open("/inbox")).text
    assert "Marked as done." not in (await member.open("/inbox")).text


async def test_a_member_marks_an_item_with_scripts_and_gets_the_item_and_the_count(
    member: Reader, behind: Behind
) -> None:
    behind.answers[f"POST inbox/{ITEM}/read"] = an_item(read_at="2026-11-23T09:00:00Z")
    behind.inbox(unread=4)

    answer = await member.send(f"/inbox/{ITEM}/read", htmx=True)

    assert answer.status_code == 200
    assert f'id="item-{ITEM}"' in answer.text
    assert '<hx-partial hx-target="#unread-nav" hx-swap="textContent">4</hx-partial>' in answer.text
    assert "<html" not in answer.text


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


async def test_an_action_is_refused_without_the_forms_token(member: Reader, behind: Behind) -> None:
    answer = await member.send(f"/tasks/{TASK}/accept", csrf="0" * 64)

    assert answer.status_code == 403
    assert "out of date" in answer.text
    assert not [asked for asked, _ in behind.asked if asked.endswith("/accept")]


async def test_an_action_while_coordination_is_away_says_that_nothing_was_stored(
    member: Reader, behind: Behind
) -> None:
    behind.away.add("coordination")

    answer = await member.send(f"/tasks/{TASK}/accept")

    assert answer.status_code == 503
    assert "Your action was not stored" in answer.text
    assert f'href="/tasks/{TASK}"' in answer.text


async def test_an_action_that_came_too_late_is_explained(member: Reader, behind: Behind) -> None:
    behind.answers[f"POST /tasks/{TASK}/accept"] = httpx.Response(409, json={"status": 409})

    answer = await member.send(f"/tasks/{TASK}/accept")

    assert answer.status_code == 409
    assert "Someone else was faster" in answer.text


async def test_a_page_does_without_what_only_adds_to_it(member: Reader, behind: Behind) -> None:
    behind.away |= {"registry", "notifications"}

    answer = await member.open(f"/tasks/{TASK}")

    assert answer.status_code == 200
    assert "Answer a request" in answer.text


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


async def test_operations_is_for_operators_and_the_coordinator(stranger: Reader) -> None:
    await stranger.sign_in(Role.FOCAL_POINT)
    assert (await stranger.open("/operations")).status_code == 403

    await stranger.sign_in(Role.OPERATOR)
    page = await stranger.open("/operations")

    assert page.status_code == 200
    assert page.text.count("Not reachable") == 3
    assert "gateway-end-sessions" in page.text


async def test_signing_out_ends_the_session_on_the_server(member: Reader) -> None:
    cookie = member.http.cookies["session"]

    out = await member.send("/sign-out")
    member.http.cookies.set("session", cookie)

    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert (await member.open("/inbox")).headers["Location"] == "/sign-in"


async def test_a_form_sent_after_the_session_ended_is_not_lost_in_silence(member: Reader) -> None:
    member.http.cookies.delete("session")

    sent = await member.send(f"/tasks/{TASK}/accept")

    assert (sent.status_code, sent.headers["Location"]) == (303, "/sign-in")
    assert "was not stored" in (await member.open("/sign-in")).text


async def test_every_page_is_guarded_by_headers(member: Reader) -> None:
    for path in ("/inbox", "/sign-in", "/nowhere"):
        headers = (await member.open(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_every_endpoint_says_who_may_use_it(stranger: Reader) -> None:
    assert undeclared_endpoints(stranger.http.app) == []  # type: ignore[attr-defined]


async def test_the_live_inbox_goes_on_from_the_position_of_the_page_itself(
    member: Reader, behind: Behind
) -> None:
    # An older item was marked since the newest one came: the inbox is further than any item it shows.
    behind.answers["GET inbox"] = {"unread": 1, "position": 12, "items": [an_item(position=7)]}
    behind.asked.clear()

    page = (await member.open("/inbox")).text

    assert "/inbox/stream?after=12&amp;" in page
    assert [asked for asked, _ in behind.asked] == ["GET inbox"]


@pytest.mark.parametrize("after", ["é", "-1", "9" * 30, "x"])
async def test_a_stream_from_nowhere_is_refused(member: Reader, after: str) -> None:
    answer = await member.http.get("/inbox/stream", params={"after": after})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:after"


async def test_a_stream_with_a_strange_last_event_id_starts_where_its_page_was(
    member: Reader, behind: Behind
) -> None:
    behind.answers["GET inbox/stream"] = httpx.Response(200, content=b": open\n\n")

    answer = await member.http.get("/inbox/stream?after=7", headers={b"Last-Event-ID": b"\xe9"})

    assert answer.status_code == 200
    assert "event: beat" in answer.text


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


async def test_a_form_that_fails_anywhere_is_answered_with_a_page(member: Reader) -> None:
    odd = await member.send("/language", language="xx")
    nowhere = await member.send("/nowhere")
    fragment = await member.send("/language", language="xx", htmx=True)

    assert (odd.status_code, nowhere.status_code, fragment.status_code) == (422, 404, 422)
    assert "<h1>This could not be done</h1>" in odd.text
    assert "<h1>There is no such page</h1>" in nowhere.text
    assert fragment.headers["Content-Type"].startswith("application/problem+json")


async def test_over_https_nothing_goes_in_the_clear_any_more(running: Running, behind: Behind) -> None:
    async with reading_pages(running, behind, url="https://network.test") as reader:
        sent = await reader.send(f"/tasks/{TASK}/accept")

    assert sent.headers["Set-Cookie"].startswith("flash=session-over")
    assert "Secure" in sent.headers["Set-Cookie"]
    assert sent.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_over_http_no_browser_is_bound_to_https(member: Reader) -> None:
    assert "Strict-Transport-Security" not in (await member.open("/inbox")).headers


async def test_no_two_pages_hold_the_same_token_and_each_works(member: Reader) -> None:
    await member.open("/inbox")
    first = member.csrf
    await member.open("/inbox")

    assert member.csrf != first
    for token in (first, member.csrf):
        assert (await member.send("/theme", csrf=token, theme="dark")).status_code == 303
    assert (await member.send("/theme", csrf=first[:64], theme="dark")).status_code == 403


async def test_a_browsers_second_choice_is_not_its_first(stranger: Reader) -> None:
    page = await stranger.open("/sign-in", **{"Accept-Language": "en;q=0.2, fr;q=0.9"})

    assert '<html lang="fr"' in page.text


async def test_a_card_counts_the_days_once(member: Reader, behind: Behind) -> None:
    late = an_item(due_on="2020-01-06", body="9 working days late.", request=None)
    behind.inbox(late)
    spelled_out = (await member.open("/inbox")).text
    behind.inbox(late | {"request": {"language": "fr", "text": "Appui"}})
    counted = (await member.open("/inbox")).text

    assert "9 working days late." in spelled_out
    assert "overdue" not in spelled_out
    assert "6 Jan 2020" in spelled_out
    assert "overdue" in counted


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


@pytest.mark.parametrize("path", ["/tasks/nope", "/inbox?before=zzz", "/inbox?before=-7"])
async def test_an_address_that_makes_no_sense_is_no_page(member: Reader, behind: Behind, path: str) -> None:
    if path.endswith("-7"):
        behind.answers["GET inbox"] = httpx.Response(422, json={"status": 422})

    answer = await member.open(path)

    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    assert "Nothing was stored" not in answer.text


async def test_what_is_completed_is_not_shown_as_due(member: Reader, behind: Behind) -> None:
    behind.inbox(an_item(event_type="coordination.task.completed.v1", reason="follows_task"))
    completed = (await member.open("/inbox")).text
    behind.inbox(an_item())
    waiting = (await member.open("/inbox")).text

    assert 'class="due' not in completed
    assert 'class="due' in waiting
