"""What FastStream does around a handler, and what it may not: on the ledger's one durable, on a real database."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Self

import pytest
from faststream import BaseMiddleware, Context, Depends, ExceptionMiddleware, Logger, StreamMessage
from ledger import Entry, EntryMadeV1, post, postings, subscriptions, waiting_rows
from pydantic import BaseModel, SecretStr, ValidationError, model_validator

from chassis.broker.connection import Broker, OutboxBypassedError
from chassis.clock import system_clock
from chassis.faststream_inside import UngivableError
from chassis.ids import new_id
from chassis.runtime.service import Service
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Batch, NotHandledError, Subscriptions, Tx
from chassis.testing import (
    Databases,
    Deliver,
    FreshDatabase,
    NatsSite,
    an_envelope,
    heard_by_test_broker,
)

Prepare = Callable[[Service], Awaitable[None]]

DURABLE = "ledger-post-entries"


class Start:
    """Starts the ledger's service, as far as it comes."""

    def __init__(self, url: str, site: NatsSite) -> None:
        self._url, self._site = url, site

    def service(self, subscriptions: Subscriptions, prepare: Prepare | None = None) -> Service:
        settings = ServiceSettings(
            database_url=SecretStr(self._url),
            nats_url=self._site.url,
            nats_seed=SecretStr(self._site.seeds["ledger"]),
            port=0,
        )
        return Service(
            "ledger", settings, subscriptions, system_clock, announces=("ledger",), prepare=prepare
        )

    @asynccontextmanager
    async def __call__(
        self, subscriptions: Subscriptions, prepare: Prepare | None = None
    ) -> AsyncGenerator[Service]:
        service = self.service(subscriptions, prepare)
        try:
            await service.start()
            yield service
        finally:
            await service.stop()


@pytest.fixture
async def start(databases: Databases, site: NatsSite) -> AsyncGenerator[Start]:
    url = await databases.create("ledger")
    yield Start(url, site)
    await databases.drop(url)


async def test_a_handler_is_given_the_transaction_and_what_else_it_asks_for(
    fresh_database: FreshDatabase,
) -> None:
    given: list[Any] = []

    async def opened_entry(tx: Tx) -> Entry:
        entry = Entry(id=new_id(), home_site=tx.site)
        tx.session.add(entry)
        return entry

    async def post_to(
        entries: Batch[EntryMadeV1],
        tx: Tx,
        entry: Annotated[Entry, Depends(opened_entry, cast=False)],
        message: Annotated[StreamMessage[Any], Context()],
        limit: Annotated[int, Context(default=7)],
    ) -> None:
        given.extend((len(entries), entry in tx.session, message.correlation_id, limit))

    envelope = await Deliver(await fresh_database("ledger"), subscriptions(post_to))(EntryMadeV1(amount=1))

    assert given == [1, True, str(envelope.correlationid), 7]


async def test_a_middleware_sees_each_batch_and_what_it_raises_undoes_the_effect(
    fresh_database: FreshDatabase,
) -> None:
    database, seen = await fresh_database("ledger"), list[int]()

    class Refusing(BaseMiddleware[Any, Any]):
        async def consume_scope(
            self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]
        ) -> Any:
            seen.append(len(msg.raw_message))
            result = await call_next(msg)
            if len(seen) == 1:
                raise LookupError("not this time")
            return result

    deliver = Deliver(database, heard(Refusing))
    await deliver(EntryMadeV1(amount=1), failing=True)
    assert await postings(database) == []

    await deliver.retry()

    assert (seen, await postings(database)) == ([1, 1], [1])


def heard(*middlewares: Any, handler: Any = post) -> Subscriptions:
    found = Subscriptions("ledger", middlewares=middlewares)
    found.hears(EntryMadeV1, durable=DURABLE)(handler)
    return found


class Swallowing(BaseMiddleware[Any, Any]):
    async def after_processed(self, *_: Any, **__: Any) -> bool:
        return True


