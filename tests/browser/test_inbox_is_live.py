"""The open inbox: what is new appears, on a link that comes and goes, for eyes and for ears."""

import re

import pytest
from playwright.async_api import Page, Route, expect

from chassis.testing import eventually
from contracts.words import Language

from .conftest import Door

pytestmark = pytest.mark.browser

COLOMBIA = "partner.assistance.requested.v1/colombia-es"
KENYA = "partner.assistance.requested.v1/tanzania-sw"


async def _live(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")


async def test_an_item_arrives_without_reload_and_is_announced(door: Door) -> None:
    visit = await door.visit()
    page = visit.page
    await _live(page)
    await page.evaluate("document.body.dataset.same = 'yes'")

    item = door.stand_ins.arrive(COLOMBIA)

    arrived = page.locator(f"#arrived #item-{item['item_id']}")
    await expect(arrived).to_be_visible()
    await expect(arrived.locator("bdi[lang=es]")).to_contain_text("Asesoría")
    await expect(page.locator("#unread-nav")).to_have_text("4")
    await expect(page).to_have_title(re.compile(r"^\(4\) Inbox"))
    await expect(page.locator("#announcer")).to_have_text(
        re.compile("^New in your inbox: Request for advice")
    )
    assert await page.evaluate("document.body.dataset.same") == "yes"
    assert visit.troubles == []


async def test_a_first_item_takes_the_place_of_the_empty_inbox(door: Door) -> None:
    door.stand_ins.items.clear()
    visit = await door.visit(language=Language.AR)
    page = visit.page
    await _live(page)
    await expect(page.locator(".empty")).to_be_visible()

    door.stand_ins.arrive(COLOMBIA)

    await expect(page.locator("#arrived .item")).to_have_count(1)
    await expect(page.locator(".empty")).to_be_hidden()


async def test_an_item_marked_elsewhere_changes_where_it_stands(door: Door) -> None:
    first, second = await door.visit(), await door.visit()
    await _live(first.page)
    await _live(second.page)
    name = f"#item-{door.stand_ins.items[0]['item_id']}"

    await first.page.locator(name).get_by_role("button", name="Mark as read").click()

    await expect(first.page.locator("#unread-nav")).to_have_text("2")
    await expect(second.page.locator("#unread-nav")).to_have_text("2")
    await expect(second.page.locator(f"{name}.unread")).to_have_count(0)
    await expect(second.page.locator(name)).to_have_count(1)
    await expect(second.page.locator("#arrived .item")).to_have_count(0)


async def test_the_focus_stays_with_the_item_whose_button_was_pressed(door: Door) -> None:
    visit = await door.visit()
    item = visit.page.locator(".item").first
    await item.get_by_role("button", name="Mark as read").focus()

    await visit.page.keyboard.press("Enter")

    await expect(item.get_by_role("button", name="Mark as read")).to_have_count(0)
    await expect(item.locator(":focus")).to_have_count(1)
    assert visit.troubles == []


async def test_what_came_while_the_link_was_down_arrives_once_it_is_back(door: Door) -> None:
    visit = await door.visit()
    page = visit.page
    await _live(page)
    door.stand_ins.arrive(COLOMBIA)
    await expect(page.locator("#arrived .item")).to_have_count(1)

    door.stand_ins.away.add("notifications")
    door.stand_ins.break_streams()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "offline")
    missed = door.stand_ins.arrive(KENYA)
    door.stand_ins.away.clear()

    await expect(page.locator(f"#arrived #item-{missed['item_id']}")).to_be_visible()
    await _live(page)
    await expect(page.locator("#arrived .item")).to_have_count(2)


async def test_a_page_opened_without_a_link_connects_by_itself_later(door: Door) -> None:
    visit = await door.stranger()
    page = visit.page
    refused: list[str] = []

    async def refuse(route: Route) -> None:
        refused.append(route.request.url)
        await route.abort()

    await page.route("**/inbox/stream*", refuse)
    await visit.open(await door.link())
    await page.locator("main button").click()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "offline")
    assert refused
    await page.unroute("**/inbox/stream*")

    await _live(page)
    item = door.stand_ins.arrive(COLOMBIA)
    await expect(page.locator(f"#item-{item['item_id']}")).to_be_visible()


async def test_a_stream_ends_with_the_session_it_was_opened_in(door: Door) -> None:
    visit = await door.visit()
    await _live(visit.page)
    other_tab = await visit.page.context.new_page()
    await other_tab.goto(f"{door.url}/plan")
    await other_tab.locator(".menu.who summary").click()
    await other_tab.get_by_role("button", name="Sign out").click()
    await other_tab.wait_for_url("**/sign-in")

    door.stand_ins.beat()

    await visit.page.wait_for_url("**/sign-in")
    await eventually(lambda: not door.stand_ins.streams)


async def test_an_action_that_did_not_reach_us_says_so_and_leaves_the_item(door: Door) -> None:
    visit = await door.visit()
    await _live(visit.page)
    door.stand_ins.away.add("notifications")
    item = visit.page.locator(".item").first

    await item.get_by_role("button", name="Done").click()

    await expect(visit.page.locator("#toast")).to_contain_text("That was not stored.")
    await expect(item.get_by_role("button", name="Done")).to_be_visible()
