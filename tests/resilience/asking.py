"""What is asked of running services: whether they are ready, what they measure of themselves, whether they accept."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from chassis.testing import eventually
from ssenet.processes.ports import LOOPBACK
from ssenet.project import SERVICES
from tests.flows.test_from_partner_to_inbox import STRUCTURED
from tests.resilience.observing import Observer
from tests.resilience.stage import Stage

LATENESS = Path(__file__).with_name("lateness.py")


async def ready(stage: Stage, service: str) -> tuple[bool, Mapping[str, str]]:
    async with httpx.AsyncClient(timeout=5) as client:
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
    async with httpx.AsyncClient(timeout=5, headers=headers) as client:
        text = (await client.get(f"http://{LOOPBACK}:{stage.parts[service].port}/metrics")).text
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {line[0]: float(line[1]) for line in lines if "{" not in line[0]}


async def gaps(stage: Stage) -> dict[str, float]:
    """The longest gap of each service's event loop within the last half minute."""
    return {name: (await metrics(stage, name))["ssenet_event_loop_gap_seconds"] for name in SERVICES}


async def post(stage: Stage, key: str, event: dict[str, Any]) -> httpx.Response:
    headers = {**STRUCTURED, "Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(f"{stage.url}/events", content=json.dumps(event), headers=headers)


class Machine:
    """By how much the longest of many short waits of a process of its own was too long: what this machine does to any.

    In the process of the tests it would be told what they themselves hold up, and forgive the services the same.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(LATENESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def late(self) -> float:
        """Seconds, since the process was started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def stand_still(self, seconds: float) -> None:
        """Do to the process what a machine does that has no time for it."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        # So that its own start is over.
        self.late()
        return self

    def __exit__(self, *_: object) -> None:
        # It ends with its standard input.
        self._process.communicate(timeout=5)
