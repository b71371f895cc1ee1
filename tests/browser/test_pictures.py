"""Pictures of the pages, for people to look at: `SSENET_PICTURES=folder ./ssenet test tests/browser/test_pictures.py`."""

import os
from pathlib import Path
from typing import Literal

import pytest

from contracts.words import Language, Role

from .conftest import Door

FOLDER = os.environ.get("SSENET_PICTURES")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(FOLDER is None, reason="pictures are taken on request: set SSENET_PICTURES to a folder"),
]

WIDTHS = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def test_pictures_of_every_page_in_english_and_arabic(door: Door) -> None:
    folder = Path(FOLDER or "")
    folder.mkdir(parents=True, exist_ok=True)
    tasks = {name: item["task_id"] for name, item in zip(("new", "concern", "figures", "late", "started", "placed"), door.stand_ins.items, strict=False)}
    pages = {"inbox": "/inbox", "plan": "/plan", "operations": "/operations", "nothing": "/nowhere"} | {
        f"task-{name}": f"/tasks/{task_id}" for name, task_id in tasks.items()
    }
    for language in (Language.EN, Language.AR):
        for width, (across, down) in WIDTHS.items():
            for scheme in SCHEMES:
                visit = await door.visit(
                    role=Role.COORDINATOR,
                    language=language,
                    viewport={"width": across, "height": down},
                    color_scheme=scheme,
                )
                for name, path in pages.items():
                    await visit.open(path)
                    await visit.page.evaluate("document.fonts.ready")
                    await visit.page.screenshot(
                        path=folder / f"{name}-{language}-{width}-{scheme}.png", full_page=True
                    )
                print(language, width, scheme, visit.troubles)
