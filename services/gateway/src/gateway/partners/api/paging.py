"""Where a list of events begins, and where it goes on: `since` pages forward, `before` back, one at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticKnownError

from chassis.http.problems import Problem
from chassis.ids import id_in
from gateway.http.faults import Fault, RefusalError, Sentence
from gateway.http.problems import refusal_as_problem
from gateway.journeys.workflows import Journey
from gateway.partners.domain.attributes import moment_of
from gateway.web.translations import msg

MOST = 200

_COUNT = re.compile(r"[0-9]{1,9}")


def _count(written: str | int) -> int:
    # pydantic also reads `1_0`, ` 5` and `5.0` as whole numbers.
    if isinstance(written, str) and not _COUNT.fullmatch(written):
        raise PydanticKnownError("int_parsing")
    return int(written)


def _event_id(written: str | UUID | None) -> UUID | None:
    if not isinstance(written, str):
        return written
    event_id = id_in(written)
    if event_id is None:
        raise PydanticKnownError("uuid_parsing", {"error": "not written as one"})
    return event_id


Limit = Annotated[
    # The bounds within, or OpenAPI would know nothing of them.
    Annotated[int, Field(ge=1, le=MOST)],
    BeforeValidator(_count),
    Query(description=msg("How many events a page holds at most.")),
]
Before = Annotated[
    UUID | None,
    BeforeValidator(_event_id),
    Query(description=msg("An `event_id` of yours: pages back, newest first, from before that event.")),
]
Since = Annotated[
    str | None,
    Query(
        max_length=64,
        description=msg(
            "An `event_id` of yours, or a time such as `2026-11-03T09:12:04Z`: pages forward, oldest first, from after "
            "that event, or from what was received at that time on. No event is left out, however many are sent at the "
            "same moment. Not together with `before`."
        ),
        openapi_examples={
            "an event": {"value": "01a2094f-3135-7379-98ef-a17e7f5abaa5"},
            "a time": {"value": "2026-11-03T09:12:04Z"},
        },
    ),
]


@dataclass(frozen=True)
class Forward:
    """From after one of the partner's events, or from a time on; `written` is how it was asked for."""

    since: UUID | datetime
    written: str

    def next(self, page: Sequence[Journey]) -> str:
        """What to ask for to go on: also where nothing has come yet, for more may come."""
        return str(page[-1].event_id) if page else self.written


def forward(since: str, before: UUID | None) -> Forward:
    """Read `since`; raises Problem where it names no place, or there are two."""
    if before is not None:
        both = Sentence("since and before exclude each other: the one pages forward, the other back.")
        raise refused("query:since", "not-together", both)
    # A plus that was not percent-encoded arrives as a blank.
    place = id_in(since) or moment_of(since.replace(" ", "+"))
    if place is None:
        sentence = Sentence(
            "This must be the event_id of one of your events, or a time such as 2026-03-31T09:30:00Z."
        )
        raise refused("query:since", "no-place", sentence)
    return Forward(place, since)


def no_such_place(parameter: str) -> Problem:
    """Say that the event to go on from is none of the partner's."""
    return refused(f"query:{parameter}", "no-such-event", Sentence("None of your events has this id."))


def refused(pointer: str, code: str, sentence: Sentence) -> Problem:
    """Refuse a request for one of its parameters."""
    told = Sentence("The request has fields to correct.")
    return refusal_as_problem(RefusalError(422, "invalid-request", told, [Fault(pointer, code, sentence)]))
