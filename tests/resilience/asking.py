"""What is asked of running services: whether they are ready, what they measure of themselves, whether they accept."""

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from chassis.testing import eventually
from ssenet.folders import SERVICES
from ssenet.ports import LOOPBACK
from tests.flows.test_from_partner_to_inbox import STRUCTURED
from tests.resilience.observing import Observer
from tests.resilience.stage import Stage


async def ready(stage: Stage, service: str) -> tuple[bool, Mapping[str, str]]:
    async with httpx2.AsyncClient(timeout=5) as client:
        url = f"http://{LOOPBACK}:{stage.parts[service].port}/health/ready"
        told = (await client.get(url)).json()
    return told["ready"], told["checks"]


async def none_ready(stage: Stage) -> bool:
    return not any(one for one, _ in await asyncio.gather(*(ready(stage, name) for name in SERVICES)))


async def all_ready(stage: Stage) -> bool:
    return all(one for one, _ in await asyncio.gather(*(ready(stage, name) for name in SERVICES)))


async def within(seconds: float, check: Any) -> float:
    """Wait for it; the seconds it took."""
    began = asyncio.get_running_loop().time()
    await eventually(check, timeout=seconds)
    return asyncio.get_running_loop().time() - began


async def settled(observer: Observer) -> bool:
    return not await observer.is_settled()


async def metrics(stage: Stage, service: str) -> dict[str, float]:
    """The figures of a service that have no labels."""
    headers = {"Authorization": f"Bearer {stage.secrets.tokens['operator']}"}
    async with httpx2.AsyncClient(timeout=5, headers=headers) as client:
        text = (await client.get(f"http://{LOOPBACK}:{stage.parts[service].port}/metrics")).text
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {line[0]: float(line[1]) for line in lines if "{" not in line[0]}


async def gaps(stage: Stage) -> dict[str, float]:
    """The longest gap of each service's event loop within the last half minute."""
    return {name: (await metrics(stage, name))["ssenet_event_loop_gap_seconds"] for name in SERVICES}


async def post(stage: Stage, key: str, event: dict[str, Any]) -> httpx2.Response:
    headers = {**STRUCTURED, "Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.post(f"{stage.url}/events", content=json.dumps(event), headers=headers)


class Machine:
    """By how much the longest of many short waits was too long: what this machine does to any process now.

    What it stands still for, as the tests beside this one make it, is nobody's blocked loop.
    """

    def __init__(self) -> None:
        self.late = 0.0
        self._over = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(0.02):
            self.late, before = max(self.late, time.monotonic() - before - 0.02), time.monotonic()
