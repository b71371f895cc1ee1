"""Dead letters applied after all, each once: inbox, effect and the letter's end share one commit.

A letter that fails again stays where it is, with one more attempt in its history. A dry run does the same work and
takes it back, batch by batch: each batch is tried on what is stored now, without the effects of the batches before it.
So it tells what would become of each letter alone, and less of letters that build on each other.
"""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
import structlog
from pydantic import ValidationError

from chassis.database.engine import Database, is_database_away
from chassis.database.tables import dead_letters
from chassis.database.transaction import Transaction
from chassis.dead_letters.admin import IN_ORDER, Place, beyond, end, payload_of, record
from chassis.dead_letters.store import described, failed_attempt
from chassis.messages import ContractError, Received
from chassis.operators import Who
from chassis.subscriptions.router import Subscription, Subscriptions
from chassis.telemetry import metrics
from chassis.telemetry.tracing import well_formed
from contracts.event import Envelope

log = structlog.get_logger()

BATCH = 100
"""Letters applied in one transaction at most."""
SECONDS = 5.0
"""How long one call goes on at most, but for the batch in hand: whoever asked must not take silence for an outage."""
_FIRST = 8
_QUICK, _SLOW = 0.5, 1.5

Outcome = Literal["applied", "already_applied", "failed", "not_waiting", "unknown", "no_handler"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became, or in a dry run would become, of one letter.

    `already_applied` ends the letter too: its event had its effect by another way. `announced` counts events.
    """

    letter_id: UUID
    outcome: Outcome
    durable: str | None = None
    detail: str | None = None
    announced: int | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the letters that were reached; the last one's place, and how many are left, where time ran out."""

    results: list[Result]
    stopped_at: Place | None = None
    left: int = 0


# A letter with an event's id was taken into the inbox by the commit that wrote it: there is nothing to ask of it then.
_TAKE = sa.text("""
INSERT INTO inbox (durable, event_id, applied_at)
SELECT :durable, event_id, :now FROM unnest(CAST(:event_ids AS uuid[])) AS event_id
ON CONFLICT DO NOTHING RETURNING event_id
""")


class _TakenBack(Exception):  # noqa: N818 - no error: the way out of a dry run's transaction
    pass


class Pacer:
    """Lets so many letters a second through, over all replays of this process."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def take(self, letters: int, *, rate: float) -> None:
        """Wait for the turn of the next letters, at `rate` a second."""
        now = asyncio.get_running_loop().time()
        turn = max(self._free_at, now)
        self._free_at = turn + letters / rate
        await asyncio.sleep(turn - now)

    def next_turn(self) -> float:
        """When the next letters can go, on the loop's clock."""
        return max(self._free_at, asyncio.get_running_loop().time())


class Replayer:
    """Replays one service's dead letters."""

    def __init__(self, subscriptions: Subscriptions, database: Database, *, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._subscriptions = {one.durable: one for one in subscriptions}
        self._database = database
        self._pacer = Pacer()

    async def replay(
        self, ids: Sequence[UUID], who: Who, *, rate: float, dry_run: bool, after: Place | None = None
    ) -> Replayed:
        """Replay these letters in the order of the stream, those behind a place where it is given; a result for each.

        When the time for one call is over it stops between two batches, and says where: the same call goes on
        `after` that place. Each letter is applied once however often and by however many it is replayed. Raises what
        `is_database_away` knows when the database is: what was committed by then stays so, and a repeat goes on.
        """
        found = await self._found(ids, after)
        known = {letter.id for letter in found}
        results = {} if after else {one: Result(one, "unknown") for one in ids if one not in known}
        clock = asyncio.get_running_loop().time
        deadline, done = clock() + self.seconds, 0
        most, size = max(1, min(BATCH, int(rate / 4))), _FIRST
        while done < len(found) and (not done or self._pacer.next_turn() < deadline):
            batch = found[done : done + min(size, most)]
            await self._pacer.take(len(batch), rate=rate)
            began = clock()
            results |= await self._apply(batch, who, dry_run=dry_run)
            done += len(batch)
            size = _next_size(size, took=clock() - began)
        left = len(found) - done
        told = [results[one] for one in ids if one in results]
        return Replayed(told, Place.of(found[done - 1]) if left else None, left)

    async def _found(self, ids: Sequence[UUID], after: Place | None) -> Sequence[sa.Row[Any]]:
        statement = sa.select(dead_letters).where(dead_letters.c.id.in_(ids)).order_by(*IN_ORDER)
        if after is not None:
            statement = statement.where(beyond(after))
        async with self._database.reading() as session:
            return (await session.execute(statement)).all()

    async def _apply(self, letters: Sequence[sa.Row[Any]], who: Who, *, dry_run: bool) -> dict[UUID, Result]:
        results: dict[UUID, Result] = {}
        by_durable: dict[str, list[UUID]] = {}
        for letter in letters:
            if letter.state != "waiting":
                told = f"it was {letter.state}"
                results[letter.id] = Result(letter.id, "not_waiting", letter.durable, told)
            elif letter.durable not in self._subscriptions:
                results[letter.id] = Result(letter.id, "no_handler", letter.durable)
            else:
                by_durable.setdefault(letter.durable, []).append(letter.id)
        for durable, batch in by_durable.items():
            batches = _Batches(self._subscriptions[durable], self._database, who, dry_run=dry_run)
            results |= {one.letter_id: one for one in await batches.apply(batch)}
        return results


def _next_size(size: int, *, took: float) -> int:
    """Larger batches cost less, and smaller ones are sooner over: how many letters to apply together next."""
    if took < _QUICK:
        return min(size * 2, BATCH)
    return max(1, size // 2) if took > _SLOW else size


class _Batches:
    """Applies letters of one durable, a batch to a commit; a failed batch is halved until the guilty stand alone."""

    def __init__(self, subscription: Subscription, database: Database, who: Who, *, dry_run: bool) -> None:
        self._subscription = subscription
        self._database = database
        self._who = who
        self._dry_run = dry_run

    async def apply(self, letters: Sequence[UUID]) -> list[Result]:
        """Apply the letters in the order they are given, and say what became of each."""
        results: list[Result] = []
        try:
            # What is raised inside takes the transaction back; the results are those of a run that would commit.
            with suppress(_TakenBack):
                async with self._database.transaction() as tx:
                    results = await self._apply_in(tx, letters)
                    if self._dry_run:
                        await tx.write_announcements()
                        raise _TakenBack
        except Exception as error:
            if is_database_away(error):
                raise
            if len(letters) > 1:
                middle = len(letters) // 2
                return [*await self.apply(letters[:middle]), *await self.apply(letters[middle:])]
            return [await self._failed(letters[0], error)]
        if not self._dry_run:
            done = sum(one.outcome == "applied" for one in results)
            metrics.applied.labels(self._subscription.durable).inc(done)
            log.info(
                "dead letters replayed",
                durable=self._subscription.durable,
                letters=len(results),
                applied=done,
            )
        return results

    async def _apply_in(self, tx: Transaction, letters: Sequence[UUID]) -> list[Result]:
        held = await self._held(tx, letters)
        received = {letter_id: self._received(letter) for letter_id, letter in held.items()}
        repeated = await self._applied_otherwise(tx, held, received)
        fresh = [one for letter_id, one in received.items() if letter_id not in repeated]
        if fresh:
            await self._subscription.handle(fresh, tx)
        results = [self._result(tx, letter_id, received.get(letter_id), repeated) for letter_id in letters]
        await end(tx, list(held), "replayed")
        for outcome in ("applied", "already_applied"):
            ended = [one.letter_id for one in results if one.outcome == outcome]
            await record(tx, ended, "replayed", self._who, outcome=outcome)
        return results

    def _result(
        self, tx: Transaction, letter_id: UUID, received: Received[Any] | None, repeated: AbstractSet[UUID]
    ) -> Result:
        durable = self._subscription.durable
        if received is None:
            return Result(letter_id, "not_waiting", durable, "it has ended meanwhile")
        if letter_id in repeated:
            return Result(letter_id, "already_applied", durable)
        return Result(letter_id, "applied", durable, announced=tx.announced_for(received.envelope.id))

    async def _applied_otherwise(
        self, tx: Transaction, held: Mapping[UUID, sa.Row[Any]], received: Mapping[UUID, Received[Any]]
    ) -> set[UUID]:
        """Take the letters' events into the inbox; returns the letters whose event had been applied by another way."""
        ids = {letter_id: one.envelope.id for letter_id, one in received.items()}
        told = {"durable": self._subscription.durable, "event_ids": sorted(ids.values()), "now": tx.now}
        new = set((await tx.session.scalars(_TAKE, told)).all())
        repeated: set[UUID] = set()
        for letter_id, event_id in ids.items():
            taken_by_letter = held[letter_id].event_id == event_id
            if event_id not in new and not taken_by_letter:
                repeated.add(letter_id)
            # A second letter of the same batch that says the same event is a repeat of the first.
            new.discard(event_id)
        return repeated

    async def _held(self, tx: Transaction, letters: Sequence[UUID]) -> dict[UUID, sa.Row[Any]]:
        """The letters' rows, locked, as far as they wait; by their ids, in the order they are given."""
        waiting = (dead_letters.c.id.in_(letters)) & (dead_letters.c.state == "waiting")
        # Locked in the order of their ids: two replays of the same letters cannot wait for each other.
        statement = sa.select(dead_letters).where(waiting).order_by(dead_letters.c.id).with_for_update()
        found = {row.id: row for row in await tx.session.execute(statement)}
        return {letter_id: found[letter_id] for letter_id in letters if letter_id in found}

    def _received(self, letter: sa.Row[Any]) -> Received[Any]:
        payload = payload_of(letter)
        if not payload:
            raise ContractError("the stream holds the event no more; an edit can supply it")
        try:
            envelope = Envelope.model_validate_json(payload)
            event = self._subscription.parse(envelope)
        except ValidationError as error:
            faults = (f"{'/'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors())
            raise ContractError("; ".join(faults)) from error
        return Received(envelope, event, well_formed(envelope.traceparent))

    async def _failed(self, letter_id: UUID, error: Exception) -> Result:
        told = described(error)
        result = Result(letter_id, "failed", self._subscription.durable, told)
        if self._dry_run:
            return result
        log.warning(
            "dead letter failed again", durable=self._subscription.durable, error_class=type(error).__name__
        )
        metrics.failed.labels(self._subscription.durable).inc()
        async with self._database.transaction() as tx:
            for letter in (await self._held(tx, [letter_id])).values():
                attempt = failed_attempt(len(letter.attempts) + 1, error, now=tx.now)
                values = {
                    "attempts": [*letter.attempts, attempt | {"replayed_by": self._who.by}],
                    "error_class": type(error).__name__,
                    "error": told,
                }
                await tx.session.execute(
                    sa.update(dead_letters).where(dead_letters.c.id == letter_id).values(values)
                )
                await record(tx, [letter_id], "failed", self._who, outcome=told)
        return result
