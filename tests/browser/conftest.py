"""A real Chromium on the gateway's real pages, sessions and all; the three services behind are stand-ins."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid5

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from chassis.runtime.service import Service
from chassis.testing import Running, eventually
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId, Role
from gateway.app import build
from gateway.settings import Settings
from gateway.sign_in.workflows import issue_link

from .stand_ins import OFFICE, SPACE, StandIns

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    """The machine's own Chromium; without one these tests are skipped, and say so."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package `chromium` to run the browser tests")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Visit:
    """One open page, and all that went wrong on it: console errors, refused by policy, requests elsewhere."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list[str])

    async def open(self, path: str) -> None:
        answer = await self.page.goto(f"{self.url}{path}")
        assert answer is not None

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", lambda request: self._request(request.url))

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(f"{message.type}: {message.text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.troubles.append(f"request to another host: {url}")


@dataclass
class Door:
    """The running gateway, with what stands behind it and a browser in front."""

    app: FastAPI
    url: str
    stand_ins: StandIns
    browser: Browser
    _contexts: list[BrowserContext] = field(default_factory=list[BrowserContext])

    async def link(
        self, *, role: Role = Role.FOCAL_POINT, language: Language = Language.EN, organisation: str = OFFICE
    ) -> str:
        """A fresh sign-in link."""
        member = MemberFacts(
            member_id=MemberId(uuid5(SPACE, f"{role} {organisation}")),
            organisation=organisation,
            role=role,
            label=f"{role.replace('_', ' ')}, {organisation}",
            language=language,
            time_zone="Africa/Algiers",
        )
        service: Service = self.app.state.service
        async with service.database.transaction() as tx:
            token = await issue_link(tx, member)
        return f"/sign-in/{token}"

    async def visit(
        self, *, role: Role = Role.FOCAL_POINT, language: Language = Language.EN, **context: Any
    ) -> Visit:
        """Open a browser of one's own and sign in."""
        visit = await self.stranger(**context)
        await visit.open(await self.link(role=role, language=language))
        await visit.page.locator("main button").click()
        await visit.page.wait_for_url(re.compile("/inbox"))
        return visit

    async def stranger(self, **context: Any) -> Visit:
        """Open a browser that is not signed in."""
        context.setdefault("viewport", {"width": 1280, "height": 800})
        opened = await self.browser.new_context(**context)
        opened.set_default_timeout(10_000)
        self._contexts.append(opened)
        visit = Visit(await opened.new_page(), self.url)
        visit.watch()
        return visit

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        self.stand_ins.break_streams()


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncGenerator[str]:
    """Serve an app whose lifespan is already running on a free port of the loopback."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    # The test run keeps its own signal handlers.
    serving = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
async def door(chromium: Browser, running: Running) -> AsyncGenerator[Door]:
    """The gateway on a port, behind it a day's work, in front a browser."""
    stand_ins = StandIns()
    async with running(
        partial(build, transport=stand_ins.transport),
        Settings,
        "gateway",
        registry_url="http://registry.test",
        coordination_url="http://coordination.test",
        notifications_url="http://notifications.test",
        service_token="secret",
        public_url="http://gateway.test",
    ) as client:
        app: FastAPI = client.app  # type: ignore[attr-defined]
        async with listening(app) as url:
            opened = Door(app, url, stand_ins, chromium)
            yield opened
            await opened.close()
