"""Many relay candidates, many consumers, random `kill -9`: what the handlers recorded must be in order, and whole."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import sqlalchemy as sa

from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.provision import provision_site
from chassis.broker.topology import PROVISIONER, accounts_block
from chassis.database.engine import Database
from chassis.database.tables import backbone
from chassis.database.transaction import AggregateColumns
from ssenet.processes.servers import start_nats, start_postgres
from tests.resilience.order_processes import SERVICE, STUCK, TOPOLOGY, NumberCountedV1

_ROOT = Path(__file__).parents[2]
_AHEAD = 40_000
"""Events written beyond what was handled: as many as keep every stage at work while processes are killed."""
_TABLES = (
    """CREATE TABLE seen (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key text NOT NULL, sequence bigint NOT NULL, pid int NOT NULL)""",
    # What waits is deleted when it has been handled: this keeps which events did, and how often the handler failed.
    "CREATE TABLE waited (event_id uuid PRIMARY KEY, failures int NOT NULL)",
    """CREATE FUNCTION note_waiting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO waited VALUES (NEW.event_id, (NEW.error_class IS NOT DISTINCT FROM 'Retry')::int)
            ON CONFLICT (event_id) DO UPDATE SET failures = waited.failures + EXCLUDED.failures;
        RETURN NULL; END $$""",
    """CREATE TRIGGER note_waiting AFTER INSERT OR UPDATE ON waiting_events
        FOR EACH ROW EXECUTE FUNCTION note_waiting()""",
)
_WAITED = sa.text(
    "SELECT count(*) FILTER (WHERE failures > 0) AS failed, count(*) FILTER (WHERE failures = 0) AS waited FROM waited"
)


@dataclass(frozen=True)
class Plan:
    """How large a run is. `kill_every`: seconds between two kills, on average; one event in `trouble_every` fails."""

    events: int
    keys: int
    relays: int
    consumers: int
    kill_every: float
    trouble_every: int
    seed: int
    per_transaction: int = 200


@dataclass
class Faults:
    """What is wrong with what the handlers recorded."""

    inversions: int = 0
    repeats: int = 0
    gaps: int = 0
    missing: int = 0

    def __bool__(self) -> bool:
        return bool(self.inversions or self.repeats or self.gaps or self.missing)


@dataclass
class Report:
    """What came of a run."""

    faults: Faults
    kills: Counter[str] = field(default_factory=Counter[str])
    processes: int = 0
    failed: int = 0
    """Events that failed by themselves, and had to wait for their next attempt."""
    waited: int = 0
    """Events that only waited: behind one of those, or for a careful owner."""
    seconds: float = 0.0


def check(seen: Iterable[tuple[str, int]], written: Mapping[str, int]) -> Faults:
    """Count what is out of order, doubled or missing in what was handled, key by key, in the order of handling."""
    faults, last, heard = Faults(), dict.fromkeys(written, 0), set[tuple[str, int]]()
    for key, sequence in seen:
        if (key, sequence) in heard:
            faults.repeats += 1
        elif sequence < last[key]:
            faults.inversions += 1
        elif sequence > last[key] + 1:
            faults.gaps += 1
        heard.add((key, sequence))
        last[key] = max(last[key], sequence)
    faults.missing = sum(written.values()) - len(heard)
    return faults


async def run(plan: Plan, folder: Path, report: Callable[[str], None]) -> Report:
    """Do a run on servers of its own; raises TimeoutError where it comes to a standstill."""
    seeds = {name: new_seed() for name in (SERVICE, PROVISIONER)}
    # Only processes are killed here, never the machine: what fsync would add is time alone.
    postgres = start_postgres(
        folder / "postgres", password="order", settings={"fsync": "off", "max_connections": "300"}
    )
    nats = start_nats(folder / "nats", accounts_block(TOPOLOGY, public_keys(seeds)))
    url = postgres.url("postgres").replace("postgresql://", "postgresql+asyncpg://")
    database = Database(url, service=SERVICE)
    told = {
        "ORDER_DATABASE": url,
        "ORDER_NATS": nats.url,
        "ORDER_SEED": seeds[SERVICE],
        # Few enough that the stuck event is not given up meanwhile, on a slow machine either.
        "ORDER_MANY": str(min(plan.events // 2, 5_000)),
    }
    try:
        await provision_site(TOPOLOGY, url=nats.url, seed=seeds[PROVISIONER])
        await _make_tables(database)
        return await _under_fire(plan, database, told, report)
    finally:
        await database.close()
        nats.stop()
        postgres.stop()


async def _make_tables(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(backbone.create_all)
        for statement in _TABLES:
            await connection.execute(sa.text(statement))


async def _under_fire(
    plan: Plan, database: Database, told: Mapping[str, str], report: Callable[[str], None]
) -> Report:
    began = monotonic()
    found = Report(Faults())
    written: Counter[str] = Counter()
    async with _nursery(told) as nursery:
        living = [
            (kind, await _fork(nursery, kind))
            for kind in ["relay"] * plan.relays + ["consumer"] * plan.consumers
        ]
        killing = asyncio.create_task(_kill(plan, nursery, living, found.kills))
        writing = asyncio.create_task(_write(plan, database, written))
        try:
            await _until_all_seen(plan, database, (writing, killing), report, found.kills)
            await writing
        finally:
            for task in (killing, writing):
                task.cancel()
            await asyncio.gather(killing, writing, return_exceptions=True)
    found.seconds = monotonic() - began
    async with database.reading() as session:
        rows = await session.execute(sa.text("SELECT key, sequence FROM seen ORDER BY position"))
        found.faults = check(((row.key, row.sequence) for row in rows), written)
        found.processes = await session.scalar(sa.text("SELECT count(DISTINCT pid) FROM seen")) or 0
        found.failed, found.waited = (await session.execute(_WAITED)).one()
    return found


async def _until_all_seen(
    plan: Plan,
    database: Database,
    helpers: Iterable[asyncio.Task[None]],
    report: Callable[[str], None],
    kills: Counter[str],
) -> None:
    seen, moved, told = 0, monotonic(), monotonic()
    while seen < plan.events:
        await asyncio.sleep(0.1)
        for helper in helpers:
            if helper.done():
                helper.result()
        async with database.reading() as session:
            now_seen = await session.scalar(sa.text("SELECT count(*) FROM seen")) or 0
        if now_seen > seen:
            seen, moved = now_seen, monotonic()
        elif monotonic() - moved > 100:
            raise TimeoutError(f"no event was handled for 100 s; {seen} of {plan.events} were")
        if monotonic() - told > 5:
            told = monotonic()
            report(f"{seen:,} of {plan.events:,} events handled, {sum(kills.values())} processes killed")


async def _write(plan: Plan, database: Database, written: Counter[str]) -> None:
    """Announce the events from several writers at once, each key by one of them, a little ahead of the consumers."""
    lanes = 3
    chance = random.Random(plan.seed)  # noqa: S311 - it is to be the same every time
    keys = [STUCK, *(f"key-{number}" for number in range(plan.keys - 1))]

    async def lane(number: int) -> None:
        own = [AggregateColumns() for _ in keys[number::lanes]]
        for aggregate, key in zip(own, keys[number::lanes], strict=True):
            aggregate.id, aggregate.epoch, aggregate.sequence = key, 1, 0  # type: ignore[assignment]
        left = len(range(number, plan.events, lanes))
        while left:
            count = min(left, plan.per_transaction)
            async with database.transaction() as tx:
                for aggregate in chance.choices(own, k=count):
                    tx.announce(
                        NumberCountedV1(trouble=chance.randrange(plan.trouble_every) == 0), of=aggregate
                    )
                    written[str(aggregate.id)] += 1
            left -= count
            while sum(written.values()) - await _handled(database) > _AHEAD:  # noqa: ASYNC110 - the others are processes
                await asyncio.sleep(0.2)

    await asyncio.gather(*(lane(number) for number in range(lanes)))


async def _handled(database: Database) -> int:
    # The identity column's last value is near enough, and costs nothing.
    async with database.reading() as session:
        return await session.scalar(sa.text("SELECT coalesce(max(position), 0) FROM seen")) or 0


async def _kill(plan: Plan, nursery: Process, living: list[Any], kills: Counter[str]) -> None:
    chance = random.Random(plan.seed)  # noqa: S311 - it is to be the same every time
    while True:
        await asyncio.sleep(chance.expovariate(1 / plan.kill_every))
        kind, pid = living.pop(chance.randrange(len(living)))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        kills[kind] += 1
        living.append((kind, await _fork(nursery, kind)))


@asynccontextmanager
async def _nursery(told: Mapping[str, str]) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.resilience.order_processes",
        stdin=PIPE,
        stdout=PIPE,
        cwd=_ROOT,
        env={**os.environ, **told},
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _fork(nursery: Process, kind: str) -> int:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{kind}\n".encode())
    await nursery.stdin.drain()
    return int(await nursery.stdout.readline())
