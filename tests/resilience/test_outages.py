"""What operators live through: the broker away, its store gone, a service stopped in the middle of its work."""

import asyncio
import json
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg
import psutil
import pytest

from chassis.database.engine import Database
from chassis.database.transaction import AggregateColumns
from chassis.telemetry.loop_lag import REMEMBERED
from chassis.testing import eventually
from contracts.event import EventId
from contracts.notifications import Channel, NotificationActedOnV1, Reason
from contracts.words import ItemId, MemberId
from ssenet.operators.refill_broker import handlers_durables
from ssenet.project import SERVICES
from tests.conftest import ssenet
from tests.flows.test_from_partner_to_inbox import a_request
from tests.resilience.asking import (
    Machine,
    all_ready,
    gaps,
    metrics,
    none_ready,
    post,
    ready,
    settled,
    within,
)
from tests.resilience.observing import Observer
from tests.resilience.schedule import SERVERS
from tests.resilience.seeds import Arena
from tests.resilience.stage import Stage, topology

AWAY = 4.0
"""Seconds that the broker is away here. Every loop of the services has its longest pause by then, so that more of it
would show nothing else: ten minutes are the same seconds over and over."""
NOTICED, MENDED, GAP, BUSY = 5.0, 3.0, 0.2, 5.0
"""As the goals have it: seconds until readiness says so, seconds until all works again, the longest time that an event
loop may stand still, and the percent of a processor that waiting may cost."""
MACHINE_LATE, MEASURED_AGAIN = 0.3, 2
"""Seconds by which the machine itself may let a process be late: where it was more, all is measured again, so often."""
UNDER_WAY = 25
"""Events accepted before a service is stopped: the chain is full by then."""
DURABLE, ADVISORIES = "coordination-open-assistance-tasks", "coordination-advisories"


@dataclass(frozen=True)
class Outage:
    """What was seen until the broker was back, and by how much the machine itself let a process be late meanwhile."""

    refused: int
    accepted: int
    recovered: float
    busy: Mapping[str, float]
    oldest: float
    during: Mapping[str, float]
    after: Mapping[str, float]
    late: float

    def stood_still(self, gaps: Mapping[str, float]) -> Mapping[str, float]:
        """The loops that stood still for longer than they may, and than the machine explains."""
        bound = GAP + min(self.late, MACHINE_LATE)
        return {name: gap for name, gap in gaps.items() if gap > bound}


@pytest.mark.timeout(240)
async def test_while_the_broker_is_away_the_services_wait_quietly_and_go_on_at_once(arena: Arena) -> None:
    observer = await arena.observer()
    await eventually(lambda: settled(observer), timeout=20)
    key = (await arena.load(0)).partner_key

    outage = await live_through_an_outage(observer, key)
    for _ in range(MEASURED_AGAIN):
        if outage.late <= MACHINE_LATE:
            break
        outage = await live_through_an_outage(observer, key)

    assert (outage.refused, outage.accepted) == (503, 202)
    assert outage.recovered <= MENDED
    assert {name: percent for name, percent in outage.busy.items() if percent > BUSY} == {}
    assert outage.stood_still(outage.during) == {}
    assert outage.stood_still(outage.after) == {}
    assert outage.oldest >= AWAY


async def live_through_an_outage(observer: Observer, key: str) -> Outage:
    stage = observer.stage
    with Machine() as machine:
        await calm(observer, key, machine)
        stage.down.add("nats")
        stage.signal("nats", signal.SIGKILL)
        assert await within(NOTICED, lambda: none_ready(stage)) <= NOTICED
        refused = await post(stage, key, event := a_request())
        busy = await cpu(stage, AWAY)
        told, during = await metrics(stage, "gateway"), await gaps(stage)
        await stage.start("nats")
        recovered = await within(MENDED, lambda: all_ready(stage))
        # At once: whoever is told that it is ready need not try twice.
        accepted = await post(stage, key, event)
        await eventually(lambda: settled(observer), timeout=20)
        oldest = told["ssenet_outbox_oldest_age_seconds"]
        return Outage(
            refused=refused.status_code,
            accepted=accepted.status_code,
            recovered=recovered,
            busy=busy,
            oldest=oldest,
            during=during,
            after=await gaps(stage),
            late=machine.late(),
        )