class Skipping(BaseMiddleware[Any, Any]):
    async def consume_scope(self, *_: Any, **__: Any) -> None:
        return None


class Insisting(BaseMiddleware[Any, Any]):
    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        try:
            return await call_next(msg)
        except KeyError:
            return await call_next(msg)


class Doubling(BaseMiddleware[Any, Any]):
    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        await call_next(msg)
        return await call_next(msg)


def answering_instead(error: Exception) -> None: ...


@pytest.mark.parametrize(
    "middleware",
    [Swallowing, ExceptionMiddleware(handlers={KeyError: answering_instead}), Insisting, Doubling, Skipping],
    ids=["swallows", "answers instead", "insists", "doubles", "skips"],
)
async def test_a_failure_that_a_middleware_keeps_to_itself_is_not_committed(
    fresh_database: FreshDatabase, middleware: Any
) -> None:
    database, calls = await fresh_database("ledger"), list[int]()

    async def fail_at_first(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post(entries, tx)
        calls.append(len(entries))
        if len(calls) == 1 and middleware is not Doubling:
            raise KeyError("missing")

    await Deliver(database, heard(middleware, handler=fail_at_first))(EntryMadeV1(amount=1), failing=True)

    [waiting] = await waiting_rows(database)
    assert waiting.error_class == NotHandledError.__name__
    assert await postings(database) == []


class Dropping(BaseMiddleware[Any, Any]):
    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        msg.raw_message = [one for one in msg.raw_message if one.event.amount != 1]
        return await call_next(msg)


class Replacing(BaseMiddleware[Any, Any]):
    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        msg.raw_message = [one._replace(event=EntryMadeV1(amount=999)) for one in msg.raw_message]
        return await call_next(msg)


class RefusingAfterwards(BaseMiddleware[Any, Any]):
    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        await call_next(msg)
        raise KeyError("not to be committed")


class FailingAtItsEnd(BaseMiddleware[Any, Any]):
    async def after_processed(self, *_: Any, **__: Any) -> bool:
        raise KeyError("not to be committed")


@pytest.mark.parametrize(
    "middlewares",
    [[Dropping], [Replacing], [Insisting, RefusingAfterwards], [Swallowing, FailingAtItsEnd]],
    ids=["drops", "replaces", "keeps what an inner one raised", "keeps what an inner one raised at its end"],
)
async def test_what_a_middleware_takes_from_a_handler_or_keeps_of_another_is_not_committed(
    fresh_database: FreshDatabase, middlewares: list[Any]
) -> None:
    database = await fresh_database("ledger")

    await Deliver(database, heard(*middlewares))(EntryMadeV1(amount=1), failing=True)

    [waiting] = await waiting_rows(database)
    assert waiting.error_class in {NotHandledError.__name__, KeyError.__name__}
    assert await postings(database) == []


async def test_the_effects_of_a_dependency_that_failed_are_not_committed_by_a_second_try(
    fresh_database: FreshDatabase,
) -> None:
    database, calls = await fresh_database("ledger"), list[int]()

    async def fail_at_first(tx: Tx) -> int:
        tx.session.add(Entry(id=new_id(), home_site=tx.site))
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("not yet")
        return 1

    async def post_one(
        entries: Batch[EntryMadeV1], tx: Tx, one: Annotated[int, Depends(fail_at_first)]
    ) -> None:
        await post(entries, tx)

    await Deliver(database, heard(Insisting, handler=post_one))(EntryMadeV1(amount=1), failing=True)

    assert len(await waiting_rows(database)) == 1
    assert await postings(database) == []


async def test_what_a_dependency_raises_at_its_end_is_not_kept_by_a_middleware(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")

    async def fail_at_the_end() -> AsyncGenerator[int]:
        yield 1
        raise KeyError("what belongs to it was not written")

    async def post_one(
        entries: Batch[EntryMadeV1], tx: Tx, one: Annotated[int, Depends(fail_at_the_end)]
    ) -> None:
        await post(entries, tx)

    keeping = ExceptionMiddleware(handlers={KeyError: answering_instead})
    await Deliver(database, heard(keeping, handler=post_one))(EntryMadeV1(amount=1), failing=True)

    assert len(await waiting_rows(database)) == 1
    assert await postings(database) == []


def a_second_handler(found: Subscriptions) -> object:
    register = found.hears(EntryMadeV1, durable="ledger-second")
    register(post)
    return register(post)


WRONG: dict[str, tuple[Callable[[Subscriptions], object], str]] = {
    "a second handler of one durable": (a_second_handler, "has its handler"),
    "FastStream's own subscriber": (lambda found: found.subscriber("entries"), "`hears`"),
    "a router within it": (
        lambda found: found.include_router(Subscriptions("ledger")),
        "one `Subscriptions`",
    ),
    "a middleware added later": (lambda found: found.add_middleware(Swallowing), "`Subscriptions"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_would_start_and_not_be_served_is_refused(what: str) -> None:
    do, said = WRONG[what]

    with pytest.raises((TypeError, ValueError), match=said):
        do(Subscriptions("ledger"))


def test_a_handler_takes_its_events_once() -> None:
    async def twice(entries: Batch[EntryMadeV1], again: Batch[EntryMadeV1]) -> None: ...

    with pytest.raises(TypeError, match="once"):
        heard(handler=twice)


async def test_a_shutdown_hook_that_fails_leaves_nothing_open(start: Start) -> None:
    async def fail() -> None:
        raise KeyError("a hook")

    service = start.service(heard())
    await service.start()
    service.app.on_shutdown(fail)

    with pytest.raises(KeyError, match="a hook"):
        await service.stop()

    assert service.broker.connection.is_closed


async def test_a_handler_that_returns_something_is_told_that_nobody_publishes_it(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")

    async def answer(entries: Batch[EntryMadeV1], tx: Tx) -> Any:
        await post(entries, tx)
        return {"posted": len(entries)}

    await Deliver(database, subscriptions(answer))(EntryMadeV1(amount=1), failing=True)

    [waiting] = await waiting_rows(database)
    assert "past the outbox" in waiting.error
    assert await postings(database) == []


@pytest.mark.parametrize("how", ["publish", "request"])
async def test_nothing_is_published_past_the_outbox(site: NatsSite, how: str) -> None:
    broker = Broker(site.url, service="ledger", seed=site.seeds["ledger"], routers=[subscriptions()])
    await broker.start()
    try:
        with pytest.raises(OutboxBypassedError, match=r"tx\.announce"):
            await getattr(broker, how)({}, "sse.hq.all.ledger.entry.made.v1.00", stream="EVENTS")
    finally:
        await broker.stop()


async def test_a_handler_with_a_publisher_does_not_start(site: NatsSite) -> None:
    publishing = subscriptions()
    publishing.publisher("sse.hq.all.ledger.entry.made.v1.00")(post)
    broker = Broker(site.url, service="ledger", seed=site.seeds["ledger"], routers=[publishing])

    with pytest.raises(OutboxBypassedError, match=r"tx\.announce"):
        await broker.start()


async def test_faststream_logs_nothing_of_what_is_handled(
    fresh_database: FreshDatabase, site: NatsSite, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = subscriptions()
    broker = Broker(site.url, service="ledger", seed=site.seeds["ledger"], routers=[heard])
    await broker.start()
    try:
        await Deliver(await fresh_database("ledger"), heard)(
            EntryMadeV1(amount=1, poison="bug"), failing=True
        )
    finally:
        await broker.stop()

    # Around each batch, its log says so; and with a failure, what was raised.
    told = "".join(capfd.readouterr())
    assert "Received" not in told
    assert "Processed" not in told


async def test_a_handler_that_would_run_in_a_thread_or_without_its_events_is_no_handler() -> None:
    hears = Subscriptions("ledger").hears(EntryMadeV1, durable=DURABLE)

    def in_a_thread(entries: Batch[EntryMadeV1], tx: Tx) -> None: ...

    async def with_something_else(entries: list[EntryMadeV1], tx: Tx) -> None: ...

    with pytest.raises(TypeError, match="async def"):
        hears(in_a_thread)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Batch"):
        hears(with_something_else)  # type: ignore[arg-type]


def in_a_thread() -> int:
    return 1


async def in_a_thread_below(number: Annotated[int, Depends(in_a_thread)]) -> int:
    return number


async def of_what_nobody_gives(limit: int) -> int:
    return limit


async def asking_for_what_nobody_gives(entries: Batch[EntryMadeV1], tx: Tx, limit: int) -> None: ...
async def asking_in_a_thread(
    entries: Batch[EntryMadeV1], tx: Tx, number: Annotated[int, Depends(in_a_thread)]
) -> None: ...
async def asking_in_a_thread_below(
    entries: Batch[EntryMadeV1], tx: Tx, number: Annotated[int, Depends(in_a_thread_below)]
) -> None: ...
async def asking_below(
    entries: Batch[EntryMadeV1], tx: Tx, limit: Annotated[int, Depends(of_what_nobody_gives)]
) -> None: ...
async def asking_an_unknown_context(
    entries: Batch[EntryMadeV1], tx: Tx, rate: Annotated[float, Context()]
) -> None: ...
async def asking_for_a_logger(entries: Batch[EntryMadeV1], tx: Tx, logger: Logger) -> None: ...


@pytest.mark.parametrize(
    ("handler", "named"),
    [
        (asking_for_what_nobody_gives, "limit"),
        (asking_in_a_thread, "in_a_thread"),
        (asking_in_a_thread_below, "in_a_thread"),
        (asking_below, "limit"),
        (asking_an_unknown_context, "rate"),
        (asking_for_a_logger, "logger"),
    ],
)
async def test_a_handler_that_asks_for_what_nobody_gives_stops_the_start(
    start: Start, handler: Any, named: str
) -> None:
    with pytest.raises(UngivableError, match=named):
        async with start(subscriptions(handler)):
            pass


async def test_a_durable_without_a_handler_stops_the_start(start: Start) -> None:
    found = Subscriptions("ledger")
    found.hears(EntryMadeV1, durable=DURABLE)

    with pytest.raises(UngivableError, match=DURABLE):
        async with start(found):
            pass


async def test_what_is_set_before_events_are_heard_is_given_to_handlers(start: Start) -> None:
    async def prepare(service: Service) -> None:
        service.broker.context.set_global("rate", 1.5)

    given: list[float] = []

    async def post_at_a_rate(entries: Batch[EntryMadeV1], tx: Tx, rate: Annotated[float, Context()]) -> None:
        given.append(rate)

    found = subscriptions(post_at_a_rate)
    async with start(found, prepare) as service:
        await Deliver(service.database, found)(EntryMadeV1(amount=1))

    assert given == [1.5]


class Limits(BaseModel):
    """What an installation may have set wrongly."""

    rate: float

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.rate > 1:
            raise ValueError("more than there is")
        return self


@pytest.mark.parametrize("given", [{}, {"rate": 2}], ids=["of a field", "of the whole"])
async def test_a_validation_error_before_the_start_is_told_as_itself(start: Start, given: Any) -> None:
    service = start.service(subscriptions())

    @service.app.on_startup
    async def read_limits() -> None:
        Limits.model_validate(given)

    with pytest.raises(ValidationError, match="Limits"):
        await service.start()
    await service.stop()


async def test_what_is_published_on_the_test_broker_is_applied_once_or_its_failure_raised(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    event = an_envelope(EntryMadeV1(amount=1))
    bad = an_envelope(EntryMadeV1(amount=2, poison="bug"))

    async with heard_by_test_broker(database, subscriptions()) as broker:
        for _ in range(2):
            await broker.publish(event, event.nats_subject, stream="EVENTS")
        with pytest.raises(AssertionError, match="missing"):
            await broker.publish(bad, bad.nats_subject, stream="EVENTS")

    assert await postings(database) == [1]
