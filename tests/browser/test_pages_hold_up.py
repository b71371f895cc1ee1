"""What every page owes every reader: nothing broken, nothing from elsewhere, nothing out of reach."""

from pathlib import Path
from typing import Any

import pytest

from contracts.words import Language, Role

from .conftest import Door, Visit

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe" / "axe.min.js").read_text(encoding="utf-8")
ONE_LINE, ONE_BADGE = 46, 24
"""Pixels: a link of the head, and the number on it."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def _paths(door: Door) -> dict[str, str]:
    tasks = [item["task_id"] for item in door.stand_ins.items]
    return {
        "inbox": "/inbox",
        "task": f"/tasks/{tasks[0]}",
        "task to place": f"/tasks/{tasks[5]}",
        "figures": f"/tasks/{tasks[2]}",
        "plan": "/plan",
        "operations": "/operations",
        "api": "/docs",
        "contracts": "/contracts/",
    }


# Decorations by ::before and ::after, and lines that are clamped away, keep axe from telling the contrast near them.
BARE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*::before, *::after { display: none !important } .item-words { display: block !important }");
  document.adoptedStyleSheets.push(sheet);
}"""


async def _violations(visit: Visit) -> list[str]:
    """What axe finds wrong, and what it could not decide."""
    await visit.page.evaluate(BARE)
    await visit.page.evaluate(f"{AXE}; undefined")
    found: dict[str, Any] = await visit.page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in [*found["violations"], *found["incomplete"]]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("language", list(Language))
async def test_a_reader_with_assistive_technology_meets_no_barrier(door: Door, language: Language) -> None:
    visit = await door.visit(role=Role.COORDINATOR, language=language)
    found: list[str] = []

    for name, path in (await _paths(door)).items():
        await visit.open(path)
        for scheme in ("light", "dark"):
            await visit.page.emulate_media(color_scheme=scheme)
            found += [f"{name}, {scheme}: {one}" for one in await _violations(visit)]

    assert found == []
    assert visit.troubles == []


async def test_the_doors_and_the_failures_have_no_barriers_either(door: Door) -> None:
    visit = await door.stranger(locale="ar")
    found: list[str] = []

    for path in ("/sign-in", await door.link(language=Language.AR), "/sign-in/spent", "/nowhere"):
        await visit.open(path)
        found += [f"{path}: {one}" for one in await _violations(visit)]

    assert found == []


@pytest.mark.parametrize("language", [Language.EN, Language.AR])
@pytest.mark.parametrize("across", [390, 1280])
async def test_no_page_scrolls_sideways(door: Door, language: Language, across: int) -> None:
    visit = await door.visit(
        role=Role.COORDINATOR, language=language, viewport={"width": across, "height": 844}
    )

    for name, path in (await _paths(door)).items():
        await visit.open(path)
        wide = await visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= across, f"{name} is {wide} wide"
        assert await visit.page.evaluate("getComputedStyle(document.body).direction") == (
            "rtl" if language is Language.AR else "ltr"
        )
    assert visit.troubles == []


@pytest.mark.parametrize("language", list(Language))
async def test_the_way_about_stays_on_one_line_on_a_phone(door: Door, language: Language) -> None:
    visit = await door.visit(role=Role.COORDINATOR, language=language, viewport={"width": 390, "height": 844})

    tall = await visit.page.evaluate(
        """() => {
          document.getElementById("unread-nav").textContent = "99";
          return [...document.querySelectorAll(".nav, .nav a, .nav .count")].map((one) => one.offsetHeight);
        }"""
    )

    assert max(tall) <= ONE_LINE
    assert min(tall) <= ONE_BADGE
    assert await visit.page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_a_page_in_arabic_is_set_in_the_vendored_typeface(door: Door) -> None:
    visit = await door.visit(language=Language.AR)

    loaded = await visit.page.evaluate(
        "document.fonts.ready.then(all => [...all].filter(one => one.status === 'loaded').length)"
    )

    assert loaded >= 2
    assert visit.troubles == []


async def test_the_chosen_theme_wins_over_the_devices(door: Door) -> None:
    visit = await door.visit(color_scheme="light")
    page = visit.page
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")

    await page.locator(".menu summary", has_text="Light or dark").click()
    await page.get_by_role("button", name="Dark").click()

    await page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light


async def test_every_action_is_within_reach_of_the_keyboard(door: Door) -> None:
    visit = await door.visit()
    page = visit.page
    await visit.open(f"/tasks/{door.stand_ins.items[0]['task_id']}")

    reached: list[str] = []
    for _ in range(12):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]"))
        if reached[-1] == "Accept the task":
            break
    shown = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    await page.keyboard.press("Enter")

    assert reached[0] == "Skip to the content"
    assert reached[-1] == "Accept the task"
    assert shown == "solid"
    await page.get_by_text("You accepted the task.").wait_for()


async def test_a_menu_closes_on_escape_and_gives_the_focus_back(door: Door) -> None:
    visit = await door.visit()
    summary = visit.page.locator(".menu.lang summary")
    await summary.focus()

    await visit.page.keyboard.press("Enter")
    await visit.page.get_by_role("button", name="Français").focus()
    await visit.page.keyboard.press("Escape")

    assert not await visit.page.locator(".menu.lang").evaluate("menu => menu.open")
    assert await summary.evaluate("summary => summary === document.activeElement")


async def test_a_member_does_everything_without_scripts(door: Door) -> None:
    visit = await door.visit(java_script_enabled=False)
    page = visit.page
    task_id = door.stand_ins.items[0]["task_id"]

    await page.locator(".item", has_text="Joint review").get_by_role("button", name="Done").click()
    await page.get_by_text("Marked as done.").wait_for()
    await page.locator(".item-title a").first.click()
    await page.get_by_role("button", name="Accept the task").click()
    await page.get_by_text("You accepted the task.").wait_for()
    await page.get_by_text("Decline, with a reason").click()
    await page.get_by_label("Why your unit declines").fill("لا يوجد اختصاصي لدينا هذا الفصل")
    await page.get_by_role("button", name="Decline the task").click()
    await page.get_by_text("You declined the task.").wait_for()
    await page.locator(".menu.lang summary").click()
    await page.get_by_role("button", name="العربية").click()
    await page.locator("html[dir=rtl]").wait_for()
    await page.locator(".menu.who summary").click()
    await page.get_by_role("button", name="تسجيل الخروج").click()
    await page.wait_for_url("**/sign-in")

    assert door.stand_ins.tasks[task_id]["history"][-1]["reason"] == "لا يوجد اختصاصي لدينا هذا الفصل"
    assert visit.troubles == []
