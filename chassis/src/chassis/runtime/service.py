"""A running service: database, broker, relay and consumers behind one FastAPI app, started and stopped in order."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter, FastAPI
from faststream import AsyncAPI, FastStream
from faststream.exceptions import StartupValidationError
from pydantic import ValidationError

from chassis.broker.connection import Broker
from chassis.broker.stream_reader import StreamReader
from chassis.clock import Clock, system_clock
from chassis.consumer.consumer import Consumer
from chassis.database import migrations
from chassis.database.engine import Database, is_database_away
from chassis.database.retention import run_retention
from chassis.dead_letters.advisories import AdvisoryListener
from chassis.dead_letters.replay import Replayer
from chassis.health.broker_metrics import BrokerMetrics
from chassis.health.examiner import Examiner
from chassis.http.exact_paths import NoLineEnds
from chassis.http.head_requests import answer_heads
from chassis.http.problems import Localise, Problems, install_problems
from chassis.http.request_spans import TracedApp
from chassis.http.routes import asyncapi, dead_letters, health, outbox, projections
from chassis.lease.holder import LeaseHolder
from chassis.outbox.relay import Relay
from chassis.partitions import partitions_of
from chassis.projections.rebuild import Rebuilder
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Subscriptions
from chassis.telemetry import metrics
from chassis.telemetry.loop_lag import LoopLag

log = structlog.get_logger()

_TIMES, _GOODBYE = 3, 0.3
"""How often a loop is told to end that does not, and for how many seconds it may say goodbye to a server then."""


class Service:
    """What the requests and the preparation of a service can reach."""

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        subscriptions: Subscriptions,
        clock: Clock,
        *,
        announces: Collection[str],
        prepare: Callable[["Service"], Awaitable[None]] | None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.prepared = False
        self.loop_lag = LoopLag()
        self.stopping = asyncio.Event()
        """Set when the service begins to stop: open streams end on it."""
        self.database = Database(
            settings.database_url.get_secret_value(),
            service=name,
            site=settings.site,
            clock=clock,
            pool_size=settings.database_pool,
        )
        self.broker = Broker(
            settings.nats_url,
            service=name,
            seed=settings.nats_seed.get_secret_value(),
            routers=[subscriptions],
            on_reconnect=self._reconnected,
            on_close=self._broker_closed,
        )
        self.app = FastStream(
            self.broker,
            # It would quote what was raised, and with it the event.
            logger=None,
            specification=AsyncAPI(title=f"ssenet {name}", version="1.0.0"),
            on_startup=[self._reach_database],
            after_startup=[self._start_loops],
            on_shutdown=[self._stop_loops],
            after_shutdown=[self.database.close],
        )
        """Starts and stops it all around the broker, in order; more may be hooked on."""
        self.relay: Relay
        self.rebuilder: Rebuilder
        self.lease_holder: LeaseHolder
        self.consumers: list[Consumer] = []
        self.examiner = Examiner(self)
        self.broker_metrics = BrokerMetrics(settings.nats_monitor_url) if settings.nats_monitor_url else None
        self.migration_head = migrations.head_of(name)
        self.subscriptions = subscriptions
        self.replayer = Replayer(subscriptions, self.database)
        self._tasks: list[asyncio.Task[None]] = []
        self._relay_loop: asyncio.Task[None] | None = None
        self._leases: asyncio.Task[None] | None = None
        self._announces = announces
        self._document: Any = None
        self._documenting = asyncio.Lock()
        self._prepare = prepare
        self._stop_by = 0.0
        self.failed = False
        """Whether the service stops because a loop of its own ended."""

    async def documented(self) -> Any:
        """What this service hears and announces, as AsyncAPI 3.0; made when it is first asked for."""
        async with self._documenting:
            if self._document is None:
                # Beside the loop: it takes as long as some thousand events do.
                self._document = await asyncio.to_thread(self._make_document)
        return self._document

    def _make_document(self) -> Any:
        settings = self.settings
        broker = asyncapi.announcing(
            self._announces, url=settings.nats_url, stream=settings.announces_stream, site=settings.site
        )
        return self.app.schema.add_broker(broker).to_specification().to_jsonable()

    async def wait_until_published(self, event_ids: Iterable[UUID], *, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Wait until the stream has acknowledged these announced events; raises TimeoutError after `timeout` s."""
        await self.relay.wait_until_published(event_ids, timeout=timeout)

    async def start(self) -> None:
        """Connect, migrate if told to, start the relay, prepare, and only then begin to hear events.

        A server that is away is waited for at every step: a process that gave up would only be started again.
        """
        try:
            await self.app.start()
        except (StartupValidationError, IndexError) as error:
            # FastStream takes a validation error of an `on_startup` hook for a wrong option of its own command line,
            # and fails itself over one that names no field.
            if isinstance(error.__context__, ValidationError):
                raise error.__context__ from None
            raise

    async def _reach_database(self) -> None:
        await _until_there("database", self.database.ping)
        if self.settings.migrate_on_start:
            await _until_there("migrations", lambda: migrations.migrate(self.database.url, self.name))

    async def _start_loops(self) -> None:
        self.relay = Relay(self.database, self.broker, stream=self.settings.announces_stream)
        self._relay_loop = self._started("relay", self.relay.run())
        retention = run_retention(self.database, due=lambda: self.relay.may_forget, stopping=self.stopping)
        self.keep_running("retention", retention)
        if (prepare := self._prepare) is not None:
            await _until_there("preparation", lambda: prepare(self))
        for subscription in self.subscriptions:
            subscription.refuse_ungivable()
        self.lease_holder = LeaseHolder(self.database)
        self.consumers = [
            Consumer(
                subscription,
                self.database,
                self.broker,
                self.lease_holder,
                stream=self.settings.hears_streams,
                partition=partition,
            )
            for subscription in self.subscriptions
            for partition in partitions_of(subscription.durable, self.settings.partitions)
        ]
        self._look_after_letters()
        metrics.expect(subscription.durable for subscription in self.subscriptions)
        if self.consumers:
            self._leases = self._started("leases", self.lease_holder.run())
        for consumer in self.consumers:
            self.keep_running(consumer.partition.name, consumer.run())
        self.keep_running("loop watch", self.loop_lag.run(self.stopping))
        self.prepared = True

    def _look_after_letters(self) -> None:
        """Keep what the server gives up, and rebuild projections when asked; only for a service that hears events."""
        stream = self.settings.hears_streams
        reader = StreamReader(self.broker, self.database, stream=stream)
        parts: dict[str, list[str]] = {}
        for consumer in self.consumers:
            parts.setdefault(consumer.durable, []).append(consumer.partition.name)
        self.rebuilder = Rebuilder(
            self.subscriptions, self.database, self.broker, reader, stream=stream, parts=parts
        )
        if self.consumers:
            self.keep_running("rebuilder", self.rebuilder.run(self.stopping))
            listener = AdvisoryListener(self.database, self.broker, reader)
            self.keep_running("advisories", listener.run(self.stopping))

    def begin_stop(self) -> None:
        """Fetch no more and end open streams, from the moment the signal comes; one deadline for all of the stop."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._stop_by = asyncio.get_running_loop().time() + self.settings.stop_timeout.total_seconds()
        for consumer in self.consumers:
            consumer.stop()

    async def stop(self) -> None:
        """Finish or hand back what is held, drain the outbox, close; in time also where a server does not answer."""
        self.begin_stop()
        try:
            await self.app.stop()
        finally:
            # A hook that fails must leave nothing open. Closed already, both do nothing.
            await self.broker.stop()
            await self.database.close()

    async def _stop_loops(self) -> None:
        # Where they do not end, it is most likely the database that they wait for.
        await _end(self._tasks, by=self._stop_by, first=self.database.abandon)
        if self._leases is not None:
            self.lease_holder.stop()
            await _end([self._leases], by=self._stop_by + 0.5)
        if self._relay_loop is not None:
            # Last of all, so that what the handlers announced to the end still goes out.
            self.relay.stop()
            await _end([self._relay_loop], by=self._stop_by + 1)
        await self.examiner.close()
        if self.broker_metrics is not None:
            await self.broker_metrics.close()

    async def _reconnected(self) -> None:
        self.relay.reconnected()
        for consumer in self.consumers:
            consumer.reconnected()

    def keep_running(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a loop of the service's own beside the chassis' ones: `prepare` starts it, `stopping` ends it."""
        self._tasks.append(self._started(name, work))

    def _started(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by itself is a bug: the process stops, loudly, and is started again by its keeper."""
        error = None if task.cancelled() else task.exception()
        if self.stopping.is_set():
            if error is not None:
                log.warning("a loop failed at its stop", task=task.get_name(), error=type(error).__name__)
            return
        log.error("a loop of the service ended", task=task.get_name(), exc_info=error)
        self._fail()

    def _broker_closed(self) -> None:
        """A connection that will not come back is no outage: a new process makes a new one."""
        if not self.stopping.is_set():
            log.error("the broker's client has closed its connection for good")
            self._fail()

    def _fail(self) -> None:
        self.failed = True
        os.kill(os.getpid(), signal.SIGTERM)


async def _until_there(step: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do a step of the start again and again while a server that it needs is away."""
    pause = 0.1
    while True:
        try:
            return await work()
        except Exception as error:
            if not is_database_away(error):
                raise
            log.warning("waiting to start", step=step, error=type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, or leave it when the process is told to stop: a start may wait for a server for ever."""
    working, told = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, told):
            task.cancel()
        await asyncio.gather(working, told, return_exceptions=True)


async def _end(
    tasks: Collection[asyncio.Task[None]], *, by: float, first: Callable[[], object] = lambda: None
) -> None:
    """Wait for loops that were told to stop. Those that do not end by then are cancelled, after `first` was done.

    Each may say goodbye to a server once, and is not let wait for its answer.
    """
    late = set(tasks)
    if late:
        seconds = max(by - asyncio.get_running_loop().time(), 0)
        _, late = await asyncio.wait(late, timeout=seconds)
    if not late:
        return
    for task in late:
        log.warning("stopped before it was done; its events are delivered again", task=task.get_name())
    first()
    for _ in range(_TIMES):
        for task in late:
            task.cancel()
        if late:
            _, late = await asyncio.wait(late, timeout=_GOODBYE)


_OF_EVERY_SERVICE = (
    health.router,
    dead_letters.router,
    projections.router,
    outbox.router,
    asyncapi.router,
)


def create_service(
    name: str,
    settings: ServiceSettings,
    *,
    subscriptions: Subscriptions | None = None,
    announces: Collection[str] = (),
    routers: Sequence[APIRouter] = (),
    prepare: Callable[[Service], Awaitable[None]] | None = None,
    problems: Problems | None = None,
    localise: Localise | None = None,
    untraced: Sequence[str] = (),
    continues_traces: bool = True,
    clock: Clock = system_clock,
) -> FastAPI:
    """Compose one service, a FastStream app within the lifespan of a FastAPI app; all starts and ends with that.

    `announces` are the first words of the types it announces, where that is not its name. `prepare` runs once the
    database is migrated and the relay publishes, before events are heard; it runs again where a server went away
    meanwhile, so what it starts with `keep_running` comes last. `problems` gives domain errors their HTTP status and
    code, `localise` may put a problem into the caller's language. Requests whose path begins as one of the patterns
    `untraced` leave no span: what says nothing to anyone, or a stream that lasts as long as a page stays open.
    Without `continues_traces` each request begins a trace of ours: for a service that strangers call.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        service = Service(
            name,
            settings,
            subscriptions or Subscriptions(name),
            clock,
            announces=announces or (name,),
            prepare=prepare,
        )
        app.state.service = service
        try:
            await _unless(service.stopping, service.start())
            yield
        finally:
            await service.stop()

    app = TracedApp(
        # What a process is bound to is often every address of the machine, which tells nobody where it stands.
        address=socket.gethostname(),
        port=settings.port,
        untraced=re.compile("|".join(("/health/", "/metrics", "/status", *untraced))),
        continues_traces=continues_traces,
        title=f"ssenet {name}",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Its redirects name the host that the request names, which may be anybody's.
        redirect_slashes=False,
    )
    install_problems(app, {**dead_letters.PROBLEMS, **projections.PROBLEMS, **(problems or {})}, localise)
    app.add_middleware(answer_heads)
    app.router.routes.append(NoLineEnds())
    # Routes are tried one after the other: those first that are asked for all the time.
    for router in (*routers, *_OF_EVERY_SERVICE):
        app.include_router(router)
    return app
