"""The partner API: events in, each with its own answer, and what became of them."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from chassis.http.dependencies import Reading, service_of
from chassis.http.problems import Problem
from chassis.telemetry.tracing import current_trace_id
from contracts.codes import Guesses
from gateway.clients import VerifiedKey
from gateway.http.budgets import Budget, OverBudgetError
from gateway.http.faults import Fault, RefusalError, Sentence
from gateway.http.negotiation import language_of
from gateway.http.problems import come_back, faults_in_words, refusal_as_problem, translated
from gateway.journeys.domain import Step
from gateway.journeys.paging import NoSuchPlaceError
from gateway.journeys.workflows import Journey, find_journey, journeys_before, journeys_since
from gateway.partners.api import endpoint_docs, paging
from gateway.partners.api.authentication import Poster, Reader, poster_of, sender_of
from gateway.partners.api.body import Bodies
from gateway.partners.api.rate_limits import RateLimiter
from gateway.partners.api.repeated_headers import refuse_repeated_headers
from gateway.partners.domain.attributes import Name, name_in
from gateway.partners.domain.batches import batch_in
from gateway.partners.domain.cloudevents import (
    MOST_GUESSES,
    RefusedEvent,
    SentEvent,
    is_said_by,
    read_batch,
    read_event,
)
from gateway.partners.domain.content_modes import Mode, mode_of, structured_from_headers
from gateway.partners.domain.json_text import parse_json
from gateway.partners.intake import (
    Accepted,
    Conflict,
    DryRun,
    EventName,
    Foreseen,
    Intake,
    NotYetPublishedError,
    find_stored,
    unpublished,
)
from gateway.web.translations import msg

router = APIRouter(tags=["events"])

DryRunWanted = Annotated[
    Literal["true", "false"],
    Query(
        description=msg(
            "`true`: what you send is checked and answered as if it had been sent, with 200 in the place of 202, "
            "and nothing of it is stored."
        )
    ),
]

LATER = "10"
"""Seconds after which a sender may look again when the broker was silent."""
SOON_READ = 16 * 1024
"""Bytes that are read at once: going beside the loop and back would take longer."""


async def post_events(request: Request, sender: Poster, dry_run: DryRunWanted = "false") -> Response:
    """Take one event or a batch. 202 means stored here and acknowledged by the network's broker."""
    intake = DryRun(service_of(request).database) if dry_run == "true" else _intake(request)
    rate_limiter: RateLimiter = request.app.state.rate_limiter
    bodies: Bodies = request.app.state.bodies
    try:
        mode = mode_of(
            request.headers.get("Content-Type"),
            request.headers.get("Content-Encoding"),
            attributes_in_headers="ce-specversion" in request.headers,
        )
        async with bodies.body_of(request, sender.partner, mode) as body:
            if mode is Mode.BATCH:
                # Beside the loop, as all that may take long: other senders would notice.
                events = await asyncio.to_thread(batch_in, body)
                rate_limiter.take_batch(request, sender.partner, len(events))
                return await _take_batch(request, sender, intake, events)
            try:
                sent = await _read_one(request, sender, mode, body, tell_ignored=isinstance(intake, DryRun))
            except RefusalError:
                event = await asyncio.to_thread(_event_in, request, mode, body)
                name = name_in(event)
                [before] = await _taken_before(request, sender, [(event, name)])
                if name is None or before is None:
                    raise
                return await _answer(request, intake, name.id, before)
            [outcome] = await intake.take(sender, [sent])
            if isinstance(outcome, Conflict):
                raise _conflict()
            return await _answer(request, intake, sent.attributes.id, outcome, sent.ignored)
    except RefusalError as error:
        raise refusal_as_problem(error) from error
    except NotYetPublishedError as error:
        raise _not_yet_published() from error


class PlainPosts(BaseRoute):
    """Carries out `POST /events` without parameters; all else it leaves to the route that is declared below.

    Tried first, and with nothing between the server and `post_events`: to find the declared route and to put its few
    arguments together takes FastAPI a fifth of all that the gateway does about an event.
    """

    path = "/events"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        plain = (
            scope["type"] == "http"
            and scope["path"] == self.path
            and scope["method"] == "POST"
            and not scope["query_string"]
        )
        return (Match.FULL, {"endpoint": post_events, "route": self}) if plain else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await refuse_repeated_headers(request)
        response = await post_events(request, await poster_of(request, await sender_of(request)))
        await response(scope, receive, send)


_POSTED: dict[str, Any] = {"methods": ["POST"], "status_code": 202}
router.add_api_route("/events/", post_events, include_in_schema=False, **_POSTED)
router.add_api_route("/events", post_events, **_POSTED, **endpoint_docs.POST_EVENTS)


