"""Registry, coordination and notifications as the gateway sees them, in memory, with a day's realistic work.

For pages alone: what the services really do is tested with the whole network.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx
import yaml

ROOT = Path(__file__).parents[2]
SPACE = UUID("6d7ad9a4-9a94-4d1b-8a3e-6a4a7a0c0001")
OFFICE = "CO-Algiers"
STATES = ("opened", "accepted", "started", "completed")
Json = dict[str, Any]

# Which examples stand in the inbox: how long ago they came, when they are due, how far they are, read, done.
SEEDS: tuple[tuple[str, float, int, str, bool, bool], ...] = (
    ("partner.assistance.requested.v1/tunisia-ar", 0.6, 10, "opened", False, False),
    ("partner.concern.raised.v1/brazil-pt", 2.2, 2, "opened", False, False),
    ("partner.statistics.reported.v1/costa-rica-es", 3.5, 21, "accepted", True, False),
    ("partner.assistance.requested.v1/senegal-fr", 26, -3, "started", False, False),
    ("partner.entity.reported.v1/georgia-ka", 29, 1, "accepted", True, False),
    ("partner.assistance.requested.v1/cambodia-km", 30, 0, "opened", True, False),
    ("partner.research.published.v1/india-hi", 75, 19, "opened", True, False),
    ("partner.knowledge.shared.v1/china-zh", 100, 6, "completed", True, True),
    ("partner.assistance.requested.v1/kenya-en", 124, -8, "declined", True, True),
)


def example(name: str) -> Json:
    """One of the committed examples of the contracts."""
    content: Json = json.loads((ROOT / "contracts" / "examples" / f"{name}.json").read_text())
    return content


def data_of(service: str, name: str) -> Json:
    content: Json = yaml.safe_load((ROOT / f"services/{service}/src/{service}/data/{name}.yaml").read_text())
    return content


class _OpenStream(httpx.AsyncByteStream):
    """What is put into a queue, until its reader closes the response: httpx would leave a generator open."""

    def __init__(self, queue: asyncio.Queue[bytes | None], among: list[asyncio.Queue[bytes | None]]) -> None:
        self._queue = queue
        self._among = among

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while (chunk := await self._queue.get()) is not None:
            yield chunk

    async def aclose(self) -> None:
        self._among.remove(self._queue)


@dataclass
class StandIns:
    """The three services behind one transport. `away` names those that cannot be reached."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    away: set[str] = field(default_factory=set[str])
    items: list[Json] = field(default_factory=list[Json])
    tasks: dict[str, Json] = field(default_factory=dict[str, Json])
    position: int = 0
    streams: list[asyncio.Queue[bytes | None]] = field(default_factory=list[asyncio.Queue[bytes | None]])

    def __post_init__(self) -> None:
        self.rules = {rule["hears"]: rule for rule in data_of("coordination", "rules")["rules"]}
        for name, hours, due, state, read, done in reversed(SEEDS):
            self._seed(name, hours, due, state, read=read, done=done)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def unread(self) -> int:
        return sum(not item["read_at"] and not item["done_at"] for item in self.items)

    def arrive(self, name: str = "partner.assistance.requested.v1/colombia-es") -> Json:
        """A new item, as notifications would tell of it."""
        item = self._seed(name, 0, 14, "opened")
        self._tell()
        return item

    def break_streams(self) -> None:
        """Cut every open stream, as a lost link does."""
        for queue in self.streams:
            queue.put_nowait(None)

    def beat(self) -> None:
        """The comment by which an idle stream says that it lives."""
        for queue in self.streams:
            queue.put_nowait(b": beat\n\n")

    def _seed(
        self, name: str, hours: float, due: int, state: str, *, read: bool = False, done: bool = False
    ) -> Json:
        event = example(name)
        at = self.now - timedelta(hours=hours)
        task = self._task(name, event, at, state, due)
        self.tasks[task["task_id"]] = task
        self.position += 1
        text = event["data"].get("title") or event["data"].get("description")
        item: Json = {
            "item_id": str(uuid5(SPACE, f"item {name}")),
            "position": self.position,
            "reason": "task_progress" if state == "completed" else "unit_assigned",
            "event_type": "coordination.task.opened.v1",
            "task_id": task["task_id"],
            "titles": task["title"],
            "body": "",
            "request": text,
            "created_at": at.isoformat(),
            "due_on": task["due_on"],
            "read_at": at.isoformat() if read else None,
            "done_at": at.isoformat() if done else None,
            "trace_id": "7c1f0f4e1f5b4b0f9c0d6a3b2e1d0c9b",
        }
        self.items.insert(0, item)
        return item

    def _task(self, name: str, event: Json, at: datetime, state: str, due: int) -> Json:
        data = event["data"]
        rule = self.rules[event["type"]]
        values = {
            "country": data.get("country", ""),
            "sender": data.get("requested_by") or data.get("reported_by") or data.get("organiser") or "",
            "partner": "Social Economy Observatory",
            "entity": data.get("entity_name") or (data.get("names") or [{"name": ""}])[-1]["name"],
            "year": data.get("reference_year", ""),
        }
        units = ["ACT/EMP", "ACTRAV"] if "concern" in name else [OFFICE]
        result = rule["result"] if isinstance(rule["result"], str) else "1.2.3"
        reached = STATES[: STATES.index(state) + 1] if state in STATES else ("opened", "declined")
        return {
            "task_id": str(uuid5(SPACE, f"task {name}")),
            "rule": rule["code"],
            "result": result,
            "state": state,
            "title": {tongue: words.format(**values) for tongue, words in rule["title"].items()},
            "request": data.get("title"),
            "units": units,
            "waiting_for": units if state in {"opened", "accepted", "started"} else [],
            "needs_routing": "cambodia" in name,
            "country": data.get("country"),
            "partner": "SEO",
            "partner_name": "Social Economy Observatory",
            "opened_at": at.isoformat(),
            "due_on": (self.now + timedelta(days=due)).date().isoformat(),
            "sequence": len(reached),
            "partner_event": {"type": event["type"], "data": data},
            "history": [self._entry(one, at + timedelta(hours=n / 2)) for n, one in enumerate(reached)],
            "actions": self._actions(state, routing="cambodia" in name),
        }

    def _entry(self, state: str, at: datetime, reason: str | None = None) -> Json:
        actor = {
            "member_id": str(uuid5(SPACE, "member")),
            "label": f"focal point, {OFFICE}",
            "organisation": OFFICE,
        }
        if state == "declined" and reason is None:
            reason = "The office has no specialist for county regulations this quarter; Nairobi has."
        return {
            "state": state,
            "at": at.isoformat(),
            "actor": None if state == "opened" else actor,
            "reason": reason,
        }

    def _actions(self, state: str, *, routing: bool = False) -> list[str]:
        found = {
            "opened": ["accept", "decline"],
            "accepted": ["start", "complete", "decline"],
            "started": ["complete", "decline"],
        }
        return [*found.get(state, []), *(["assign"] if routing else [])]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host.partition(".")[0]
        if service in self.away:
            raise httpx.ConnectError("connection refused")
        path = request.url.path.strip("/").split("/")
        if path == ["status"]:
            return httpx.Response(200, json=self._status(service))
        answers = {"registry": self._registry, "coordination": self._coordination}
        found = answers.get(service, self._notifications)(request, path)
        return found or httpx.Response(404, json={"status": 404, "detail": "There is no such thing."})

    def _registry(self, _request: httpx.Request, path: list[str]) -> httpx.Response | None:
        return httpx.Response(200, json=self._organisations()) if path == ["organisations"] else None

    def _coordination(self, request: httpx.Request, path: list[str]) -> httpx.Response | None:
        match path:
            case ["plan"]:
                return httpx.Response(200, json=self._plan())
            case ["tasks", task_id] if task_id in self.tasks:
                return httpx.Response(200, json=self.tasks[task_id])
            case ["tasks", task_id, action]:
                return self._act(task_id, action, json.loads(request.content or b"{}"))
            case _:
                return None

    def _notifications(self, request: httpx.Request, path: list[str]) -> httpx.Response | None:
        if path == ["inboxes", "stream"]:
            return self._stream()
        match path[2:]:
            case ["inbox"]:
                return httpx.Response(200, json=self._inbox(request.url.params))
            case ["inbox", "changes"]:
                return httpx.Response(200, json=self._changes(request.url.params))
            case ["inbox", item_id, mark]:
                return self._mark(item_id, mark, request.url.params["language"])
            case _:
                return None

    def _shown(self, item: Json, language: str) -> Json:
        return {name: value for name, value in item.items() if name != "titles"} | {
            "title": item["titles"][language]
        }

    def _inbox(self, query: httpx.QueryParams) -> Json:
        only, before = query.get("only", "all"), int(query.get("before") or 10**9)
        found = [
            item
            for item in self.items
            if item["position"] < before
            and (only == "all" or not item["done_at"])
            and (only != "unread" or not item["read_at"])
        ]
        page = found[: int(query.get("limit", 50))]
        return {
            "unread": self.unread,
            "position": self.position,
            "items": [self._shown(item, query["language"]) for item in page],
            "next": page[-1]["position"] if len(found) > len(page) else None,
        }

    def _mark(self, item_id: str, mark: str, language: str) -> httpx.Response:
        item = next((one for one in self.items if one["item_id"] == item_id), None)
        if item is None:
            return httpx.Response(404, json={"status": 404, "detail": "There is no such item."})
        item[f"{mark}_at"] = item[f"{mark}_at"] or self.now.isoformat()
        self.position += 1
        item["position"] = self.position
        self._tell()
        return httpx.Response(200, json=self._shown(item, language))

    def _act(self, task_id: str, action: str, body: Json) -> httpx.Response:
        task = self.tasks[task_id]
        state = {"accept": "accepted", "start": "started", "complete": "completed", "decline": "declined"}
        task["state"] = state.get(action, "opened")
        task["history"].append(self._entry(task["state"], self.now, body.get("reason") or body.get("note")))
        task["actions"] = self._actions(task["state"])
        if action == "assign":
            task |= {"units": body["units"], "waiting_for": body["units"], "needs_routing": False}
        return httpx.Response(200, json=task)

    def _tell(self) -> None:
        for queue in self.streams:
            queue.put_nowait(b'event: changed\ndata: {"members": null}\n\n')

    def _stream(self) -> httpx.Response:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        queue.put_nowait(b"retry: 2000\n\n")
        self.streams.append(queue)
        return httpx.Response(
            200, headers={"Content-Type": "text/event-stream"}, stream=_OpenStream(queue, self.streams)
        )

    def _changes(self, query: httpx.QueryParams) -> Json:
        after = int(query.get("after") or self.position)
        found = sorted(
            (item for item in self.items if item["position"] > after), key=lambda one: one["position"]
        )[: int(query["limit"])]
        return {
            "unread": self.unread,
            "position": found[-1]["position"] if found else self.position,
            "items": [self._shown(item, query["language"]) | {"traceparent": None} for item in found],
        }

    def _organisations(self) -> list[Json]:
        return [
            {
                "organisation_id": str(uuid5(SPACE, row["code"])),
                "code": row["code"],
                "kind": row["kind"],
                "names": [{"language": tongue, "name": name} for tongue, name in row["names"].items()],
                "region": row.get("region"),
                "covers": row.get("covers", []),
                "confirmed": row["confirmed"],
            }
            for row in data_of("registry", "directory")["organisations"]
        ]

    def _plan(self) -> Json:
        plan = data_of("coordination", "action_plan")
        results = [
            result
            for objective in plan["objectives"]
            for output in objective["outputs"]
            for result in output["results"]
        ]
        for number, result in enumerate(results):
            years, serves = result.pop("years"), result.pop("serves")
            result |= {"start": years["first"], "end": years["last"]}
            result |= {"conclusions": serves["conclusions"], "pb": serves["programme"]}
            busy = number % 3 == 0
            result["tasks"] = {
                "opened": 2 if busy else 0,
                "accepted": 1 if busy else 0,
                "started": 1 if number % 4 == 0 else 0,
                "completed": number if busy else 0,
                "declined": 0,
            }
        for objective in plan["objectives"]:
            objective["estimate_usd_million"] = objective["estimate"]
        return {
            "code": plan["code"],
            "version": 1,
            "published_at": self.now.isoformat(),
            "objectives": plan["objectives"],
        }

    def _status(self, service: str) -> Json:
        return {
            "service": service,
            "ready": True,
            "checks": {
                name: {"ok": True, "detail": "ok"}
                for name in ("prepared", "broker", "database", "migrations", "consumers")
            },
            "outbox": {"unpublished": 0, "oldest_age_s": 0.0},
            "consumers": [
                {"durable": f"{service}-mirror-members", "pending": 0, "ack_pending": 0, "redelivered": 0},
                {"durable": f"{service}-open-tasks", "pending": 12, "ack_pending": 3, "redelivered": 1},
            ],
            "dead_letters": 1 if service == "coordination" else 0,
        }
