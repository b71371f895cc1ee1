"""What a service tells the scraper: right after traffic, right while its broker or its database is away, and cheap."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from ledger import EntryMadeV1, make_entries, post, subscriptions
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from chassis.database.tables import waiting_events
from chassis.health import examiner
from chassis.health.broker_metrics import BrokerMetrics
from chassis.health.examiner import PATIENCE, Examiner
from chassis.ids import new_id
from chassis.partitions import Partition
from chassis.runtime.service import Service, create_service
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Batch, Tx
from chassis.testing import Databases, NatsSite, a_clock, eventually
from ssenet.processes.servers import free_port

DURABLE = "ledger-post-entries"
PART = f"{DURABLE}/0of1"
OF_BROKER = {
    f"ssenet_consumer_{what}"
    for what in ("pending_events", "ack_pending_events", "redelivered_events", "oldest_age_seconds")
}
OF_DATABASE = {
    "ssenet_outbox_unpublished_events",
    "ssenet_outbox_oldest_age_seconds",
    "ssenet_dead_letters",
    "ssenet_waiting_events",
    "ssenet_waiting_oldest_age_seconds",
}


@dataclass
class Gate:
    """A way to a server that can be shut (connections end, none is made) or held (nothing passes any more)."""

    host: str
    far_port: int
    port: int = 0
    server: asyncio.Server | None = None
    passing: asyncio.Event = field(default_factory=asyncio.Event)
    links: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(
        default_factory=dict[asyncio.StreamWriter, asyncio.Task[None]]
    )

    async def open(self) -> None:
        self.passing.set()
        if self.server is None:
            self.server = await asyncio.start_server(self.link, "127.0.0.1", self.port)
            self.port = self.server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        self.passing.clear()

    async def shut(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        self.passing.set()
        for writer in self.links:
            writer.transport.abort()
        await asyncio.gather(*self.links.values(), return_exceptions=True)

    async def link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.far_port)
        task = asyncio.current_task()
        assert task is not None
        self.links |= {writer: task, far_writer: task}
        await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))
        await asyncio.gather(closed(far_writer), closed(writer))
        del self.links[writer], self.links[far_writer]

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self.passing.wait()
                sink.write(data)
        sink.close()


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def a_gate(url: str) -> AsyncGenerator[Gate]:
    parts = urlsplit(url)
    gate = Gate(str(parts.hostname), int(parts.port or 0))
    await gate.open()
    yield gate
    await gate.shut()


Figures = dict[str, dict[str, float]]


@dataclass
class Ledger:
    """The ledger's service behind two gates, and what its scraper is told."""

    service: Service
    client: httpx.AsyncClient
    broker: Gate
    database: Gate
    begin: asyncio.Event

    async def figures(self) -> Figures:
        """Every sample of one scrape: by name, and by the value of its one label (or nothing)."""
        answer = await self.client.get("/metrics", headers={"Authorization": "Bearer token"})
        assert answer.status_code == 200
        found: Figures = {}
        for family in text_string_to_metric_families(answer.text):
            found.setdefault(family.name, {})
            for sample in family.samples:
                found.setdefault(sample.name, {})["/".join(sample.labels.values())] = sample.value
        return found

    async def until(self, holds: Callable[[Figures], bool]) -> Figures:
        """Scrape until a scrape is as expected; returns it."""
        found: Figures = {}

        async def look() -> bool:
            found.clear()
            found.update(await self.figures())
            return holds(found)

        await eventually(look)
        return found


def is_ready(found: Figures) -> bool:
    return found["ssenet_ready"] == {"": 1}


def is_caught_up(found: Figures) -> bool:
    waiting = ("ssenet_consumer_pending_events", "ssenet_consumer_ack_pending_events")
    return all(found[name] == {PART: 0} for name in waiting)


