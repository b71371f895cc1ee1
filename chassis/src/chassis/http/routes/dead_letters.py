"""Dead letters over HTTP, the same in every service: for the operator alone, since they hold what people wrote."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import orjson
import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints, model_validator

from chassis.dead_letters.admin import (
    HandlerGoneError,
    LetterEndedError,
    NotAnEventError,
    Place,
    Selection,
    UnknownLetterError,
    count,
    count_discardable,
    discard,
    edit,
    find,
    in_order,
    read,
    records_of,
)
from chassis.field_errors import FieldError
from chassis.http.access import allow
from chassis.http.dependencies import Reading, Tx, service_of
from chassis.http.problems import Problem, Problems
from chassis.http.requests import RequestBody
from chassis.operators import Who, Words

router = APIRouter(prefix="/internal/dead-letters", include_in_schema=False)

PROBLEMS: Problems = {
    UnknownLetterError: (404, "no-such-dead-letter"),
    LetterEndedError: (409, "dead-letter-ended"),
    HandlerGoneError: (409, "no-such-handler"),
    NotAnEventError: (422, "not-an-event"),
}

Caller = Annotated[str, allow("operator")]
Told = Annotated[Words, StringConstraints(strip_whitespace=True, min_length=1)]
_DEEPEST = 50
"""Levels down to which a payload is shown as JSON; no event has more than a few."""
MOST = 500
"""Letters handled in one request at most; a caller with more goes on with `next`."""


class _Wanted(RequestBody):
    by: Told


class EditWanted(_Wanted):
    """A new payload: the whole envelope, with its data."""

    payload: dict[str, Any]
    reason: Told


class _Chosen(_Wanted):
    """Single letters, or all that a filter selects."""

    ids: list[UUID] | None = Field(default=None, min_length=1, max_length=MOST)
    filter: Selection | None = None
    dry_run: bool

    @model_validator(mode="after")
    def _one_way(self) -> "_Chosen":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or a filter")
        return self


class DiscardWanted(_Chosen):
    """Which letters end unapplied, and why."""

    reason: Told


class ReplayWanted(_Chosen):
    """Which letters are applied, how fast, and where an earlier request ended."""

    reason: Words = ""
    after: str | None = None
    limit: int = Field(default=100, ge=1, le=MOST)
    rate: float = Field(default=500, ge=0.1, le=10_000)


class ListWanted(Selection):
    """Which letters to list, and where an earlier page ended."""

    after: UUID | None = None
    limit: int = Field(default=50, ge=1, le=MOST)


@router.get("", dependencies=[allow("operator")])
async def list_letters(session: Reading, wanted: Annotated[ListWanted, Query()]) -> dict[str, Any]:
    """The newest letters first; `next` is the cursor of the next page, null on the last."""
    letters = await find(session, wanted, after=wanted.after, limit=wanted.limit + 1)
    more = len(letters) > wanted.limit
    shown = letters[: wanted.limit]
    return {
        "letters": [summary(letter) for letter in shown],
        "matching": await count(session, wanted),
        "next": shown[-1].id if more else None,
    }


@router.get("/{letter_id}", dependencies=[allow("operator")])
async def show_letter(session: Reading, letter_id: UUID) -> dict[str, Any]:
    """Everything about one letter."""
    return described(await read(session, letter_id), await records_of(session, letter_id))


@router.put("/{letter_id}/payload")
async def edit_letter(
    request: Request, caller: Caller, letter_id: UUID, wanted: EditWanted, tx: Tx
) -> dict[str, Any]:
    """Have the letter say something else; a fault is named by its pointer into the payload."""
    who = Who(caller, wanted.by, wanted.reason)
    await edit(tx, service_of(request).subscriptions, letter_id, wanted.payload, who)
    return described(await read(tx.session, letter_id), await records_of(tx.session, letter_id))


@router.post("/discard")
async def discard_letters(caller: Caller, wanted: DiscardWanted, tx: Tx) -> dict[str, Any]:
    """End waiting letters without applying them, `MOST` to a request; `remaining` says whether to ask again."""
    who = Who(caller, wanted.by, wanted.reason)
    ids, selection = wanted.ids or (), wanted.filter
    ended: list[UUID] = []
    if not wanted.dry_run:
        ended = await discard(tx, who, ids=ids, selection=selection, limit=MOST)
    left = await count_discardable(tx.session, ids=ids, selection=selection)
    return {"dry_run": wanted.dry_run, "discarded": ended, "remaining": left}


@router.post("/replay")
async def replay_letters(request: Request, caller: Caller, wanted: ReplayWanted) -> dict[str, Any]:
    """Apply letters in the order of the stream, a page of them or some seconds long, whichever ends first.

    `next` is where to go on: the same request again, with it as `after`. It is null at the end.
    """
    service = service_of(request)
    after = _place(wanted.after)
    places, beyond_page = list[Place](), 0
    if wanted.filter is not None:
        async with service.database.reading() as session:
            places = await in_order(session, wanted.filter, after=after, limit=wanted.limit)
            if len(places) == wanted.limit:
                beyond_page = await count(session, wanted.filter, after=places[-1])
    ids = wanted.ids or [place.letter_id for place in places]
    who = Who(caller, wanted.by, wanted.reason)
    replayed = await service.replayer.replay(ids, who, rate=wanted.rate, dry_run=wanted.dry_run, after=after)
    following = replayed.stopped_at or (places[-1] if beyond_page else None)
    return {
        "dry_run": wanted.dry_run,
        "results": [asdict(result) for result in replayed.results],
        "next": str(following) if following else None,
        "remaining": replayed.left + beyond_page,
    }


def _place(written: str | None) -> Place | None:
    try:
        return Place.read(written) if written is not None else None
    except ValueError as error:
        fault = FieldError("/after", "no-cursor", "Use the `next` of an earlier answer.")
        raise Problem(422, "invalid-request", "The request has fields to correct.", errors=[fault]) from error


def as_shown(payload: bytes | None) -> Any:
    """A payload for a reader: its JSON, or its text where it is none; None where there is nothing."""
    if not payload:
        return None
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
    return found if _is_flat(found, _DEEPEST) else payload.decode("utf-8", "replace")


def _is_flat(value: Any, levels: int) -> bool:
    """Whether nothing is nested deeper than that: what is, breaks those who write it out level by level."""
    inner: Iterable[Any] = ()
    if isinstance(value, (dict, list)):
        found = cast("dict[str, Any] | list[Any]", value)
        inner = found.values() if isinstance(found, dict) else found
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inner)


def summary(letter: sa.Row[Any]) -> dict[str, Any]:
    """What a list says of a letter: nothing of its content."""
    return {
        "id": letter.id,
        "state": letter.state,
        "durable": letter.durable,
        "type": letter.type,
        "event_id": letter.event_id,
        "error_class": letter.error_class,
        "trace_id": letter.trace_id,
        "attempts": len(letter.attempts),
        "edited": letter.edited_payload is not None,
        "died_at": _iso(letter.died_at),
        "ended_at": _iso(letter.ended_at),
        "stream": letter.stream,
        "stream_sequence": letter.stream_sequence,
    }


def described(letter: sa.Row[Any], records: Iterable[sa.Row[Any]]) -> dict[str, Any]:
    """Everything about a letter."""
    edited = letter.edited_payload
    return summary(letter) | {
        "nats_subject": letter.nats_subject,
        "dataschema": letter.dataschema,
        "error": letter.error,
        "attempts": letter.attempts,
        "payload": as_shown(bytes(letter.payload)),
        "edited_payload": None if edited is None else as_shown(bytes(edited)),
        "records": [
            {
                "action": one.action,
                "at": _iso(one.at),
                "caller": one.caller,
                "by": one.by,
                "reason": one.reason,
                "before": as_shown(one.before),
                "after": as_shown(one.after),
                "outcome": one.outcome,
            }
            for one in records
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
