"""Pictures of the pages, to be looked at: `SSENET_PICTURES=folder ./ssenet test tests/browser/test_pictures.py`."""

import os
from pathlib import Path
from typing import Literal

import pytest

from contracts.words import Language, Role

from .conftest import Door, Visit

FOLDER = os.environ.get("SSENET_PICTURES")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        FOLDER is None, reason="pictures are taken on request: set SSENET_PICTURES to a folder"
    ),
]

WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


TASKS = ("new", "concern", "figures", "late", "accepted", "placed", "research", "completed", "declined")


async def _take(visit: Visit, name: str) -> None:
    await visit.page.evaluate("document.fonts.ready")
    await visit.page.screenshot(path=Path(FOLDER or "") / f"{name}.png", full_page=True)


@pytest.mark.parametrize("language", [Language.EN, Language.AR])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_pictures_of_every_page(
    door: Door, language: Language, width: str, scheme: Literal["light", "dark"]
) -> None:
    across, down = WIDTHS[width]
    tasks = dict(zip(TASKS, (item["task_id"] for item in door.stand_ins.items), strict=True))
    visit = await door.visit(
        role=Role.COORDINATOR,
        language=language,
        viewport={"width": across, "height": down},
        color_scheme=scheme,
    )
    pages = {"inbox": "/inbox", "inbox-all": "/inbox?only=all", "plan": "/plan", "operations": "/operations"}
    for name, path in (pages | {f"task-{name}": f"/tasks/{one}" for name, one in tasks.items()}).items():
        await visit.open(path)
        await _take(visit, f"{name}-{language}-{width}-{scheme}")
    await visit.open(f"/tasks/{tasks['new']}")
    await visit.page.locator("details summary", has=visit.page.locator(".chevron")).last.click()
    await visit.page.locator("#reason").evaluate("field => field.required = false")
    await visit.page.locator(".button.danger").click()
    await _take(visit, f"wrong-{language}-{width}-{scheme}")
    door.stand_ins.items.clear()
    await visit.open("/inbox")
    await _take(visit, f"empty-{language}-{width}-{scheme}")
    door.stand_ins.away.add("notifications")
    await visit.open("/inbox")
    await _take(visit, f"away-{language}-{width}-{scheme}")
    stranger = await door.stranger(
        viewport={"width": across, "height": down}, color_scheme=scheme, locale=str(language)
    )
    for name, path in {"sign-in": "/sign-in", "link": await door.link(), "spent": "/sign-in/spent"}.items():
        await stranger.open(path)
        await _take(stranger, f"{name}-{language}-{width}-{scheme}")
