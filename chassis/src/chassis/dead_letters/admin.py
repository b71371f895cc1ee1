"""Dead letters, as operators handle them: found, read, mended, and ended with a record of who did it and why.

A letter is never deleted. It waits until it is replayed or discarded; what the message said stays as it was
delivered, and whatever is done to the letter adds a row to `dead_letter_records`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID

import orjson
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.tables import dead_letter_records, dead_letters
from chassis.database.transaction import Transaction
from chassis.field_errors import FieldError, field_errors
from chassis.messages import ContractError
from chassis.operators import Moment, Who, Words
from chassis.subscriptions.router import Subscription, Subscriptions
from contracts.event import Envelope

State = Literal["waiting", "replayed", "discarded"]
_IDENTITY = ("id", "source", "type", "subject", "time", "sequence", "site", "epoch", "to")
"""What an edit may not change: another event would be another message, and the inbox knows this one by its id."""


class UnknownLetterError(Exception):
    """There is no such letter."""


class LetterEndedError(Exception):
    """The letter was replayed or discarded; nothing changes it any more."""


class HandlerGoneError(Exception):
    """The service has no more the handler that the letter was meant for."""


class NotAnEventError(Exception):
    """A payload is not what its contract describes; `errors` name each field."""

    def __init__(self, detail: str, errors: Sequence[FieldError]) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class Selection(BaseModel):
    """Which letters: every condition that is given holds. Times are those of the letter's death."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    durable: Words | None = None
    type: Words | None = None
    error_class: Words | None = None
    state: State | Literal["any"] = "waiting"
    since: Moment | None = None
    before: Moment | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        column = dead_letters.c
        exact = {
            "durable": self.durable,
            "type": self.type,
            "error_class": self.error_class,
            "state": None if self.state == "any" else self.state,
        }
        found = [column[name] == value for name, value in exact.items() if value is not None]
        if self.since is not None:
            found.append(column.died_at >= self.since)
        if self.before is not None:
            found.append(column.died_at < self.before)
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a letter stands in the order of the stream; the cursor of everything that goes through many."""

    stream: str
    stream_sequence: int
    letter_id: UUID

    def __str__(self) -> str:
        return f"{self.stream}/{self.stream_sequence}/{self.letter_id}"

    @classmethod
    def read(cls, written: str) -> Self:
        """Read what `str` wrote; raises ValueError where it is something else."""
        stream, sequence, letter_id = written.split("/")
        if "\x00" in stream or not 0 <= int(sequence) < 2**63:
            raise ValueError(written)
        return cls(stream, int(sequence), UUID(letter_id))

    @classmethod
    def of(cls, letter: sa.Row[Any]) -> Self:
        return cls(letter.stream, letter.stream_sequence, letter.id)


IN_ORDER = (dead_letters.c.stream, dead_letters.c.stream_sequence, dead_letters.c.id)


async def find(
    session: AsyncSession, selection: Selection, *, after: UUID | None = None, limit: int = 50
) -> list[sa.Row[Any]]:
    """The newest letters first, those after (older than) a letter; a letter's id rises with the time it died."""
    statement = sa.select(dead_letters).where(*selection.conditions()).order_by(dead_letters.c.id.desc())
    if after is not None:
        statement = statement.where(dead_letters.c.id < after)
    return list((await session.execute(statement.limit(limit))).all())


async def count(session: AsyncSession, selection: Selection, *, after: Place | None = None) -> int:
    """How many letters are meant."""
    counted = sa.select(sa.func.count()).select_from(dead_letters).where(*_behind(selection, after))
    return await session.scalar(counted) or 0


async def in_order(
    session: AsyncSession, selection: Selection, *, after: Place | None, limit: int
) -> list[Place]:
    """The next letters in the order of the stream."""
    statement = sa.select(*IN_ORDER).where(*_behind(selection, after)).order_by(*IN_ORDER)
    return [Place(*row) for row in await session.execute(statement.limit(limit))]


def _behind(selection: Selection, after: Place | None) -> list[sa.ColumnElement[bool]]:
    conditions = selection.conditions()
    return conditions if after is None else [*conditions, beyond(after)]


def beyond(place: Place) -> sa.ColumnElement[bool]:
    """What stands behind this place in the order of the stream."""
    told = (sa.literal(place.stream), sa.literal(place.stream_sequence), sa.literal(place.letter_id))
    return sa.tuple_(*IN_ORDER) > sa.tuple_(*told)


async def read(session: AsyncSession, letter_id: UUID) -> sa.Row[Any]:
    """One letter, whatever became of it; raises UnknownLetterError where there is none."""
    letter = (await session.execute(sa.select(dead_letters).where(dead_letters.c.id == letter_id))).first()
    if letter is None:
        raise UnknownLetterError("There is no dead letter with this id.")
    return letter


async def records_of(session: AsyncSession, letter_id: UUID) -> list[sa.Row[Any]]:
    """What was done to a letter, the oldest first."""
    statement = sa.select(dead_letter_records).where(dead_letter_records.c.letter_id == letter_id)
    return list((await session.execute(statement.order_by(dead_letter_records.c.position))).all())


def payload_of(letter: sa.Row[Any]) -> bytes:
    """What a replay applies: the message as it was delivered, or as it was last edited; empty where it is gone."""
    return bytes(letter.payload if letter.edited_payload is None else letter.edited_payload)


