"""Calls to coordination: the plan, the tasks, and what a member does with them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from contracts.coordination import Actor, TaskFacts, TaskState
from contracts.event import EventId
from contracts.words import Labels, MemberId, OrganisationCode, TaskId
from gateway.clients.service_client import ServiceClient


class View(BaseModel):
    """What another service answers; fields it adds later are no concern of ours."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TaskCounts(View):
    """How many tasks of a result stand where."""

    opened: int = 0
    accepted: int = 0
    started: int = 0
    completed: int = 0
    declined: int = 0

    @property
    def total(self) -> int:
        return self.opened + self.accepted + self.started + self.completed + self.declined


class PlanResult(View):
    """A row of the action plan's table."""

    code: str
    title: Labels
    conclusions: tuple[str, ...] = ()
    pb: tuple[str, ...] = ()
    start: int
    end: int
    tasks: TaskCounts = TaskCounts()


class PlanOutput(View):
    """An output and its results."""

    code: str
    title: Labels
    results: tuple[PlanResult, ...]


class PlanObjective(View):
    """An objective, its outputs, and what it is estimated to cost."""

    code: str
    title: Labels
    short: Labels
    estimate_usd_million: Decimal
    outputs: tuple[PlanOutput, ...]


class Plan(View):
    """The action plan as coordination holds it now."""

    code: str
    version: int
    published_at: AwareDatetime
    objectives: tuple[PlanObjective, ...]


class PartnerEventView(View):
    """The partner's event behind a task, as it was sent."""

    type: str
    data: dict[str, Any]


class HistoryEntry(View):
    """One change in a task's life."""

    action: str | None = None
    state: TaskState
    units: tuple[str, ...] = ()
    at: AwareDatetime
    actor: Actor | None = None
    reason: str | None = None


class TaskView(TaskFacts):
    """A task with its history, and what the asking member may do with it now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequence: int
    event_id: EventId | None = None
    partner_event: PartnerEventView | None = None
    history: tuple[HistoryEntry, ...] = ()
    actions: tuple[str, ...] = ()


class CoordinationClient(ServiceClient):
    """Who does what by when."""

    service = "coordination"

    async def plan(self) -> Plan:
        return self._read(Plan, await self._call("GET", "/plan"))

    async def task(self, task_id: TaskId | UUID, *, actor: MemberId | None = None) -> TaskView:
        return self._read(TaskView, await self._call("GET", f"/tasks/{task_id}", actor=actor))

    async def accept(self, task_id: TaskId | UUID, *, actor: MemberId) -> TaskView:
        return await self._act(task_id, "accept", actor, {})

    async def start(self, task_id: TaskId | UUID, *, actor: MemberId) -> TaskView:
        return await self._act(task_id, "start", actor, {})

    async def complete(self, task_id: TaskId | UUID, *, actor: MemberId, note: str | None = None) -> TaskView:
        return await self._act(task_id, "complete", actor, {"note": note} if note else {})

    async def decline(self, task_id: TaskId | UUID, *, actor: MemberId, reason: str) -> TaskView:
        return await self._act(task_id, "decline", actor, {"reason": reason})

    async def assign(
        self,
        task_id: TaskId | UUID,
        *,
        actor: MemberId,
        units: Sequence[OrganisationCode],
        reason: str | None = None,
    ) -> TaskView:
        return await self._act(
            task_id, "assign", actor, {"units": [*units], **({"reason": reason} if reason else {})}
        )

    async def _act(self, task_id: UUID, action: str, actor: MemberId, body: dict[str, Any]) -> TaskView:
        content = await self._call("POST", f"/tasks/{task_id}/{action}", body=body, actor=actor)
        return self._read(TaskView, content)


async def coordination_of(request: Request) -> CoordinationClient:
    client: CoordinationClient = request.app.state.coordination
    return client


Coordination = Annotated[CoordinationClient, Depends(coordination_of)]
