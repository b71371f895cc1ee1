"""The action plan's page: the tree with what it costs and how far its tasks are."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter, Depends, Response

from gateway.clients import Coordination, Plan
from gateway.clients.coordination import PlanObjective, PlanOutput, PlanResult, TaskCounts
from gateway.sessions import signed_in
from gateway.web.error_pages import PageRoute
from gateway.web.page import CountedPage

router = APIRouter(route_class=PageRoute, dependencies=[Depends(signed_in)])


@dataclass(frozen=True)
class ShownResult:
    """A result in the reader's language."""

    code: str
    title: str
    start: int
    end: int
    pb: tuple[str, ...]
    conclusions: tuple[str, ...]
    tasks: TaskCounts


@dataclass(frozen=True)
class ShownOutput:
    """An output and the count of its results' tasks."""

    code: str
    title: str
    results: tuple[ShownResult, ...]
    counts: TaskCounts


@dataclass(frozen=True)
class ShownObjective:
    """An objective, its estimate, and the count of its outputs' tasks."""

    code: str
    title: str
    short: str
    estimate: Decimal
    outputs: tuple[ShownOutput, ...]
    counts: TaskCounts
    results: int


@router.get("/plan")
async def show(page: CountedPage, coordination: Coordination) -> Response:
    plan = await coordination.plan()
    objectives = [_objective(one, page.language) for one in plan.objectives]
    return await page.html(
        "members/plan.html",
        years=_years(plan),
        objectives=objectives,
        counts=added(one.counts for one in objectives),
        total=sum((one.estimate for one in objectives), Decimal()),
    )


def added(counts: Iterable[TaskCounts]) -> TaskCounts:
    """The tasks of several parts of the tree, counted together."""
    every = list(counts)
    return TaskCounts(
        **{state: sum(getattr(one, state) for one in every) for state in TaskCounts.model_fields}
    )


def _years(plan: Plan) -> str:
    results = [r for objective in plan.objectives for output in objective.outputs for r in output.results]
    return f"{min(r.start for r in results)}–{max(r.end for r in results)}" if results else ""


def _objective(objective: PlanObjective, language: str) -> ShownObjective:
    outputs = tuple(_output(one, language) for one in objective.outputs)
    return ShownObjective(
        code=objective.code,
        title=objective.title.in_language(language),
        short=objective.short.in_language(language),
        estimate=objective.estimate_usd_million,
        outputs=outputs,
        counts=added(one.counts for one in outputs),
        results=sum(len(one.results) for one in outputs),
    )


def _output(output: PlanOutput, language: str) -> ShownOutput:
    results = tuple(_result(one, language) for one in output.results)
    return ShownOutput(
        output.code, output.title.in_language(language), results, added(one.tasks for one in results)
    )


def _result(result: PlanResult, language: str) -> ShownResult:
    return ShownResult(
        code=result.code,
        title=result.title.in_language(language),
        start=result.start,
        end=result.end,
        pb=result.pb,
        conclusions=result.conclusions,
        tasks=result.tasks,
    )
