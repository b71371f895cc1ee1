"""The test kit, a pytest plugin: real databases from migrated templates, a real broker, and the apply-once path.

The session's two servers come from the fixtures `postgres_url` (a superuser's) and `nats_site`, which the tree's
`conftest.py` provides; everything here stands on them.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import StringIO
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import faststream
import httpx
import pytest
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from faststream.nats import NatsBroker, TestNatsBroker  # noqa: TID251 - nothing leaves the process by it
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.broker.connection import connect
from chassis.broker.topology import PROVISIONER, Topology
from chassis.clock import Clock, system_clock
from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.database.tables import dead_letters, outbox, outbox_marks, waiting_events
from chassis.ids import new_id
from chassis.inbox.applier import Applier, Outcome
from chassis.messages import Received, StreamMessage
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Subscription, Subscriptions
from chassis.telemetry import tracing
from contracts.event import Envelope, Event, EventId

T = TypeVar("T")


def pytest_configure() -> None:
    """Record every span of the session, so that traces can be asserted, and log in plain lines; export nothing."""
    trace.set_tracer_provider(TracerProvider())
    tracing.use_traceparent_alone()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True)
class Watch:
    """What operators get to see while a test runs: ended spans, lines of the log as a process writes it, figures."""

    exporter: InMemorySpanExporter
    log: StringIO

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def everything(self) -> str:
        """All of it in one text, to look for what must be nowhere in it."""
        return "\n".join(
            [*(one.to_json() for one in self.spans), self.log.getvalue(), generate_latest().decode()]
        )


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Watch this process as operators do."""
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    found = Watch(InMemorySpanExporter(), StringIO())
    provider.add_span_processor(SimpleSpanProcessor(found.exporter))
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    tracing.start_logs("watched", "info", found.log)
    yield found
    structlog.configure(**configuration)
    root.handlers = handlers
    root.setLevel(level)
    # A provider keeps its processors; this one takes nothing more.
    found.exporter.shutdown()


@dataclass(frozen=True)
class NatsSite:
    """A provisioned NATS server: its address, the seed of each service's user, and the topology it follows."""

    url: str
    seeds: Mapping[str, str]
    topology: Topology


