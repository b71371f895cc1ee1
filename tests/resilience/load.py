"""What people do while faults happen: a partner posts, a member works through tasks, an operator keeps the directory.

Each repeats what it was not told is done, as the how-to says, and remembers what it was told.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from ssenet.processes.ports import LOOPBACK
from tests.flows.test_from_partner_to_inbox import STRUCTURED, a_request
from tests.resilience.history import Deed, Sent
from tests.resilience.stage import Stage

SENDERS, ROUNDS, STEADY, BURST = 3, 2, 10, 10
"""A seed's senders, and for each how often it sends so many events one after the other, and then so many at once."""
RENAMES, MOVES = 5, 4
STEPS = ("accept", "start", "complete")
OFFICE = "DWT/CO-Dakar"
_AGAIN_AFTER = 0.1
_ACCEPTED, _SERVER_ERROR = 202, 500


@dataclass
class Load:
    """One seed's work, and what came of it."""

    stage: Stage
    seed: int
    partner_key: str
    member_id: str
    sent: list[Sent] = field(default_factory=list[Sent])
    deeds: list[Deed] = field(default_factory=list[Deed])
    unserved: list[str] = field(default_factory=list[str])
    """Work that was not at its end when it was given up."""

    async def run(self, *, give_up_after: float) -> None:
        """Do all of it, each thing again and again until it is done or `give_up_after` seconds have passed."""
        async with httpx.AsyncClient(timeout=4) as client:
            work = {f"sender {number}": self._send(client, number) for number in range(SENDERS)} | {
                "the member at her tasks": self._act(client),
                "the operator at the partner's name": self._rename(client),
                "the operator at the member's time zone": self._move(client),
            }
            tasks = [asyncio.create_task(one, name=who) for who, one in work.items()]
            _, late = await asyncio.wait(tasks, timeout=give_up_after)
            for task in late:
                task.cancel()
                self.unserved.append(f"seed {self.seed}: {task.get_name()} did not come to an end")
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    async def send(self, count: int) -> None:
        """Have so many events accepted, and no more."""
        async with httpx.AsyncClient(timeout=4) as client:
            for number in range(count):
                await self._send_until_accepted(client, self._event(0, number))

    async def repeat(self) -> None:
        """Have one event accepted, and then the same once more."""
        async with httpx.AsyncClient(timeout=4) as client:
            event = self._event(0, 0)
            await self._send_until_accepted(client, event)
            await self._send_until_accepted(client, event)

    async def rename(self) -> None:
        """Rename the partner as often as in a seed, and do nothing else."""
        async with httpx.AsyncClient(timeout=4) as client:
            await self._rename(client)

    async def sustain(self, over: asyncio.Event) -> None:
        """Have events accepted and the partner renamed, one after the other and without a pause, until it is over."""

        async def post(client: httpx.AsyncClient, sender: int) -> None:
            for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
                await self._send_until_accepted(client, self._event(sender, number))

        async def rename(client: httpx.AsyncClient) -> None:
            for number in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
                await self._rename_once(client, number)

        async with httpx.AsyncClient(timeout=4) as client, asyncio.TaskGroup() as group:
            group.create_task(rename(client))
            for sender in range(SENDERS):
                group.create_task(post(client, sender))

    def _event(self, sender: int, number: int) -> dict[str, Any]:
        # Without a time of its own: a gateway whose clock is behind would refuse what comes from its future.
        event = {key: value for key, value in a_request().items() if key != "time"}
        return event | {"id": f"S{self.seed}-{sender}-{number}-{event['id']}"}

    async def _send(self, client: httpx.AsyncClient, sender: int) -> None:
        numbers = itertools.count()
        for _ in range(ROUNDS):
            for _ in range(STEADY):
                await self._send_until_accepted(client, self._event(sender, next(numbers)))
                await asyncio.sleep(0.06)
            burst = [self._event(sender, next(numbers)) for _ in range(BURST)]
            await asyncio.gather(*(self._send_until_accepted(client, event) for event in burst))

    async def _send_until_accepted(self, client: httpx.AsyncClient, event: dict[str, Any]) -> None:
        headers = {**STRUCTURED, "Authorization": f"Bearer {self.partner_key}"}
        body, tries, told, refusal = json.dumps(event), 0, None, None
        try:
            while told is None and refusal is None:
                tries += 1
                answer = await _answer(
                    client, "POST", f"{self.stage.url}/events", content=body, headers=headers
                )
                if answer is not None and answer.status_code == _ACCEPTED:
                    told = str(answer.json()["event_id"])
                elif answer is not None and answer.status_code < _SERVER_ERROR:
                    refusal = f"{answer.status_code} {answer.text[:300]}"
                else:
                    await asyncio.sleep(_AGAIN_AFTER)
        finally:
            self.sent.append(Sent(event["id"], tries, told, refusal))

    async def _act(self, client: httpx.AsyncClient) -> None:
        """Take on the newest open task, start it, complete it; four times."""
        headers = self._as_operator() | {"X-Actor": self.member_id}
        tasks_url = self._url("coordination", f"/tasks?state=opened&organisation={OFFICE}&limit=5")
        done: set[str] = set()
        for _ in range(4):
            tasks: Sequence[dict[str, Any]] = []
            while not (fresh := [one for one in tasks if one["task_id"] not in done]):
                tasks = await self._until(client, "GET", tasks_url, headers)
                if not tasks:
                    await asyncio.sleep(_AGAIN_AFTER)
            task_id = fresh[0]["task_id"]
            done.add(task_id)
            for action in STEPS:
                url = self._url("coordination", f"/tasks/{task_id}/{action}")
                await self._until(client, "POST", url, headers)
                self.deeds.append(Deed(task_id, action))

    async def _rename(self, client: httpx.AsyncClient) -> None:
        """Rename one partner time and again: changes of one aggregate, as fast as they are answered."""
        for number in range(RENAMES):
            await self._rename_once(client, number)
            await asyncio.sleep(0.15)

    async def _rename_once(self, client: httpx.AsyncClient, number: int) -> None:
        body = {"name": f"Renamed {self.seed}-{number}", "language": "en", "grants": []}
        url = self._url("registry", "/partners/RENAMED")
        await self._until(client, "PUT", url, self._as_operator(), json=body)

    async def _move(self, client: httpx.AsyncClient) -> None:
        """Have the member's account change its time zone, to and fro."""
        url = self._url("registry", f"/members/{self.member_id}")
        found = await self._until(client, "GET", url, self._as_operator())
        body = {name: found[name] for name in ("organisation", "role", "language", "themes")}
        for number in range(MOVES):
            zone = ("Africa/Lagos", "Africa/Dakar")[number % 2]
            await self._until(client, "PUT", url, self._as_operator(), json={**body, "time_zone": zone})
            await asyncio.sleep(0.2)

    async def _until(
        self, client: httpx.AsyncClient, method: str, url: str, headers: dict[str, str], **more: Any
    ) -> Any:
        """The JSON answer, once there is one; anything but a success or a failure of the server is a bug."""
        while True:
            answer = await _answer(client, method, url, headers=headers, **more)
            if answer is None or answer.status_code >= _SERVER_ERROR:
                await asyncio.sleep(_AGAIN_AFTER)
                continue
            assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text[:300]}"
            return answer.json()

    def _as_operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stage.secrets.tokens['operator']}"}

    def _url(self, service: str, path: str) -> str:
        return f"http://{LOOPBACK}:{self.stage.parts[service].port}{path}"


async def _answer(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> httpx.Response | None:
    try:
        return await client.request(method, url, **more)
    except httpx.TransportError:
        return None


def focal_point(ask: Callable[..., Any]) -> str:
    """The member who acts for the office of the load."""
    [member] = ask("registry", "GET", f"/members?organisation={OFFICE}&role=focal_point")
    return str(member["member_id"])
