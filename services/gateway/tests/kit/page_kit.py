"""What the tests of the pages speak with: a member who signs in, and services that answer what the test says."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx

from chassis.runtime.service import Service
from chassis.testing import Running
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId, Role
from gateway.app import build
from gateway.settings import Settings
from gateway.sign_in.workflows import issue_link

URL = "http://service.test"
TASK = UUID("0192f0c0-0000-7000-8000-000000000001")
ITEM = UUID("0192f0c0-0000-7000-8000-000000000002")
Json = dict[str, Any]


def an_item(**changes: Any) -> Json:
    return {
        "item_id": str(ITEM),
        "position": 7,
        "reason": "unit_assigned",
        "event_type": "coordination.task.opened.v1",
        "task_id": str(TASK),
        "title": "Request for advice to answer",
        "body": "",
        "request": {"language": "ar", "text": "طلب مشورة"},
        "created_at": "2026-11-23T08:30:00Z",
        "due_on": "2026-12-03",
        "read_at": None,
        "done_at": None,
    } | changes


def a_task(**changes: Any) -> Json:
    opened = {"state": "opened", "at": "2026-11-20T08:30:00Z", "actor": None, "reason": None}
    return {
        "task_id": str(TASK),
        "rule": "advise-constituent",
        "result": "2.1.1",
        "state": "opened",
        "title": {"en": "Answer a request", "fr": "Répondre", "es": "Responder", "ar": "الرد"},
        "request": None,
        "units": ["CO-Dakar"],
        "waiting_for": ["CO-Dakar"],
        "country": "SN",
        "partner": "MINFI-SN",
        "partner_name": "Ministry, Senegal",
        "opened_at": "2026-11-20T08:30:00Z",
        "due_on": "2026-12-03",
        "sequence": 1,
        "partner_event": None,
        "history": [opened],
        "actions": ["accept", "decline"],
    } | changes


@dataclass
class Behind:
    """The services behind the pages: what each path answers, which services are away, what was asked."""

    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    away: set[str] = field(default_factory=set[str])
    asked: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    def __post_init__(self) -> None:
        self.inbox(an_item())
        self.answers |= {
            f"GET /tasks/{TASK}": a_task(),
            "GET /organisations": [],
            "GET /plan": {
                "code": "P",
                "version": 1,
                "published_at": "2026-11-01T00:00:00Z",
                "objectives": [],
            },
        }

    def inbox(self, *items: Json, unread: int | None = None) -> None:
        waiting = sum(not item["read_at"] for item in items)
        self.answers["GET inbox"] = {
            "unread": waiting if unread is None else unread,
            "position": max((item["position"] for item in items), default=0),
            "items": items,
        }

    async def handle(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host.partition(".")[0]
        if service in self.away:
            raise httpx.ConnectError("away")
        path = re.sub(r"^/members/[^/]+/", "", request.url.path)
        self.asked.append((f"{request.method} {path}", json.loads(request.content or b"{}")))
        answer = self.answers.get(f"{request.method} {path}")
        if isinstance(answer, httpx.Response):
            return answer
        if answer is None:
            return httpx.Response(404, json={"type": "urn:ilo:sse:problem:not-found", "status": 404})
        return httpx.Response(200, json=answer)


@dataclass
class Reader:
    """A person's browser without scripts: cookies, forms, redirects one by one."""

    http: httpx.AsyncClient
    csrf: str = ""

    async def open(self, path: str, **headers: str) -> httpx.Response:
        answer = await self.http.get(path, headers={"Accept": "text/html", **headers})
        if token := re.search(r'name="csrf_token" value="([0-9a-f]+)"', answer.text):
            self.csrf = token[1]
        return answer

    async def send(
        self, path: str, *, csrf: str | None = None, htmx: bool = False, **fields: Any
    ) -> httpx.Response:
        form = {"csrf_token": self.csrf if csrf is None else csrf, **fields}
        headers = {"Accept": "text/html", "Origin": URL} | ({"HX-Request": "true"} if htmx else {})
        return await self.http.post(path, data=form, headers=headers)

    async def link(self, role: Role, language: Language) -> str:
        member = MemberFacts(
            member_id=MemberId(uuid4()),
            organisation="CO-Dakar",
            role=role,
            label=f"{role.replace('_', ' ')}, CO-Dakar",
            language=language,
            time_zone="Africa/Dakar",
        )
        service: Service = self.http.app.state.service  # type: ignore[attr-defined]
        async with service.database.transaction() as tx:
            return f"/sign-in/{await issue_link(tx, member)}"

    async def sign_in(self, role: Role = Role.FOCAL_POINT, language: Language = Language.EN) -> None:
        entered = await self.send(await self.link(role, language))
        assert entered.status_code == 303, entered.text
        await self.open("/inbox")


@asynccontextmanager
async def reading_pages(running: Running, behind: Behind, *, url: str = URL) -> AsyncGenerator[Reader]:
    """The running gateway, and someone at its door who has not signed in."""
    async with running(
        partial(build, transport=httpx.MockTransport(behind.handle)),
        Settings,
        "gateway",
        registry_url="http://registry.test",
        coordination_url="http://coordination.test",
        notifications_url="http://notifications.test",
        service_token="the-gateways-own",
        public_url=url,
    ) as client:
        yield Reader(client)