async def edit(
    tx: Transaction, subscriptions: Subscriptions, letter_id: UUID, envelope: Mapping[str, Any], who: Who
) -> None:
    """Have a waiting letter say something else from now on; raises NotAnEventError with a pointer to each fault.

    The event stays the one it was: what identifies it, its order and its aggregate cannot be edited. The same
    content again changes nothing and leaves no record.
    """
    letter = await _locked(tx, letter_id)
    subscription = subscription_of(subscriptions, letter.durable)
    if faults := _faults(subscription, envelope) or _changed_identity(letter, envelope):
        raise NotAnEventError("The payload is not what its contract describes.", faults)
    before, after = payload_of(letter), _written(envelope)
    if _json(before) == envelope:
        return
    # The letter keeps the event id it was written with: by it the replay knows whether the inbox has the event.
    values = {"edited_payload": after, "type": envelope["type"]}
    await tx.session.execute(sa.update(dead_letters).where(dead_letters.c.id == letter_id).values(values))
    await record(tx, [letter_id], "edited", who, before=before, after=after)


async def discard(
    tx: Transaction,
    who: Who,
    *,
    ids: Sequence[UUID] = (),
    selection: Selection | None = None,
    limit: int = 1000,
) -> list[UUID]:
    """End waiting letters without applying them; returns those that were ended, `limit` of them at most."""
    found = sa.select(dead_letters.c.id).where(*_discardable(ids, selection)).order_by(dead_letters.c.id)
    found = found.limit(limit)
    locked = list(await tx.session.scalars(found.with_for_update()))
    await end(tx, locked, "discarded")
    await record(tx, locked, "discarded", who)
    return locked


async def count_discardable(
    session: AsyncSession, *, ids: Sequence[UUID] = (), selection: Selection | None = None
) -> int:
    """How many letters `discard` would end."""
    statement = sa.select(sa.func.count()).select_from(dead_letters).where(*_discardable(ids, selection))
    return await session.scalar(statement) or 0


def _discardable(ids: Sequence[UUID], selection: Selection | None) -> list[sa.ColumnElement[bool]]:
    chosen = selection.conditions() if selection is not None else [dead_letters.c.id.in_(ids)]
    return [dead_letters.c.state == "waiting", *chosen]


async def end(tx: Transaction, letters: Sequence[UUID], state: State) -> None:
    """Let letters wait no longer; the caller holds their rows."""
    ended = sa.update(dead_letters).where(dead_letters.c.id.in_(letters))
    await tx.session.execute(ended.values(state=state, ended_at=tx.now))


async def record(
    tx: Transaction,
    letters: Iterable[UUID],
    action: str,
    who: Who,
    *,
    before: bytes | None = None,
    after: bytes | None = None,
    outcome: str | None = None,
) -> None:
    """Write down what was done to letters, in the commit of its doing."""
    done = {
        "action": action,
        "at": tx.now,
        "caller": who.caller,
        "by": who.by,
        "reason": who.reason,
        "before": before,
        "after": after,
        "outcome": outcome,
    }
    if rows := [{"letter_id": letter, **done} for letter in letters]:
        await tx.session.execute(sa.insert(dead_letter_records), rows)


def subscription_of(subscriptions: Subscriptions, durable: str) -> Subscription:
    """The handler a letter was meant for; raises HandlerGoneError where the service has it no more."""
    found = next((one for one in subscriptions if one.durable == durable), None)
    if found is None:
        told = f"The service has no handler {durable} any more. The letter can only be discarded."
        raise HandlerGoneError(told)
    return found


async def _locked(tx: Transaction, letter_id: UUID) -> sa.Row[Any]:
    statement = sa.select(dead_letters).where(dead_letters.c.id == letter_id).with_for_update()
    letter = (await tx.session.execute(statement)).first()
    if letter is None:
        return await read(tx.session, letter_id)
    if letter.state != "waiting":
        raise LetterEndedError(f"The dead letter was {letter.state}; nothing changes it any more.")
    return letter


def _written(envelope: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(envelope)
    except orjson.JSONEncodeError as error:
        faults = [FieldError("", "not-writable", str(error).replace("%", "%%"))]
        raise NotAnEventError("The payload cannot be written as JSON.", faults) from error


def _faults(subscription: Subscription, payload: Mapping[str, Any]) -> list[FieldError]:
    try:
        envelope = Envelope.model_validate(payload)
    except ValidationError as error:
        return field_errors(error)
    try:
        subscription.parse(envelope)
    except ContractError as error:
        return [FieldError("/type", "not-heard", str(error).replace("%", "%%"))]
    except ValidationError as error:
        return field_errors(error, "/data")
    return []


def _changed_identity(letter: sa.Row[Any], payload: Mapping[str, Any]) -> list[FieldError]:
    try:
        original = Envelope.model_validate_json(letter.payload).model_dump(mode="json")
    except ValidationError:
        # What was never an event has no identity but the one it was known by, if any.
        original = {"id": str(letter.event_id)} if letter.event_id else {}
    changed = Envelope.model_validate(payload).model_dump(mode="json")
    return [
        FieldError(f"/{name}", "identity-changed", "An edit may not make another event of it.")
        for name in _IDENTITY
        if name in original and changed[name] != original[name]
    ]


def _json(written: bytes) -> Any:
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
