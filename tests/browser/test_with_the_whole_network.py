"""The main job as a person sees it: a partner posts, the open inbox shows it, the member acts."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from ssenet.network.sign_in_links import make_link

from .conftest import Visit
from .stand_ins import example

pytestmark = pytest.mark.browser


async def test_a_partners_request_reaches_the_open_inbox_and_is_taken_on(
    chromium: Browser, network: Any
) -> None:
    context = await chromium.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(await context.new_page(), network.url)
    visit.watch()
    page = visit.page
    link = make_link(network.asked, "focal_point", "CO-Dakar")
    await page.goto(link.url)
    await page.locator("main button").click()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    event = example("partner.assistance.requested.v1/senegal-fr")
    event |= {"id": uuid4().hex, "time": datetime.now(UTC).isoformat()}

    async with network.as_partner() as partner:
        sent = await partner.post(
            "/events", content=json.dumps(event), headers={"Content-Type": "application/cloudevents+json"}
        )
    assert sent.status_code == 202, sent.text

    arrived = page.locator("#arrived .item", has_text=event["data"]["title"]["text"])
    await expect(arrived).to_be_visible(timeout=10_000)
    await arrived.locator("a").click()
    await page.wait_for_url(re.compile("/tasks/"))
    await expect(page.locator(".request-text")).to_have_text(event["data"]["description"]["text"])
    await page.locator(".next .button.primary").first.click()
    await expect(page.locator(".note.good")).to_be_visible()
    await expect(page.locator(".steps .now")).to_have_count(1)
    await page.goto(f"{network.url}/plan#result-2.1.1")
    await expect(page.locator("[id='result-2.1.1'] progress")).to_have_count(1)

    assert visit.troubles == []
    await context.close()
