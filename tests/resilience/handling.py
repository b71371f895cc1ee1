"""What handlers go through under fire: their effects are written down, and a share of their events fails for a while.

What was applied is noted in a table of the tests' own, in the transaction of the effect itself: so it tells what was
committed, and nothing that was rolled back. The inbox cannot tell that: an event is taken when it begins to wait.
"""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database.transaction import Transaction
from chassis.inbox.ordering import Backoff
from chassis.messages import Received, Retry
from chassis.subscriptions.router import Subscriptions

Handler = Callable[..., Awaitable[None]]

TROUBLE_FILE = "SSENET_TROUBLE_FILE"
EFFECTS = "effects_under_fire"
FIRST_DELAY = 0.2
"""Seconds until the second attempt, so that what waits is through within its seed; and yet longer than two events of
one key are apart."""
_NOTE = sa.text(f"""
INSERT INTO {EFFECTS} (durable, event_id)
SELECT :durable, event_id FROM unnest(CAST(:event_ids AS uuid[])) WITH ORDINALITY AS row (event_id, place)
ORDER BY place
""")  # noqa: S608 - our own text


def making_effects(service: str) -> str:
    """What makes the table, for the service's role to write and nobody to change."""
    return f"""
    CREATE TABLE {EFFECTS} (
        place bigint GENERATED ALWAYS AS IDENTITY, durable text NOT NULL, event_id uuid NOT NULL,
        work bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint);
    GRANT INSERT ON {EFFECTS} TO {service};
    """


class PlantedError(Exception):
    """Nothing is wrong with the event: the next attempt, or the one after it, will do."""


@dataclass(frozen=True)
class Trouble:
    """This share of the events that a durable hears fails, each up to so many times; drawn from the seed."""

    seed: int
    share: float = 0.08
    times: int = 2

    def written(self) -> str:
        return json.dumps(asdict(self))


class Troubled:
    """A handler as the tests have it handle."""

    def __init__(self, durable: str, handler: Handler, file: Path) -> None:
        self._durable = durable
        self._handler = handler
        self._file = file
        self._told = ""
        self._trouble: Trouble | None = None
        self._chance = random.Random()  # noqa: S311 - it is to be the same every time
        self._failures: dict[UUID, list[type[Exception]]] = {}
        """With what each event that was seen has still to fail."""

    def wrapped(self) -> Handler:
        """The handler, asking for what it asked for before."""

        @wraps(self._handler)
        async def troubled(*args: Any, **named: Any) -> None:
            [events] = [one for one in (*args, *named.values()) if isinstance(one, list)]
            [tx] = [one for one in (*args, *named.values()) if isinstance(one, Transaction)]
            await self._handle(events, tx, partial(self._handler, *args, **named))

        return troubled

    async def _handle(
        self, events: list[Received[Any]], tx: Transaction, handle: Callable[[], Awaitable[None]]
    ) -> None:
        """Handle them, and fail in the end: all that was done until then must be undone."""
        told = {"durable": self._durable, "event_ids": [one.envelope.id for one in events]}
        await tx.session.execute(_NOTE, told)
        await handle()
        self._learn()
        for one in events:
            if failures := self._failures_of(one.envelope.id):
                # Among others it is not found out yet: that costs it no attempt.
                raise failures.pop() if len(events) == 1 else failures[-1]

    def _learn(self) -> None:
        """Read how much trouble there is to be now; another amount begins from its own seed."""
        try:
            told = self._file.read_text(encoding="utf-8")
        except OSError:
            told = ""
        if told != self._told:
            self._told = told
            self._failures.clear()
            self._trouble = Trouble(**json.loads(told)) if told else None
            self._chance.seed(f"{self._durable} {told}")

    def _failures_of(self, event_id: UUID) -> list[type[Exception]]:
        if self._trouble is None:
            return []
        if event_id not in self._failures:
            fails = self._chance.random() < self._trouble.share
            times = self._chance.randint(1, self._trouble.times) if fails else 0
            self._failures[event_id] = [self._chance.choice((Retry, PlantedError)) for _ in range(times)]
        return self._failures[event_id]


def trouble_handlers(file: Path) -> None:
    """Have every handler that is declared from here on be a troubled one, and wait less for its next attempt."""
    from chassis.inbox import applier

    hears = Subscriptions.hears

    def hears_in_trouble(
        self: Subscriptions, *types: Any, durable: str, **more: Any
    ) -> Callable[[Handler], Any]:
        register = hears(self, *types, durable=durable, **more)
        return lambda handler: register(Troubled(durable, handler, file).wrapped())

    Subscriptions.hears = hears_in_trouble  # type: ignore[method-assign]
    applier.__dict__["Backoff"] = partial(Backoff, first=FIRST_DELAY)