async def eventually(check: Callable[[], T | Awaitable[T]], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109
    """Ask again and again until the check answers with something true; returns it, or fails after `timeout` s."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        result = check()
        answer: T = await result if inspect.isawaitable(result) else result  # type: ignore[assignment]
        if answer:
            return answer
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(
                f"not within {timeout} s: {inspect.getsource(check).strip()}; last answer {answer!r}"
            )
        await asyncio.sleep(0.02)


class SettableClock:
    """A clock that tests set and move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def a_clock(now: datetime | None = None) -> SettableClock:
    """A clock that stands still, by default on a Monday morning."""
    return SettableClock(now or datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


class Databases:
    """Hands out one migrated database per test, copied from a template that each service migrates once."""

    def __init__(self, superuser_url: str) -> None:
        self._superuser = superuser_url
        self._templates: set[str] = set()

    def url(self, name: str) -> str:
        head, _, _ = self._superuser.rpartition("/")
        return f"{head}/{name}"

    async def create(self, package: str | None) -> str:
        """Make a database with the migrations of a package (or an empty one) and return its asyncpg URL."""
        template = "template1" if package is None else f"template_{package}"
        if package is not None and template not in self._templates:
            await self._execute(f'CREATE DATABASE "{template}"')
            await migrate(_sqlalchemy_url(self.url(template)), package)
            self._templates.add(template)
        name = f"test_{uuid4().hex}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return _sqlalchemy_url(self.url(name))

    async def drop(self, url: str) -> None:
        await self._execute(f'DROP DATABASE "{url.rpartition("/")[2]}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection: asyncpg.Connection = await asyncpg.connect(self._superuser)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Databases:
    """The session's factory of databases."""
    return Databases(postgres_url)


FreshDatabase = Callable[..., Awaitable[Database]]


@pytest.fixture
async def fresh_database(databases: Databases) -> AsyncGenerator[FreshDatabase, None]:
    """Give a test migrated databases of its own, by package; they are dropped at its end."""
    opened: list[Database] = []

    async def create(package: str | None, *, clock: Clock | None = None) -> Database:
        url = await databases.create(package)
        database = Database(url, service=package or "chassis", clock=clock or system_clock)
        opened.append(database)
        return database

    yield create
    for database in opened:
        await database.close()
        await databases.drop(database.url)


async def ready(subscriptions: Subscriptions) -> Subscriptions:
    """Have FastStream work out what their handlers are given, as the start of a service does. Nothing is connected."""
    if subscriptions.parent is None:
        async with TestNatsBroker(NatsBroker(logger=None, routers=[subscriptions]), connect_only=False):
            pass
    return subscriptions


class Deliver:
    """Delivers events to a service's handlers through the real apply-once path, without a broker.

    A failure is raised as an AssertionError that quotes it, unless `failing=True` says that it is expected. What
    failed for a passing reason waits until `retry`, however long it would.
    """

    def __init__(self, database: Database, subscriptions: Subscriptions) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._count = 0

    async def __call__(
        self,
        event: Event,
        *,
        subject: UUID | str | None = None,
        sequence: int = 1,
        epoch: int = 1,
        event_id: UUID | None = None,
        correlation: UUID | None = None,
        failing: bool = False,
    ) -> Envelope:
        """Deliver one event in an envelope of its own; returns the envelope, for `again`."""
        identity = event_id or new_id()
        envelope = an_envelope(
            event, subject=subject, sequence=sequence, epoch=epoch, event_id=identity, correlation=correlation
        )
        await self.again(envelope, failing=failing)
        return envelope

    async def again(self, *envelopes: Envelope, failing: bool = False) -> list[Outcome]:
        """Deliver these envelopes as one batch to every handler that hears them; returns what became of each."""
        outcomes: list[Outcome] = []
        for subscription in self._subscriptions:
            types = {event.type for event in subscription.types}
            batch = [
                (one.nats_subject, one.model_dump_json().encode()) for one in envelopes if one.type in types
            ]
            if batch:
                outcomes += await self._to(subscription, batch)
        assert outcomes, f"no handler hears {[one.type for one in envelopes]}"
        if not failing:
            await self._assert_applied(outcomes)
        return outcomes

    async def by(self, durable: str, messages: Sequence[tuple[str, bytes]]) -> None:
        """Deliver messages, each its subject and payload, by one durable."""
        [subscription] = [one for one in self._subscriptions if one.durable == durable]
        await self._assert_applied(await self._to(subscription, messages))

    async def _to(self, subscription: Subscription, messages: Sequence[tuple[str, bytes]]) -> list[Outcome]:
        first = self._count + 1
        self._count += len(messages)
        batch = [
            StreamMessage("EVENTS", sequence, subject, payload)
            for sequence, (subject, payload) in enumerate(messages, first)
        ]
        return await (await self._applier(subscription)).apply(batch)

    async def _assert_applied(self, outcomes: Sequence[Outcome]) -> None:
        assert set(outcomes) <= {Outcome.APPLIED, Outcome.REPEATED}, await self._failures()

    async def retry(self, *, failing: bool = False) -> None:
        """Have what waits tried again, as if it were due."""
        async with self._database.transaction() as tx:
            await tx.session.execute(sa.update(waiting_events).values(next_attempt_at=tx.now))
        for subscription in self._subscriptions:
            applier = await self._applier(subscription)
            while await applier.retry():
                pass
        if not failing:
            assert not await self._failures(), await self._failures()

    async def _applier(self, subscription: Subscription) -> Applier:
        await ready(self._subscriptions)
        applier = Applier(subscription, self._database, _never_away)
        await applier.begin()
        return applier

    async def _failures(self) -> str:
        async with self._database.reading() as session:
            rows = await session.execute(
                sa.text(
                    "SELECT durable, error FROM waiting_events UNION ALL SELECT durable, error FROM dead_letters"
                )
            )
            return "; ".join(f"{row.durable}: {row.error}" for row in rows)


class _AppliesOnce(faststream.BaseMiddleware[Any, Any]):
    """Has what FastStream's test broker delivers go the way of what the real one does."""

    def __init__(self, msg: Any, /, *, context: faststream.ContextRepo, deliver: "Deliver") -> None:
        super().__init__(msg, context=context)
        self._deliver = deliver

    async def consume_scope(
        self, call_next: Callable[[Any], Awaitable[Any]], msg: faststream.StreamMessage[Any]
    ) -> Any:
        """Apply what the broker has delivered; let pass what comes back to the handler from there."""
        if isinstance(msg.raw_message[0], Received):
            return await call_next(msg)
        durable = self.context.get("handler_").config.durable_name
        await self._deliver.by(durable, [(one.subject, one.data) for one in msg.raw_message])
        return None


@asynccontextmanager
async def heard_by_test_broker(
    database: Database, subscriptions: Subscriptions
) -> AsyncGenerator[NatsBroker]:
    """FastStream's test broker, by which a service's subscribers hear what is published, on real tables.

    Each event is applied once: inbox, effect and announcements are stored as in the running service. `handler.mock` and
    FastStream's assertions tell what reached a handler. A failure is raised where the event was published.
    """
    middleware = partial(_AppliesOnce, deliver=Deliver(database, subscriptions))
    broker = NatsBroker(logger=None, middlewares=[middleware], routers=[subscriptions])
    async with TestNatsBroker(broker, connect_only=False):
        yield broker


async def _never_away() -> None:
    raise AssertionError("the database went away during a test that did not expect it")


def an_envelope(
    event: Event,
    *,
    subject: UUID | str | None = None,
    sequence: int = 1,
    epoch: int = 1,
    event_id: UUID | None = None,
    correlation: UUID | None = None,
    time: datetime | None = None,
    site: str = "hq",
) -> Envelope:
    """An event as a service of the network would have announced it."""
    identity = EventId(event_id or new_id())
    return Envelope(
        id=identity,
        source=f"/sites/{site}/{event.type.split('.')[0]}",
        type=event.type,
        subject=str(subject or new_id()),
        time=time or datetime.now(UTC),
        dataschema=event.dataschema(),
        traceparent=f"00-{uuid4().hex}-{uuid4().hex[:16]}-01",
        sequence=sequence,
        site=site,
        epoch=epoch,
        correlationid=EventId(correlation or identity),
        data=event.model_dump(mode="json"),
    )


async def mark_published(session: AsyncSession, *event_ids: UUID) -> None:
    """Have these events acknowledged by a stream, as a relay notes it; all of them where none is named."""
    rows = sa.select(outbox.c.position, sa.func.now(), outbox.c.position)
    if event_ids:
        rows = rows.where(outbox.c.event_id.in_(event_ids))
    await session.execute(sa.insert(outbox_marks).from_select(list(outbox_marks.c), rows))


async def announced(database: Database) -> list[Envelope]:
    """What stands in the outbox, in order."""
    async with database.reading() as session:
        rows = await session.scalars(sa.select(outbox.c.envelope).order_by(outbox.c.position))
        return [Envelope.model_validate(row) for row in rows]


async def dead_letters_of(database: Database) -> list[sa.Row[Any]]:
    """The dead letters, oldest first."""
    async with database.reading() as session:
        return list((await session.execute(sa.select(dead_letters).order_by(dead_letters.c.died_at))).all())


async def reset_broker(site: NatsSite) -> None:
    """Empty every stream, so that one test does not hear another's events; durables go on behind what was there."""
    broker = await connect(site.url, service=PROVISIONER, seed=site.seeds[PROVISIONER])
    try:
        for stream in site.topology.streams:
            await broker.jetstream.purge_stream(stream)
    finally:
        await broker.stop()


Running = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
async def running(databases: Databases, nats_site: NatsSite) -> AsyncGenerator[Running, None]:
    """Run the app of a service; keywords are its settings, `callers` their plain tokens.

    Runs the app in this process with its own migrated database and the session's broker, emptied before; the
    client talks to it without a socket, and `client.app` is the FastAPI app. Further keywords become settings.
    """
    used: list[str] = []

    @asynccontextmanager
    async def start(
        build: Callable[[S], FastAPI],
        settings_class: type[S],
        package: str,
        *,
        callers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> AsyncGenerator[httpx.AsyncClient]:
        await reset_broker(nats_site)
        url = await databases.create(package)
        used.append(url)
        settings = settings_class(
            database_url=url,  # type: ignore[arg-type]  # pydantic makes the secret
            nats_url=nats_site.url,
            nats_seed=nats_site.seeds[package],  # type: ignore[arg-type]
            port=0,
            callers={name: sha256(token.encode()).hexdigest() for name, token in (callers or {}).items()},
            **more,
        )
        app = build(settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
                client.app = app  # type: ignore[attr-defined]
                yield client

    yield start
    for url in used:
        await databases.drop(url)
