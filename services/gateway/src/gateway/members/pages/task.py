"""A task's page, and what a member does with the task there."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel

from contracts.coordination import TaskState
from contracts.registry import OrganisationFacts
from gateway.clients import (
    Coordination,
    CoordinationClient,
    NotFoundError,
    Notifications,
    NotificationsClient,
    Plan,
    Registry,
    RegistryClient,
    ServiceRefusedError,
    ServiceUnavailableError,
    TaskView,
)
from gateway.members.pages import task_progress, task_units
from gateway.members.pages.task_request import shown_request
from gateway.sessions import SignedIn, check_csrf, signed_in
from gateway.web.error_pages import PageRoute
from gateway.web.page import AnyonesPage, Page, or_else, redirect, unread_count
from gateway.web.translations import msg

router = APIRouter(route_class=PageRoute, dependencies=[Depends(signed_in)])

LONGEST_NOTE = 2000
REASON_NEEDED = msg("Say why your unit declines, so that the task can be placed elsewhere.")
TOO_LONG = msg("Keep it under 2,000 characters.")
UNITS_TOO_MANY = msg("Choose at most 20 units or offices.")
UNITS_NEEDED = msg("Choose at least one unit or office.")
UNITS_UNKNOWN = msg("One of the units is not in the directory any more. Choose again.")


class TaskForm(BaseModel):
    """What a form held, to be shown again when it is not taken."""

    note: str = ""
    reason: str = ""
    assign_reason: str = ""
    units: list[str] | None = None


FIELDS = tuple(TaskForm.model_fields)


class TaskPage:
    """One member's page of a task, with the services it asks."""

    def __init__(
        self,
        page: AnyonesPage,
        session: SignedIn,
        coordination: Coordination,
        notifications: Notifications,
        registry: Registry,
    ) -> None:
        self.page: Page = page
        self.member = session.member_id
        self.coordination: CoordinationClient = coordination
        self.notifications: NotificationsClient = notifications
        self.registry: RegistryClient = registry

    async def show(
        self, task_id: UUID, *, sent: TaskForm | None = None, wrong: Mapping[str, str] | None = None
    ) -> Response:
        """Render the task; what only adds to it may be missing, the task itself may not."""
        task, plan, directory, unread = await asyncio.gather(
            self.coordination.task(task_id, actor=self.member),
            or_else(self.coordination.plan(), None),
            or_else(self.registry.organisations(), list[OrganisationFacts]()),
            unread_count(self.page, self.notifications),
        )
        page = replace(self.page, unread=unread, back_to=f"/tasks/{task_id}")
        kept = sent or TaskForm()
        return await page.html(
            "members/task.html",
            status=422 if wrong else 200,
            task=task,
            steps=task_progress.steps(task),
            history=task_progress.history(page, task),
            request=shown_request(page, task.partner_event),
            units=task_units.units(page, task.units, directory),
            choices=task_units.choices(page, directory, _ticked(task, kept)),
            result_title=_result_title(plan, task, page.language),
            kept=kept,
            wrong={field: page.gettext(message) for field, message in (wrong or {}).items()}
            | {field: "" for field in FIELDS if field not in (wrong or {})},
        )

    async def act(self, task_id: UUID, action: str, doing: Awaitable[TaskView], sent: TaskForm) -> Response:
        """Carry an action out and lead back to the task; what a form got wrong is said at its field."""
        try:
            task = await doing
        except ServiceRefusedError as refused:
            wrong = _wrong_fields(action, refused)
            if not wrong:
                raise
            return await self.show(task_id, sent=sent, wrong=wrong)
        flash = action if _fits(action, task) else "already"
        return redirect(self.page.request, f"/tasks/{task_id}", flash=flash)


MembersTaskPage = Annotated[TaskPage, Depends(TaskPage)]


@router.get("/tasks/{task_id}")
async def show(
    task_id: UUID, task_page: MembersTaskPage, request: Request, item: UUID | None = None
) -> Response:
    if item is not None and "prefetch" not in request.headers.get("Sec-Purpose", ""):
        # The member came from this item and so has read it. The task matters more than the mark.
        with suppress(ServiceUnavailableError, NotFoundError):
            await task_page.notifications.read(task_page.member, item, language=task_page.page.language)
    return await task_page.show(task_id)


@router.post("/tasks/{task_id}/accept", dependencies=[Depends(check_csrf)])
async def accept(task_id: UUID, task_page: MembersTaskPage) -> Response:
    return await task_page.act(
        task_id, "accept", task_page.coordination.accept(task_id, actor=task_page.member), TaskForm()
    )