@pytest.fixture
async def ledger(databases: Databases, site: NatsSite) -> AsyncGenerator[Ledger]:
    url = await databases.create("ledger")
    begin = asyncio.Event()
    begin.set()

    async def when_told(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await begin.wait()
        await post(entries, tx)

    async with a_gate(url) as database, a_gate(site.url) as broker:
        at = urlsplit(url).netloc.rpartition("@")[2]
        settings = ServiceSettings(
            database_url=SecretStr(url.replace(at, f"127.0.0.1:{database.port}")),
            nats_url=f"nats://127.0.0.1:{broker.port}",
            nats_seed=SecretStr(site.seeds["ledger"]),
            port=0,
            callers={"metrics": sha256(b"token").hexdigest()},
        )
        app = create_service("ledger", settings, subscriptions=subscriptions(when_told))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://ledger.test") as client:
                found = Ledger(app.state.service, client, broker, database, begin)
                await found.until(is_ready)
                yield found
                begin.set()
                await broker.open()
                await database.open()
                await found.until(is_ready)
    await databases.drop(url)


async def test_every_figure_is_there_before_anything_has_happened(ledger: Ledger) -> None:
    found = await ledger.figures()

    for name in ("applied", "repeated", "failed", "retried", "dead_lettered"):
        assert DURABLE in found[f"ssenet_events_{name}_total"]
    for name in ("apply_batch_events", "apply_latency_seconds", "handler_duration_seconds"):
        assert DURABLE in found[f"ssenet_{name}_count"]
    assert {"ssenet_events_published_total", "ssenet_relay_batch_events_count"} <= found.keys()
    by_durable = {name for name in OF_DATABASE if "outbox" not in name}
    assert all(found[name] == {DURABLE: 0} for name in by_durable)
    assert all(found[name] == {PART: 0} for name in OF_BROKER)
    assert found["ssenet_consumer_active"].keys() == {PART}
    assert found["ssenet_ready"] == {"": 1}
    assert found["ssenet_dependency_up"] == {"broker": 1, "database": 1}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= found.keys()


async def test_figures_tell_what_was_published_and_applied(ledger: Ledger) -> None:
    before = await ledger.figures()
    await ledger.service.wait_until_published(await make_entries(ledger.service.database, *range(30)))

    def risen(found: Figures, name: str, of: str = "") -> float:
        return found[name][of] - before[name][of]

    found = await ledger.until(lambda found: risen(found, "ssenet_events_applied_total", DURABLE) == 30)
    assert risen(found, "ssenet_events_published_total") == 30
    assert risen(found, "ssenet_relay_batch_events_sum") == 30
    assert risen(found, "ssenet_publish_latency_seconds_count") == 30
    assert risen(found, "ssenet_apply_batch_events_sum", DURABLE) == 30
    assert risen(found, "ssenet_apply_latency_seconds_count", DURABLE) == 30
    assert 0 < risen(found, "ssenet_apply_latency_seconds_sum", DURABLE) < 30 * 60
    assert risen(found, "ssenet_handler_duration_seconds_count", DURABLE) >= 1
    assert found["ssenet_relay_leader"] == {"": 1}
    caught_up = await ledger.until(is_caught_up)
    assert caught_up["ssenet_consumer_oldest_age_seconds"] == {PART: 0}


async def test_a_refused_event_shows_as_a_dead_letter_of_its_durable(ledger: Ledger) -> None:
    before = await ledger.figures()
    await make_entries(ledger.service.database, 1, poison="refused")

    found = await ledger.until(lambda found: found["ssenet_dead_letters"] == {DURABLE: 1})
    counted = "ssenet_events_dead_lettered_total"
    assert found[counted][DURABLE] - before[counted][DURABLE] == 1


async def test_an_event_that_waits_for_its_next_attempt_shows_with_its_age(ledger: Ledger) -> None:
    async with ledger.service.database.transaction() as tx:
        row = {
            "durable": DURABLE,
            "event_id": new_id(),
            "slot": 0,
            "key": "an aggregate",
            "stream": "EVENTS",
            "stream_sequence": 1,
            "nats_subject": "sse.hq.all.ledger.entry.made.v1.00",
            "payload": b"{}",
            "attempts": 1,
            "next_attempt_at": tx.now + timedelta(days=1),
            "waits_since": tx.now - timedelta(hours=1),
        }
        await tx.session.execute(sa.insert(waiting_events).values(row))

    found = await ledger.figures()
    assert found["ssenet_waiting_events"] == {DURABLE: 1}
    assert 3600 <= found["ssenet_waiting_oldest_age_seconds"][DURABLE] < 3700


async def test_a_long_outbox_is_told_by_its_ends(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "EXACTLY", 2)
    await ledger.broker.shut()
    await make_entries(ledger.service.database, *range(5))

    assert (await ledger.figures())["ssenet_outbox_unpublished_events"] == {"": 5}


async def test_a_monitoring_endpoint_that_is_away_leaves_nothing_of_the_broker_behind() -> None:
    monitor = BrokerMetrics(f"http://127.0.0.1:{free_port()}")

    assert await monitor.look() == []
    await monitor.close()


async def test_what_a_consumer_holds_tells_its_age(ledger: Ledger) -> None:
    ledger.begin.clear()
    await ledger.service.wait_until_published(await make_entries(ledger.service.database, 1, 2))

    def held(found: Figures, *, age: float) -> bool:
        older = found["ssenet_consumer_oldest_age_seconds"][PART] > age
        return older and found["ssenet_consumer_ack_pending_events"][PART] == 2

    await ledger.until(lambda found: held(found, age=0))
    await ledger.until(lambda found: held(found, age=0.3))
    ledger.begin.set()

    found = await ledger.until(is_caught_up)
    assert found["ssenet_consumer_oldest_age_seconds"] == {PART: 0}


def test_what_nobody_holds_is_as_old_as_the_floor_has_stood_still() -> None:
    clock = a_clock()
    examiner = Examiner(cast("Any", SimpleNamespace(database=SimpleNamespace(clock=clock))))
    consumer = cast("Any", SimpleNamespace(partition=Partition(DURABLE), oldest_held=None))

    def age(*, pending: int, floor: int) -> float:
        info = SimpleNamespace(
            num_pending=pending,
            num_ack_pending=0,
            num_redelivered=0,
            ack_floor=SimpleNamespace(stream_seq=floor),
        )
        return examiner._lag(consumer, cast("Any", info)).age

    told: list[float] = []
    for pending, floor in ((0, 5), (3, 5), (4, 5), (4, 6), (4, 6), (0, 10), (1, 10)):
        told.append(age(pending=pending, floor=floor))
        clock.advance(timedelta(seconds=15))

    assert told == [0, 0, 15, 0, 15, 0, 0]


async def test_without_its_broker_a_service_tells_what_it_knows_and_nothing_else(ledger: Ledger) -> None:
    await ledger.broker.shut()

    await ledger.until(lambda found: found["ssenet_dependency_up"] == {"broker": 0, "database": 1})
    await make_entries(ledger.service.database, 1, 2, 3)
    found = await ledger.figures()
    assert found["ssenet_ready"] == {"": 0}
    assert all(not found[name] for name in OF_BROKER)
    assert found["ssenet_outbox_unpublished_events"] == {"": 3}
    assert found["ssenet_outbox_oldest_age_seconds"][""] > 0

    await ledger.broker.open()
    await ledger.until(lambda found: found["ssenet_outbox_unpublished_events"] == {"": 0})
    await ledger.until(lambda found: is_ready(found) and is_caught_up(found))


async def test_servers_that_hang_do_not_hang_the_scrape_and_are_there_again_at_once(ledger: Ledger) -> None:
    ledger.database.hold()
    ledger.broker.hold()

    # Written out twenty times, the figures of a whole test session take a moment of their own.
    async with asyncio.timeout(3 * PATIENCE):
        first, *others = await asyncio.gather(*(ledger.figures() for _ in range(20)))
    assert all(one["ssenet_dependency_up"] == {"broker": 0, "database": 0} for one in (first, *others))
    assert not OF_DATABASE & first.keys()
    assert all(not first[name] for name in OF_BROKER)
    # The others asked nothing anew: what hangs is waited for, so that no pool runs dry. Loops of the service hang too.
    assert ledger.service.database.engine.pool.checkedout() < 8  # type: ignore[attr-defined]

    # A question that was given up costs no connection when its answer comes after all.
    connection = ledger.service.broker.connection.stats["reconnects"]
    await ledger.broker.open()
    await ledger.database.open()
    found = await ledger.until(is_ready)
    assert found["ssenet_outbox_unpublished_events"] == {"": 0}
    assert ledger.service.broker.connection.stats["reconnects"] == connection


async def test_a_scrape_asks_the_broker_once_for_each_durable_and_once_for_the_stream(ledger: Ledger) -> None:
    await eventually(lambda: ledger.service.consumers[0].active and not ledger.service.consumers[0].trouble)
    sent = ledger.service.broker.connection.stats["out_msgs"]
    for _ in range(10):
        await ledger.figures()

    # The stream and three durables: the handler's and both sides. The consumer's own standing request may come in
    # between, or be renewed.
    assert 40 <= ledger.service.broker.connection.stats["out_msgs"] - sent <= 42


async def test_labels_name_durables_and_conditions_never_an_event_or_a_person(ledger: Ledger) -> None:
    answer = await ledger.client.get("/metrics", headers={"Authorization": "Bearer token"})

    ours = [one for one in text_string_to_metric_families(answer.text) if one.name.startswith("ssenet_")]
    assert {name for one in ours for sample in one.samples for name in sample.labels} <= {
        "durable",
        "partition",
        "check",
        "dependency",
        "le",
        "code",
        "budget",
        "whose",
    }