@router.get("/events/", include_in_schema=False)
@router.get("/events", **endpoint_docs.GET_EVENTS)
async def list_events(
    request: Request,
    sender: Reader,
    limit: paging.Limit = 50,
    before: paging.Before = None,
    since: paging.Since = None,
) -> Response:
    """List your latest events, newest first; or those since an event or a time, oldest first."""
    lists: Budget = request.app.state.lists
    try:
        # One after another: a list is put together on the loop, and others want it, too.
        async with lists.share(sender.partner, 1), service_of(request).database.reading() as session:
            journeys, following = await _listed(session, sender.partner, limit, before, since)
    except OverBudgetError as error:
        raise come_back(error) from error
    except NoSuchPlaceError as error:
        raise paging.no_such_place("before" if since is None else "since") from error
    return _json(200, {"events": [_journey_json(one) for one in journeys], "next": following})


async def _listed(
    session: AsyncSession, partner: str, limit: int, before: UUID | None, since: str | None
) -> tuple[list[Journey], str | None]:
    if since is None:
        journeys = await journeys_before(session, partner, before, limit=limit)
        return journeys, str(journeys[-1].event_id) if len(journeys) == limit else None
    start = paging.forward(since, before)
    journeys = await journeys_since(session, partner, start.since, limit=limit)
    return journeys, start.next(journeys)


@router.get("/events/{name:path}", **endpoint_docs.GET_EVENT)
async def read_journey(
    name: Annotated[str, Path(description=msg("Our `event_id`, or the `id` you sent."))],
    sender: Reader,
    session: Reading,
    source: Annotated[str | None, Query(description=msg("Where one id came from several sources."))] = None,
) -> Response:
    """Tell what became of one of your events."""
    # No source holds a blank: it is the plus of one whose address was not encoded.
    journey = await find_journey(session, sender.partner, name, source=source and source.replace(" ", "+"))
    if journey is None:
        raise Problem(404, "no-such-event", "None of your events has this id.")
    return _json(200, _journey_json(journey))


async def _read_one(
    request: Request, sender: VerifiedKey, mode: Mode, body: bytes, *, tell_ignored: bool
) -> SentEvent:
    now = service_of(request).database.clock()

    def read(guesses: int) -> SentEvent:
        event = _event_in(request, mode, body)
        return read_event(event, now=now, sender=sender, guesses=Guesses(guesses), tell_ignored=tell_ignored)

    if len(body) <= SOON_READ and not tell_ignored:
        try:
            return read(guesses=0)
        except RefusalError:
            # What is wrong is told with what was probably meant, and guessing takes its time.
            pass
    return await asyncio.to_thread(read, MOST_GUESSES)


def _event_in(request: Request, mode: Mode, body: bytes) -> object:
    if mode is Mode.STRUCTURED:
        return parse_json(body)
    content_type = request.headers.get("Content-Type", "application/json")
    return structured_from_headers(request.headers.items(), content_type, body)


async def _taken_before(
    request: Request, sender: VerifiedKey, refused: Sequence[tuple[object, Name | None]]
) -> list[Accepted | None]:
    """Find what was taken as it stands, and would be no more: a day has passed since, or a grant was withdrawn.

    Whoever sends it again, for want of an answer, learns that it was taken.
    """
    names = [name and EventName(sender.partner, *name) for _, name in refused]
    stored = await find_stored(service_of(request).database, list({name for name in names if name}))

    def taken(event: object, name: EventName | None) -> Accepted | None:
        found = stored.get(name) if name else None
        if name is None or found is None or not is_said_by(event, found.content_sha256):
            return None
        return Accepted(found.event_id, found.trace_id, already=True)

    if not stored:
        return [None] * len(refused)
    return await asyncio.to_thread(
        lambda: [taken(event, name) for (event, _), name in zip(refused, names, strict=True)]
    )


async def _answer(
    request: Request,
    intake: Intake | DryRun,
    sent_id: str,
    outcome: Accepted | Foreseen,
    ignored: Sequence[Fault] = (),
) -> Response:
    if isinstance(intake, DryRun):
        told = {
            **_taken_json(sent_id, outcome),
            **_ignored_json(ignored, language_of(*request.headers.getlist("Accept-Language"))),
        }
        return _json(200, {**told, "http_status": 202, "dry_run": True})
    assert isinstance(outcome, Accepted)
    await _await_broker(request, [outcome])
    return _json(202, _taken_json(sent_id, outcome), {"Location": f"/events/{outcome.event_id}"})