@router.post("/tasks/{task_id}/start", dependencies=[Depends(check_csrf)])
async def start(task_id: UUID, task_page: MembersTaskPage) -> Response:
    return await task_page.act(
        task_id, "start", task_page.coordination.start(task_id, actor=task_page.member), TaskForm()
    )


@router.post("/tasks/{task_id}/complete", dependencies=[Depends(check_csrf)])
async def complete(task_id: UUID, task_page: MembersTaskPage, note: Annotated[str, Form()] = "") -> Response:
    note = written(note)
    sent = TaskForm(note=note)
    if len(note) > LONGEST_NOTE:
        return await task_page.show(task_id, sent=sent, wrong={"note": TOO_LONG})
    doing = task_page.coordination.complete(task_id, actor=task_page.member, note=note or None)
    return await task_page.act(task_id, "complete", doing, sent)


@router.post("/tasks/{task_id}/decline", dependencies=[Depends(check_csrf)])
async def decline(task_id: UUID, task_page: MembersTaskPage, reason: Annotated[str, Form()] = "") -> Response:
    reason = written(reason)
    sent = TaskForm(reason=reason)
    if not reason:
        return await task_page.show(task_id, sent=sent, wrong={"reason": REASON_NEEDED})
    if len(reason) > LONGEST_NOTE:
        return await task_page.show(task_id, sent=sent, wrong={"reason": TOO_LONG})
    doing = task_page.coordination.decline(task_id, actor=task_page.member, reason=reason)
    return await task_page.act(task_id, "decline", doing, sent)


@router.post("/tasks/{task_id}/assign", dependencies=[Depends(check_csrf)])
async def assign(
    task_id: UUID,
    task_page: MembersTaskPage,
    units: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form()] = "",
) -> Response:
    reason = written(reason)
    sent = TaskForm(units=units or [], assign_reason=reason)
    if not units:
        return await task_page.show(task_id, sent=sent, wrong={"units": UNITS_NEEDED})
    if len(reason) > LONGEST_NOTE:
        return await task_page.show(task_id, sent=sent, wrong={"assign_reason": TOO_LONG})
    doing = task_page.coordination.assign(task_id, actor=task_page.member, units=units, reason=reason or None)
    return await task_page.act(task_id, "assign", doing, sent)


def written(text: str) -> str:
    """Give a form's text as it was typed: browsers send each end of a line as two characters."""
    return text.replace("\r\n", "\n").strip()


def _ticked(task: TaskView, kept: TaskForm) -> Sequence[str]:
    """Which units the form shows as chosen: what was sent, an empty choice too, and nobody who did not choose."""
    if kept.units is not None:
        return kept.units
    return () if task.needs_routing else task.units


def _fits(action: str, task: TaskView) -> bool:
    """Whether the task stands where the action leaves it; one done long ago is answered with where it stands now."""
    others = {TaskState.STARTED} if len(task.units) > 1 else set[TaskState]()
    return task.state in {
        "accept": {TaskState.ACCEPTED, *others},
        "start": {TaskState.STARTED},
        "complete": {TaskState.COMPLETED, *others},
        "decline": {TaskState.DECLINED},
        "assign": {TaskState.OPENED},
    }.get(action, set[TaskState]())


def _wrong_fields(action: str, refused: ServiceRefusedError) -> dict[str, str]:
    """Which of our fields a 422 is about; another service's words are not shown, ours are in four languages."""
    if refused.status != 422:  # noqa: PLR2004
        return {}
    wrong: dict[str, str] = {}
    for error in refused.problem.get("errors", []):
        pointer, code = str(error.get("pointer", "")), str(error.get("code", ""))
        match action, pointer:
            case "assign", "/units":
                wrong["units"] = UNITS_NEEDED if code == "too-short" else UNITS_TOO_MANY
            case "assign", _ if pointer.startswith("/units/"):
                wrong["units"] = UNITS_UNKNOWN
            case "assign", "/reason":
                wrong["assign_reason"] = TOO_LONG
            case "complete", "/note":
                wrong["note"] = TOO_LONG
            case "decline", "/reason":
                wrong["reason"] = TOO_LONG if code.endswith("too-long") else REASON_NEEDED
            case _:
                pass
    return wrong


def _result_title(plan: Plan | None, task: TaskView, language: str) -> str | None:
    if plan is None:
        return None
    results = (r for objective in plan.objectives for output in objective.outputs for r in output.results)
    return next((r.title.in_language(language) for r in results if r.code == task.result), None)