def test_a_machine_that_lets_processes_be_late_is_known_by_it() -> None:
    with Machine() as machine:
        calm = machine.late()
        machine.stand_still(MACHINE_LATE + 0.1)

        assert calm < MACHINE_LATE < machine.late()


async def calm(observer: Observer, key: str, machine: Machine) -> None:
    """Have every loop turn as it should, and remember nothing else: neither what another test did, nor a start."""
    stage = observer.stage
    for service in SERVICES:
        # One that another test has stopped for a while would remember that for half a minute; a new one does not.
        if (await gaps(stage))[service] > GAP:
            await stage.restart(service)
    # What is done for the first time takes longer, broker or no broker.
    assert (await post(stage, key, a_request())).status_code == 202
    await eventually(lambda: settled(observer), timeout=20)

    async def is_calm() -> bool:
        return max((await gaps(stage)).values()) <= GAP + min(machine.late(), MACHINE_LATE)

    await eventually(is_calm, timeout=REMEMBERED + 5)


async def cpu(stage: Stage, seconds: float) -> dict[str, float]:
    """The percent of one processor that each service took over so many seconds."""

    def spent(name: str) -> float:
        times = psutil.Process(stage.process(name).pid).cpu_times()
        return times.user + times.system

    before = {name: spent(name) for name in SERVICES}
    await asyncio.sleep(seconds)
    return {name: 100 * (spent(name) - before[name]) / seconds for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_stopped_under_load_leaves_no_event_waiting_for_its_ack_timeout(
    arena: Arena, service: str
) -> None:
    observer = await arena.observer()
    stage = observer.stage
    load = await arena.load(900 + SERVICES.index(service))
    over = asyncio.Event()
    working = asyncio.create_task(load.sustain(over))
    await eventually(lambda: len(load.sent) > UNDER_WAY)

    stage.down.add(service)
    stage.signal(service, signal.SIGTERM)
    took = await stage.ended(service)
    left = await left_behind(stage, service)
    await stage.start(service)
    await eventually(lambda: stage.ready([service]), timeout=20)
    over.set()
    await working

    assert took is not None, "not within 10 s"
    # Looked at before it was started again: a new owner would begin by setting everything right.
    assert left == {}
    await eventually(lambda: settled(observer), timeout=25)


@pytest.mark.parametrize("server", SERVERS)
async def test_services_stop_in_time_though_a_server_hangs(arena: Arena, server: str) -> None:
    observer = await arena.observer()
    stage = observer.stage
    load = await arena.load(950 + SERVERS.index(server))
    over = asyncio.Event()
    working = asyncio.create_task(load.sustain(over))
    await eventually(lambda: len(load.sent) > UNDER_WAY)

    stage.signal(server, signal.SIGSTOP)
    try:
        # Until each has noticed in its own way: what hangs in the midst of something is what keeps a process.
        await asyncio.sleep(NOTICED / 2)
        stage.down.update(SERVICES)
        for service in SERVICES:
            stage.signal(service, signal.SIGTERM)
        took = dict(zip(SERVICES, await asyncio.gather(*map(stage.ended, SERVICES)), strict=True))
    finally:
        stage.signal(server, signal.SIGCONT)
        for service in SERVICES:
            stage.signal(service, signal.SIGKILL)
            await stage.ended(service)
            await stage.start(service)
    await eventually(stage.ready, timeout=20)
    over.set()
    await working

    assert {name for name, seconds in took.items() if seconds is None} == set(), "not within 10 s"
    await eventually(lambda: settled(observer), timeout=25)


async def left_behind(stage: Stage, service: str) -> dict[str, int]:
    """How many events each durable of a service owes an answer for, and its outbox has not published."""
    async with stage.provisioner() as client:
        found = await handlers_durables(client.jetstream, topology())
    left = {one.name: one.num_ack_pending or 0 for one in found if one.name.startswith(f"{service}-")}
    connection = await asyncpg.connect(stage.database_url(service))
    left["outbox"] = await connection.fetchval(
        "SELECT count(*) FROM outbox LEFT JOIN outbox_marks USING (position) WHERE published_at IS NULL"
    )
    await connection.close()
    return {name: count for name, count in left.items() if count}


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
    await eventually(lambda: says_what_is_wrong(stage), timeout=20)
    status = await asyncio.to_thread(ssenet, "status", "--data", str(stage.folder.path), may_fail=True)
    assert "`./ssenet events refill" in status
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

    async with stage.provisioner() as client:
        await client.jetstream.delete_consumer(topology().heard_stream, DURABLE)
        await client.jetstream.delete_consumer("ADVISORIES", ADVISORIES)
    await eventually(lambda: _says(stage, "coordination", f"{ADVISORIES} is gone"))
    mended = json.loads(
        await asyncio.to_thread(ssenet, "events", "refill", "--json", "--data", str(stage.folder.path))
    )
    assert (mended["complete"], mended["published_again"]) == (True, {})
    assert sorted(mended["made"]) == sorted(f"durable {one} made" for one in (DURABLE, ADVISORIES))
    await eventually(lambda: all_ready(stage), timeout=20)
    assert await taken(stage) == after


async def _says(stage: Stage, service: str, words: str) -> bool:
    told = await asyncio.to_thread(stage.asked.ask, service, "GET", "/status")
    return words in told["checks"]["consumers"]["detail"]


async def says_what_is_wrong(stage: Stage) -> bool:
    told = await asyncio.gather(*(ready(stage, name) for name in SERVICES), return_exceptions=True)
    answers = [one for one in told if not isinstance(one, BaseException)]
    return len(answers) == len(told) and all(
        not one and "has to be published again" in checks.get("stream", "") for one, checks in answers
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


SOME, MANY, ROW_SIZE, GROWTH = 4_000, 16_000, 1_000, 8 * 2**20
"""Events announced while the broker is away: so many that a relay's batches are as large as they get, and so many more;
the bytes of text in each, and the bytes that the process may grow by for the latter, which come to 25 MB."""


async def test_what_is_announced_while_the_broker_is_away_lies_on_the_disk_alone(arena: Arena) -> None:
    observer = await arena.observer()
    stage = observer.stage
    await eventually(lambda: settled(observer), timeout=20)
    process = psutil.Process(stage.process("notifications").pid)

    stage.down.add("nats")
    stage.signal("nats", signal.SIGKILL)
    await stage.ended("nats")
    some = await announce(stage, SOME)
    await eventually(lambda: aged(stage, 1.0), timeout=10)
    before = process.memory_info().rss
    many = await announce(stage, MANY)
    young = (await metrics(stage, "notifications"))["ssenet_outbox_oldest_age_seconds"]
    await eventually(lambda: aged(stage, young + 1), timeout=10)
    grown, told = process.memory_info().rss - before, await metrics(stage, "notifications")
    await stage.start("nats")
    await eventually(lambda: settled(observer), timeout=30)

    assert grown < GROWTH
    assert told["ssenet_outbox_unpublished_events"] == SOME + MANY
    assert (await places(stage, some), await places(stage, many)) == (SOME, MANY)


async def aged(stage: Stage, seconds: float) -> bool:
    return (await metrics(stage, "notifications"))["ssenet_outbox_oldest_age_seconds"] > seconds


async def announce(stage: Stage, rows: int) -> UUID:
    """Have so many large events announced that nobody hears, as the service itself would; returns their aggregate."""
    url = stage.database_url("notifications").replace("postgresql://", "postgresql+asyncpg://")
    database = Database(url, service="notifications", pool_size=1)
    aggregate = AggregateColumns()
    aggregate.id, aggregate.epoch, aggregate.sequence = uuid4(), 1, 0
    event = NotificationActedOnV1.model_construct(
        item_id=ItemId(aggregate.id),
        member_id=MemberId(uuid4()),
        # Larger than a real one, so that it would show in a process that held them.
        organisation="x" * ROW_SIZE,
        about=EventId(uuid4()),
        reason=Reason.TASK_PROGRESS,
        channel=Channel.INBOX,
    )
    for _ in range(rows // 500):
        async with database.transaction() as tx:
            for _ in range(500):
                tx.announce(event, of=aggregate)
    await database.close()
    return aggregate.id


async def places(stage: Stage, aggregate: UUID) -> int:
    """At how many places in the stream the events of an aggregate stand."""
    connection = await asyncpg.connect(stage.database_url("notifications"))
    query = (
        "SELECT count(DISTINCT stream_sequence) FROM outbox JOIN outbox_marks USING (position)"
        " WHERE aggregate_id = $1"
    )
    found: int = await connection.fetchval(query, str(aggregate))
    await connection.close()
    return found