async def _take_batch(
    request: Request, sender: VerifiedKey, intake: Intake | DryRun, events: Sequence[object]
) -> Response:
    now = service_of(request).database.clock()
    read = await asyncio.to_thread(
        read_batch, events, now=now, sender=sender, tell_ignored=isinstance(intake, DryRun)
    )
    # First, so that none is found to be one of its own batch.
    refused = [
        (event, one.name) for event, one in zip(events, read, strict=True) if isinstance(one, RefusedEvent)
    ]
    before = iter(await _taken_before(request, sender, refused) if refused else ())
    good = [event for event in read if isinstance(event, SentEvent)]
    outcomes = iter(await intake.take(sender, good) if good else ())
    settled = [(one, next(outcomes) if isinstance(one, SentEvent) else next(before) or one) for one in read]
    if isinstance(intake, Intake):
        await _await_broker(request, [outcome for _, outcome in settled if isinstance(outcome, Accepted)])
    write = partial(
        _batch_answer,
        settled,
        language=language_of(*request.headers.getlist("Accept-Language")),
        trace_id=current_trace_id(),
        dry_run=isinstance(intake, DryRun),
    )
    return await asyncio.to_thread(write)


def _batch_answer(
    settled: Sequence[tuple[SentEvent | RefusedEvent, Accepted | Foreseen | Conflict | RefusedEvent]],
    *,
    language: str,
    trace_id: str | None,
    dry_run: bool,
) -> Response:
    results = [
        {"index": index, **_result(sent, outcome, language)} for index, (sent, outcome) in enumerate(settled)
    ]
    refused = sum(result["status"] == "refused" for result in results)
    body = {
        "accepted": len(results) - refused,
        "refused": refused,
        "trace_id": trace_id,
        "results": results,
    }
    if dry_run:
        return _json(200, {**body, "dry_run": True})
    return _json(200 if refused else 202, body)


def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.intake
    return intake


async def _await_broker(request: Request, taken: Sequence[Accepted]) -> None:
    """Wait for what came at an earlier attempt and is not published yet; for what is new, the intake has waited."""
    service = service_of(request)
    waiting = await unpublished(service.database, taken)
    if waiting:
        try:
            await service.wait_until_published(waiting, timeout=request.app.state.publish_timeout)
        except TimeoutError as error:
            raise NotYetPublishedError from error


def _not_yet_published() -> Problem:
    return Problem(
        503,
        "not-yet-published",
        "What you sent is stored and will be published, but the broker has not confirmed it yet. "
        "Send the same again to learn when it has: nothing is taken twice.",
        headers={"Retry-After": LATER},
    )


def _conflict() -> RefusalError:
    return RefusalError(
        409,
        "id-taken",
        Sentence("You sent another event with the same source and id before. A new event needs a new id."),
        [Fault("/id", "id-taken", Sentence("This id stands for an event with other content."))],
    )


def _result(
    sent: SentEvent | RefusedEvent, outcome: Accepted | Foreseen | Conflict | RefusedEvent, language: str
) -> dict[str, Any]:
    sent_id = sent.attributes.id if isinstance(sent, SentEvent) else sent.id
    if isinstance(outcome, Accepted | Foreseen):
        ignored = sent.ignored if isinstance(sent, SentEvent) else ()
        return {**_taken_json(sent_id or "", outcome), **_ignored_json(ignored, language), "http_status": 202}
    error = outcome.error if isinstance(outcome, RefusedEvent) else _conflict()
    problem = translated(refusal_as_problem(error), language)
    return {
        "id": sent_id,
        "status": "refused",
        "http_status": problem.status,
        "problem": problem.as_json(),
    }


def _taken_json(sent_id: str, taken: Accepted | Foreseen) -> dict[str, Any]:
    told = {"id": sent_id, "status": "already_accepted" if taken.already else "accepted"}
    if isinstance(taken, Foreseen):
        return {**told, "trace_id": current_trace_id()}
    return {
        **told,
        "event_id": taken.event_id,
        "trace_id": taken.trace_id,
        "status_url": f"/events/{taken.event_id}",
    }


def _ignored_json(ignored: Sequence[Fault], language: str) -> dict[str, Any]:
    return {"ignored": faults_in_words(ignored, language)} if ignored else {}


def _journey_json(journey: Journey) -> dict[str, Any]:
    return {
        "event_id": journey.event_id,
        "id": journey.sent_id,
        "source": journey.source,
        "type": journey.type,
        "received_at": journey.received_at,
        "trace_id": journey.trace_id,
        "status": journey.status,
        "steps": [_step_json(step) for step in journey.steps],
    }


def _step_json(step: Step) -> dict[str, Any]:
    task = {"task_id": step.task_id} if step.task_id else {}
    return {"name": step.name, "at": step.at, **task, **step.detail}


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        # asyncpg's UUIDs are a kind of their own, which only `str` knows how to write.
        orjson.dumps(body, default=str, option=orjson.OPT_UTC_Z),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )
