"""What a service hears: the `hears` decorator, the received event, and the errors that decide what becomes of it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import DeclarativeBase

from chassis.database.transaction import Transaction
from chassis.messages import ContractError, Received
from contracts.event import Envelope, Event

E = TypeVar("E", bound=Event)


Handler = Callable[[Sequence[Received[Any]], Transaction], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One durable: the event types it hears, and the handler that applies them."""

    durable: str
    types: tuple[type[Event], ...]
    handler: Handler
    permanent: tuple[type[Exception], ...]
    projections: tuple[type[DeclarativeBase], ...] = ()
    """The tables that hold nothing but what these events said last, by `keep_newest`: they can be rebuilt."""

    def parse(self, envelope: Envelope) -> Event:
        """The typed data of an envelope; raises ContractError where it is none of this durable's types."""
        for event in self.types:
            if event.type == envelope.type:
                return event.model_validate(envelope.data)
        raise ContractError(f"{self.durable} does not hear {envelope.type}")


class Subscriptions:
    """The durables of one service. `permanent` names domain errors that no repeat can mend."""

    def __init__(self, service: str, *, permanent: tuple[type[Exception], ...] = ()) -> None:
        self.service = service
        self._permanent = permanent
        self._by_durable: dict[str, Subscription] = {}

    def hears(
        self, *types: type[E], durable: str, projects: Sequence[type[DeclarativeBase]] = ()
    ) -> Callable[[Callable[..., Awaitable[None]]], Handler]:
        """Apply these event types by the decorated handler, each event once, in the handler's one transaction.

        The handler gets a sequence of events and the transaction; the chassis keeps the inbox, acknowledges
        after the commit, retries, splits a failing batch, and writes dead letters. A durable is never renamed:
        under another name it would hear everything again. Several types of one noun may share a durable, so
        that they stay in order.

        `projects` declares that the handler does nothing but keep these tables by `keep_newest`: an operator may
        then have it hear its events again, while the service runs.
        """
        if not durable.startswith(f"{self.service}-"):
            raise ValueError(f"durable {durable} must begin with {self.service}-")
        if durable in self._by_durable:
            raise ValueError(f"durable {durable} is taken")

        def register(handler: Callable[..., Awaitable[None]]) -> Handler:
            self._by_durable[durable] = Subscription(
                durable, types, handler, self._permanent, tuple(projects)
            )
            return handler

        return register

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_durable.values())
