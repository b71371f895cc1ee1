"""HTTP in: the plan with its progress, tasks, and what members do with them."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chassis.field_errors import FieldError
from chassis.http.access import allow
from chassis.http.dependencies import ActorId, Reading, Tx
from chassis.http.problems import Problem
from chassis.http.requests import RequestBody
from contracts.coordination import TaskState
from contracts.words import MemberId, OrganisationCode, TaskId
from coordination import views, workflows
from coordination.domain.tasks import Action, NoSuchTaskError
from coordination.tables import tasks as stored
from coordination.views import PlanView, TaskSummary, TaskView
from coordination.workflows.tasks import UnknownUnitsError


async def _acting(actor: ActorId) -> MemberId | None:
    return MemberId(actor) if actor else None


Acting = Annotated[MemberId | None, Depends(_acting)]
"""The member on whose behalf the caller acts."""

Caller = Annotated[str, allow("gateway", "operator")]
router = APIRouter(dependencies=[allow("gateway", "operator")])

# Tab, line feed and carriage return are text. PostgreSQL cannot hold U+0000, and no page should show the others.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _without_controls(text: str) -> str:
    if found := _CONTROLS.search(text):
        raise PydanticCustomError(
            "control_character",
            "The text holds the control character {value}, which cannot be stored.",
            {"value": f"U+{ord(found[0]):04X}"},
        )
    return text


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(_without_controls),
]


class Completion(RequestBody):
    """What came of it, for those who follow the task."""

    note: Words | None = None


class Refusal(RequestBody):
    """Why the unit cannot take the task; the coordinator reads it to place the task elsewhere."""

    reason: Words


class Assignment(RequestBody):
    """Which units and offices are to act, each on its own part."""

    units: Annotated[list[OrganisationCode], Field(min_length=1, max_length=20)]
    reason: Words | None = None


@router.get("/plan")
async def plan(session: Reading) -> PlanView:
    """Show the newest version of the plan, and how many tasks stand where under each result."""
    found = await views.plan_view(session)
    if found is None:
        raise Problem(404, "no-plan", "No action plan has been published yet.")
    return found


@router.get("/tasks", dependencies=[allow("operator")])
async def tasks(
    session: Reading,
    *,
    state: TaskState | None = None,
    organisation: OrganisationCode | None = None,
    needs_routing: bool | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[TaskSummary]:
    """List tasks, newest first; `before` is the `task_id` that the page before ended with."""
    found = await stored.found(
        session,
        state=state,
        organisation=organisation,
        needs_routing=needs_routing,
        before=before,
        limit=limit,
    )
    return [views.task_summary(row) for row in found]


@router.get("/tasks/{task_id}")
async def task(caller: Caller, task_id: TaskId, session: Reading, actor: Acting) -> TaskView:
    """Show a task with its history, and what the acting member may do with it now.

    It is shown to whom it concerns; who runs the network may look at any, and says so by acting for nobody.
    """
    row = await session.get(stored.TaskRow, task_id)
    if row is None:
        raise NoSuchTaskError
    if caller != "operator" or actor is not None:
        await workflows.refuse_strangers(session, row, actor)
    return await views.task_view(session, row, actor)


@router.post("/tasks/{task_id}/accept")
async def accept(task_id: TaskId, tx: Tx, actor: Acting) -> TaskView:
    """Take the task on for one's unit. Repeating it changes nothing; so it is with each action below."""
    row = await workflows.act(tx, task_id, Action.ACCEPT, actor)
    return await views.task_view(tx.session, row, actor)


@router.post("/tasks/{task_id}/start")
async def start(task_id: TaskId, tx: Tx, actor: Acting) -> TaskView:
    """Say that work has begun."""
    row = await workflows.act(tx, task_id, Action.START, actor)
    return await views.task_view(tx.session, row, actor)


@router.post("/tasks/{task_id}/complete")
async def complete(task_id: TaskId, tx: Tx, actor: Acting, body: Completion | None = None) -> TaskView:
    """Finish one's unit's part; the task is completed once every unit has."""
    note = body.note if body else None
    row = await workflows.act(tx, task_id, Action.COMPLETE, actor, reason=note)
    return await views.task_view(tx.session, row, actor)


@router.post("/tasks/{task_id}/decline")
async def decline(task_id: TaskId, tx: Tx, actor: Acting, body: Refusal) -> TaskView:
    """Give the task back to the coordinator, with the reason."""
    row = await workflows.act(tx, task_id, Action.DECLINE, actor, reason=body.reason)
    return await views.task_view(tx.session, row, actor)


@router.post("/tasks/{task_id}/assign")
async def assign(task_id: TaskId, tx: Tx, actor: Acting, body: Assignment) -> TaskView:
    """Place the task with these units, as the coordinator; it stands opened there."""
    try:
        row = await workflows.assign(tx, task_id, body.units, actor, reason=body.reason)
    except UnknownUnitsError as error:
        errors = [
            FieldError(
                f"/units/{place}", "unknown-unit", "No unit or office has the code %(code)s.", {"code": code}
            )
            for place, code in error.unknown.items()
        ]
        raise Problem(422, "invalid-request", "The request has fields to correct.", errors=errors) from error
    return await views.task_view(tx.session, row, actor)
