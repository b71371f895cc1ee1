"""What coordination answers: the plan with its progress, and tasks with their history."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.coordination import Actor, TaskFacts, TaskState
from contracts.words import Labels, MemberId
from coordination.domain.tasks import Action, actions_of
from coordination.tables import directory
from coordination.tables import plan as plans
from coordination.tables import tasks as stored
from coordination.tables.tasks import TaskChange, TaskRow


class View(BaseModel):
    """Part of an answer; made from rows by the names they share."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class TaskCounts(View):
    """How many tasks of a result stand where."""

    opened: int = 0
    accepted: int = 0
    started: int = 0
    completed: int = 0
    declined: int = 0


class ResultView(View):
    """A result of the plan, what it serves, and its tasks."""

    code: str
    title: Labels
    conclusions: tuple[str, ...]
    pb: tuple[str, ...]
    start: int
    end: int
    tasks: TaskCounts


class OutputView(View):
    code: str
    title: Labels
    results: tuple[ResultView, ...]


class ObjectiveView(View):
    """An objective with its estimate in exact digits."""

    code: str
    title: Labels
    short: Labels
    estimate_usd_million: Decimal
    outputs: tuple[OutputView, ...]


class PlanView(View):
    """The newest version of the plan."""

    code: str
    version: int
    published_at: AwareDatetime
    objectives: tuple[ObjectiveView, ...]


class PartnerEventView(View):
    """The partner's event behind a task, as it was sent."""

    type: str
    data: dict[str, Any]


class ChangeView(View):
    """One change in a task's life, by whom, and where it stood after."""

    action: str
    state: TaskState
    units: tuple[str, ...]
    at: AwareDatetime
    actor: Actor | None
    reason: str | None


class TaskSummary(TaskFacts):
    """A task in a list: what is known of it now, and the partner event it came from."""

    sequence: int
    event_id: UUID


class TaskView(TaskSummary):
    """A task with its history, and what the asking member may do with it now."""

    partner_event: PartnerEventView
    history: tuple[ChangeView, ...]
    actions: tuple[Action, ...]


async def plan_view(session: AsyncSession) -> PlanView | None:
    """Show the newest version of the plan; None before the first was published."""
    found = await plans.newest(session)
    if found is None:
        return None
    plan, version = found
    counts = await stored.counted_by_result(session)
    outputs = await plans.parts(session, plans.PlanOutput, version)
    results = await plans.parts(session, plans.PlanResult, version)
    links = await plans.parts(session, plans.PlanLink, version)

    def result_view(result: plans.PlanResult) -> ResultView:
        served = links.get(result.code, [])
        return ResultView(
            code=result.code,
            title=Labels.model_validate(result.title),
            conclusions=tuple(link.code for link in served if link.kind == "conclusions"),
            pb=tuple(link.code for link in served if link.kind == "programme"),
            start=result.first_year,
            end=result.last_year,
            tasks=TaskCounts.model_validate(counts.get(result.code, {})),
        )

    def output_view(output: plans.PlanOutput) -> OutputView:
        under = tuple(result_view(result) for result in results.get(output.code, []))
        return OutputView(code=output.code, title=Labels.model_validate(output.title), results=under)

    objectives = (await plans.parts(session, plans.PlanObjective, version)).get("", [])
    return PlanView(
        code=plan.code,
        version=version.version,
        published_at=version.published_at,
        objectives=tuple(
            ObjectiveView(
                code=objective.code,
                title=Labels.model_validate(objective.title),
                short=Labels.model_validate(objective.short),
                estimate_usd_million=objective.estimate_usd_million,
                outputs=tuple(output_view(output) for output in outputs.get(objective.code, [])),
            )
            for objective in objectives
        ),
    )


def task_summary(row: TaskRow) -> TaskSummary:
    """Show a task in a list."""
    return TaskSummary.model_validate(stored.facts_of(row) | _where_from(row), extra="forbid")


async def task_view(session: AsyncSession, row: TaskRow, member_id: MemberId | None) -> TaskView:
    """Show a task whole, to this member."""
    history = await stored.history_of(session, row.id)
    member = await directory.member(session, member_id)
    last = history[-1]
    return TaskView.model_validate(
        stored.facts_of(row)
        | _where_from(row)
        | {
            "actor": _actor(last),
            "reason": last.reason,
            "partner_event": {
                "type": row.partner_event_type,
                "data": await stored.partner_event_of(session, row.id),
            },
            "history": _changes(history),
            "actions": actions_of(stored.as_decided(row, history), member),
        },
        extra="forbid",
    )


def _where_from(row: TaskRow) -> dict[str, Any]:
    return {"sequence": row.sequence, "event_id": row.partner_event_id}


def _changes(history: Sequence[TaskChange]) -> list[ChangeView]:
    return [
        ChangeView(
            action=change.action,
            state=TaskState(change.state),
            units=tuple(change.units),
            at=change.at,
            actor=_actor(change),
            reason=change.reason,
        )
        for change in history
    ]


def _actor(change: TaskChange) -> Actor | None:
    if change.member_id is None or change.member_label is None or change.member_organisation is None:
        return None
    return Actor(
        member_id=MemberId(change.member_id),
        label=change.member_label,
        organisation=change.member_organisation,
    )
