"""What a service hears: FastStream's router of durables, and what runs a handler on the events of one transaction.

`hears` makes a handler a batch subscriber of FastStream, with the middlewares, dependencies and context that any has.
What differs is who fetches and acknowledges: `consumer` does, and hands over the events of one transaction at a time.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from operator import is_
from types import TracebackType
from typing import Annotated, Any, Concatenate, Literal, NoReturn, ParamSpec, TypeVar, Union

from faststream import AckPolicy, BaseMiddleware, Depends, StreamMessage
from faststream.nats import ConsumerConfig, JStream, NatsRouter, PullSub
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from sqlalchemy.orm import DeclarativeBase

from chassis.database.transaction import Transaction
from chassis.faststream_inside import Handler, Subscriber, hand_over, leave_fetching_to_us, refuse_ungivable
from chassis.messages import ContractError, Received
from chassis.settings import STREAM
from contracts.event import Envelope, Event, subject_of

E = TypeVar("E", bound=Event)
P = ParamSpec("P")


class NotHandledError(Exception):
    """A middleware stood between the events and their handler, and what it let through is not to be committed."""


Handles = Callable[Concatenate[Sequence[Received[E]], P], Awaitable[None]]
"""What a handler is: it takes the events, and then whatever else it asks for."""


class _Events:
    """Marks the parameter that is given the events, and tells AsyncAPI what each of them is on the wire."""

    def __init__(self, *types: type[Event]) -> None:
        self._types = types

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # They are typed already; to validate them once more, or to hold schemas for it, would be paid by every event.
        return core_schema.any_schema(metadata={"pydantic_js_functions": [self._told]})

    def _told(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        wire: Any = Union[*map(envelope_of, self._types)]
        return handler.resolve_ref_schema(handler(TypeAdapter(wire).core_schema))


def envelope_of(event: type[Event]) -> type[Envelope]:
    """The envelope that holds such an event: for documents, since an envelope is read before its type is known."""
    told: dict[str, Any] = {
        "type": (Literal[event.type], ...),
        "dataschema": (Literal[event.dataschema()], ...),
        "data": (event, ...),
    }
    return create_model(f"{event.__name__}Envelope", __doc__=event.__doc__, __base__=Envelope, **told)


Batch = Annotated[Sequence[Received[E]], _Events()]
"""A handler's first parameter: the events of one transaction, in order, each for the first time."""


@dataclass(slots=True)
class _Run:
    """One run of a handler, whatever FastStream does around it."""

    tx: Transaction
    events: Sequence[Received[Any]]
    begun: int = 0
    ended: int = 0
    raised: bool = False
    """Whether anything around the handler has raised, whoever kept it to itself."""


_RUN: ContextVar[_Run] = ContextVar("chassis_run")


def _run() -> _Run:
    run = _RUN.get(None)
    if run is None:
        raise LookupError(
            "a handler runs within a transaction: `chassis.testing` delivers to it as a service does"
        )
    return run


class _Watching(BaseMiddleware[Any, Any]):
    """Stands around each middleware, and notes what is raised within it before the next one can keep it to itself."""

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        try:
            return await call_next(msg)
        except BaseException:
            _run().raised = True
            raise

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        if exc_val is not None:
            _run().raised = True
        return await super().after_processed(exc_type, exc_val, exc_tb)


def _watching_each(middlewares: Sequence[Any]) -> list[Any]:
    """These middlewares, watched from within and from without; none where there are none, for it would cost."""
    watched = [part for one in middlewares for part in (_Watching, one)]
    return [*watched, _Watching] if watched else []


async def _transaction() -> Transaction:
    return _run().tx


Tx = Annotated[Transaction, Depends(_transaction, cast=False)]
"""The transaction in which all that a handler does is committed, or nothing: for it, and for what it depends on."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One durable: the event types it hears, and the handler that applies them."""

    durable: str
    types: tuple[type[Event], ...]
    subscriber: Subscriber
    permanent: tuple[type[Exception], ...]
    projections: tuple[type[DeclarativeBase], ...] = ()
    """The tables that hold nothing but what these events said last, by `keep_newest`: they can be rebuilt."""

    def parse(self, envelope: Envelope) -> Event:
        """The typed data of an envelope; raises ContractError where it is none of this durable's types."""
        for event in self.types:
            if event.type == envelope.type:
                return event.model_validate(envelope.data)
        raise ContractError(f"{self.durable} does not hear {envelope.type}")

    @property
    def description(self) -> str:
        """What the handler promises, as it says so itself."""
        return self.subscriber.calls.description or ""

    async def handle(self, events: Sequence[Received[Any]], tx: Transaction) -> None:
        """Run the handler by FastStream, with its middlewares and all it asks for; raises what any of them raises.

        Raises NotHandledError where the handler did not run just once, to its end and with all the events, or where
        anything was raised around it: a middleware that keeps an error to itself, or events from their handler, must
        not have that committed.
        """
        run = _Run(tx, events)
        token = _RUN.set(run)
        try:
            await hand_over(self.subscriber, events)
        finally:
            _RUN.reset(token)
        if run.raised:
            raise NotHandledError(f"{self.durable}: a middleware kept to itself what was raised within it")
        if (run.begun, run.ended) != (1, 1):
            raise NotHandledError(
                f"{self.durable}: within its middlewares the handler was begun {run.begun} times, and ended {run.ended}"
            )

    def refuse_ungivable(self) -> None:
        """Raise where the handler asks for what it could not be given: fatal at the start, not event by event."""
        refuse_ungivable(self.subscriber, _Events)


class Subscriptions(NatsRouter):
    """The durables of one service. `permanent` names domain errors that no repeat can mend.

    `dependencies` and `middlewares` are FastStream's, and hold for every handler.
    """

    def __init__(
        self,
        service: str,
        *,
        permanent: tuple[type[Exception], ...] = (),
        dependencies: Sequence[Any] = (),
        middlewares: Sequence[type[BaseMiddleware[Any, Any]]] = (),
    ) -> None:
        super().__init__(dependencies=dependencies, middlewares=_watching_each(middlewares))
        self.service = service
        self._permanent = permanent
        self._by_durable: dict[str, Subscription] = {}

    def hears(
        self, *types: type[E], durable: str, projects: Sequence[type[DeclarativeBase]] = ()
    ) -> Callable[[Handles[E, P]], Handler[Concatenate[Sequence[Received[E]], P], Awaitable[None]]]:
        """Apply these event types by the decorated handler, each event once, in the handler's one transaction.

        The handler gets a `Batch` of events, the transaction as `Tx`, and whatever else it asks FastStream for; the
        chassis keeps the inbox, acknowledges after the commit, retries, splits a failing batch, and writes dead
        letters. A durable is never renamed: under another name it would hear everything again. Several types of one
        noun may share a durable, so that they stay in order.

        `projects` declares that the handler does nothing but keep these tables by `keep_newest`: an operator may
        then have it hear its events again, while the service runs.
        """
        if not durable.startswith(f"{self.service}-"):
            raise ValueError(f"durable {durable} must begin with {self.service}-")
        if durable in self._by_durable:
            raise ValueError(f"durable {durable} is taken")
        subscriber = super().subscriber(
            # The provisioner makes stream and durable, and `consumer` fetches: FastStream has to know which they are.
            stream=JStream(STREAM, declare=False),
            durable=durable,
            config=ConsumerConfig(filter_subjects=[subject_of(one.type, to="*") for one in types]),
            pull_sub=PullSub(batch=True),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            parser=_parsed,
            decoder=_decoded,
            title=durable,
        )
        leave_fetching_to_us(subscriber)
        self._by_durable[durable] = Subscription(durable, types, subscriber, self._permanent, tuple(projects))

        def register(
            handler: Handles[E, P],
        ) -> Handler[Concatenate[Sequence[Received[E]], P], Awaitable[None]]:
            if subscriber.calls:
                raise ValueError(
                    f"durable {durable} has its handler: FastStream would call the first one alone"
                )
            return subscriber(_watched(handler, types))

        return register

    def subscriber(self, *_args: Any, **_named: Any) -> NoReturn:  # type: ignore[override]  # it is closed
        """Refuse a handler that nobody would fetch for."""
        raise TypeError(
            "handlers are registered by `hears`: what FastStream itself subscribes to is not fetched"
        )

    def include_router(self, *_args: Any, **_named: Any) -> NoReturn:  # type: ignore[override]  # it is closed
        """Refuse a router within this one: its durables would have no consumer."""
        raise TypeError("a service has one `Subscriptions`; register these handlers by its `hears`")

    def add_middleware(self, *_args: Any, **_named: Any) -> NoReturn:  # type: ignore[override]  # it is closed
        """Refuse a middleware that nobody would watch."""
        raise TypeError("give middlewares to `Subscriptions(..., middlewares=[...])`")

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_durable.values())


def _watched(handler: Handles[E, P], types: Sequence[type[E]]) -> Handles[E, P]:
    """The handler as FastStream is given it: it notes that it ran, and says which types it is to be told of.

    Raises TypeError where FastStream would run it otherwise than it is meant.
    """
    name = getattr(handler, "__qualname__", repr(handler))
    asked = inspect.signature(handler, eval_str=True)
    first, *others = asked.parameters.values()
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(f"{name} must be `async def`: in a thread it would run beside its transaction")
    if not any(isinstance(one, _Events) for one in getattr(first.annotation, "__metadata__", ())):
        raise TypeError(f"{name} must take its events first, as Batch[...]")

    if any(
        isinstance(mark, _Events) for one in others for mark in getattr(one.annotation, "__metadata__", ())
    ):
        raise TypeError(f"{name} must take its events once")
    if first.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise TypeError(f"{name} must take its events by a name: FastStream gives them by it")

    @wraps(handler)
    async def watched(*args: Any, **named: Any) -> None:
        run = _run()
        run.begun += 1
        given: Sequence[Received[Any]] = named[first.name] if first.name in named else args[0]
        if len(given) != len(run.events) or not all(map(is_, given, run.events)):
            raise NotHandledError(f"{name} was given other events than its transaction is of")
        if await handler(*args, **named) is not None:
            raise TypeError(f"{name} returned something: FastStream would publish it, past the outbox")
        run.ended += 1

    batch = Annotated[Sequence[Received[Any]], _Events(*types)]
    parameters = [first.replace(annotation=batch), *others]
    watched.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return watched


async def _parsed(events: Any) -> StreamMessage[Any]:
    """What FastStream is told of a batch: its first event stands for all."""
    if not isinstance(events[0], Received):
        # As its test broker delivers them: payloads yet to be read, which is `chassis.testing`'s to do.
        return StreamMessage(events, [one.data for one in events])
    envelope = events[0].envelope
    return StreamMessage(events, b"", message_id=str(envelope.id), correlation_id=str(envelope.correlationid))


async def _decoded(message: StreamMessage[Any]) -> Any:
    return message.raw_message
