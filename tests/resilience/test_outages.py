"""What operators live through: the broker away, its store gone, a service stopped in the middle of its work."""

import asyncio
import json
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx2
import psutil
import pytest

from chassis.consuming import ACK_WAIT
from chassis.testing import eventually
from ssenet.folders import SERVICES
from ssenet.ports import LOOPBACK
from ssenet.refilling import handlers_durables
from tests.conftest import ssenet
from tests.flows.test_from_partner_to_inbox import STRUCTURED, a_request
from tests.resilience.observing import Observer
from tests.resilience.seeds import Arena
from tests.resilience.stage import Stage, topology

AWAY = 4.0
"""Seconds that the broker is away here. Every loop of the services has its longest pause by then, so that more of it
would show nothing else: ten minutes are the same seconds over and over."""
NOTICED, MENDED, GAP, BUSY = 5.0, 3.0, 0.2, 5.0
"""As the goals have it: seconds until readiness says so, seconds until all works again, the longest time that an event
loop may stand still, and the percent of a processor that waiting may cost."""


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


async def test_while_the_broker_is_away_the_services_wait_quietly_and_go_on_at_once(arena: Arena) -> None:
    observer = await arena.observer()
    stage = observer.stage
    await eventually(lambda: settled(observer), timeout=20)
    key = (await arena.load(0)).partner_key
    # What is done for the first time takes longer, broker or no broker; so does what another test did to a service.
    assert (await post(stage, key, a_request())).status_code == 202
    await eventually(lambda: settled(observer), timeout=20)
    before = await gaps(stage)
    over = threading.Event()
    machine = asyncio.create_task(asyncio.to_thread(longest_delay, over))

    stage.down.add("nats")
    stage.signal("nats", signal.SIGKILL)
    assert await within(NOTICED, lambda: none_ready(stage)) <= NOTICED
    refused = await post(stage, key, event := a_request())
    busy = await cpu(stage, AWAY)
    told, during = await metrics(stage, "gateway"), await gaps(stage)
    await stage.start("nats")
    recovered = await within(MENDED, lambda: all_ready(stage))
    accepted = await post(stage, key, event)

    assert (refused.status_code, accepted.status_code) == (503, 202)
    assert recovered <= MENDED
    assert {name: percent for name, percent in busy.items() if percent > BUSY} == {}
    # What the machine itself stood still for, as the tests beside this one make it, is nobody's blocked loop.
    over.set()
    late = await machine
    assert {name: gap for name, gap in during.items() if gap > max(GAP + late, before[name])} == {}
    assert told["ssenet_outbox_oldest_age_seconds"] >= AWAY
    await eventually(lambda: settled(observer), timeout=20)


def longest_delay(over: threading.Event) -> float:
    """By how much the longest of many short waits was too long: what this machine does to any process now."""
    longest, before = 0.0, time.monotonic()
    while not over.wait(0.02):
        longest, before = max(longest, time.monotonic() - before - 0.02), time.monotonic()
    return longest


async def cpu(stage: Stage, seconds: float) -> dict[str, float]:
    """The percent of one processor that each service took over so many seconds."""

    def spent(name: str) -> float:
        times = psutil.Process(stage.process(name).pid).cpu_times()
        return times.user + times.system

    before = {name: spent(name) for name in SERVICES}
    await asyncio.sleep(seconds)
    return {name: 100 * (spent(name) - before[name]) / seconds for name in SERVICES}


@pytest.mark.parametrize("service", ["coordination", "gateway"])
async def test_a_service_stopped_under_load_leaves_no_event_waiting_for_its_ack_timeout(
    arena: Arena, service: str
) -> None:
    observer = await arena.observer()
    stage = observer.stage
    load = await arena.load(900 + SERVICES.index(service))
    working = asyncio.create_task(load.run(give_up_after=25))
    await eventually(lambda: len(load.sent) > 3)

    stage.down.add(service)
    stage.signal(service, signal.SIGTERM)
    took = await stage.ended(service)
    assert took is not None, "not within 10 s"
    last = await last_in_stream(stage)
    await stage.start(service)
    await eventually(lambda: stage.ready([service]), timeout=20)

    # Whatever it had in hand is delivered again at once, long before the server would think of doing so.
    assert await within(ACK_WAIT, lambda: has_acknowledged(stage, service, last)) < ACK_WAIT
    await working
    await eventually(lambda: settled(observer), timeout=25)


async def last_in_stream(stage: Stage) -> int:
    async with stage.provisioner() as client:
        return (await client.jetstream.stream_info("EVENTS")).state.last_seq


async def has_acknowledged(stage: Stage, service: str, place: int) -> bool:
    """Whether every durable of a service has acknowledged all it hears up to this place in the stream."""
    async with stage.provisioner() as client:
        found = await handlers_durables(client.jetstream, topology())
    mine = [one for one in found if one.name.startswith(f"{service}-")]
    return all(
        (one.ack_floor is not None and one.ack_floor.stream_seq >= place)
        or not (one.num_pending or one.num_ack_pending)
        for one in mine
    )


async def test_a_broker_that_lost_its_store_is_refilled_by_one_command(arena: Arena) -> None:
    observer = await arena.observer()
    stage = observer.stage
    await eventually(lambda: settled(observer), timeout=20)
    key = (await arena.load(0)).partner_key
    before = await taken(stage)
    # One event that the broker has, and coordination has not.
    stage.down.add("coordination")
    stage.signal("coordination", signal.SIGTERM)
    await stage.ended("coordination")
    accepted = await post(stage, key, a_request())
    assert accepted.status_code == 202

    stage.down.add("nats")
    stage.signal("nats", signal.SIGKILL)
    await stage.ended("nats")
    shutil.rmtree(stage.folder.nats / "store")
    await stage.start("nats")
    await stage.start("coordination")
    await eventually(lambda: says_what_to_do(stage), timeout=20)
    told = json.loads(
        await asyncio.to_thread(ssenet, "events", "refill", "--json", "--data", str(stage.folder.path))
    )

    assert told["complete"]
    assert told["published_again"]["gateway"] > 0
    assert sum(told["published_again"].values()) <= told["in_stream"]
    await eventually(lambda: all_ready(stage), timeout=10)
    await eventually(lambda: settled(observer), timeout=20)
    after = await taken(stage)
    # Every event that was ever taken has its task, and one: those too that a bug planted before had lost.
    assert after["tasks"] == await received(stage) > before["tasks"]
    assert after["items"] > before["items"]
    again = await asyncio.to_thread(ssenet, "events", "refill", "--json", "--data", str(stage.folder.path))
    assert json.loads(again) == {"lost": False}


async def says_what_to_do(stage: Stage) -> bool:
    told = await asyncio.gather(*(ready(stage, name) for name in SERVICES), return_exceptions=True)
    answers = [one for one in told if not isinstance(one, BaseException)]
    return len(answers) == len(told) and all(
        not one and "./ssenet events refill" in checks.get("stream", "") for one, checks in answers
    )


async def received(stage: Stage) -> int:
    connection = await asyncpg.connect(stage.database_url("gateway"))
    count: int = await connection.fetchval("SELECT count(*) FROM received_events")
    await connection.close()
    return count


async def taken(stage: Stage) -> dict[str, int]:
    counts: dict[str, int] = {}
    for service, table in (("coordination", "tasks"), ("notifications", "items")):
        connection = await asyncpg.connect(stage.database_url(service))
        counts[table] = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        await connection.close()
    return counts
