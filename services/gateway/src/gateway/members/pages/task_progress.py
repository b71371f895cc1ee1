"""How far a task is, ready to be shown: the steps of its life, and what happened to it."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from contracts import codes
from contracts.coordination import Actor, TaskState
from gateway.clients.coordination import HistoryEntry, TaskView
from gateway.web.page import Page
from gateway.web.translations import msg

LIFE = (TaskState.OPENED, TaskState.ACCEPTED, TaskState.STARTED, TaskState.COMPLETED)
WHAT_HAPPENED = {
    TaskState.OPENED: msg("Opened from the partner's request"),
    TaskState.ACCEPTED: msg("Accepted"),
    TaskState.STARTED: msg("Work started"),
    TaskState.COMPLETED: msg("Completed"),
    TaskState.DECLINED: msg("Declined"),
}
ROLE_AT_UNIT = msg("%(role)s, %(unit)s")
PLACED = msg("Placed with other units")
PLACED_WITH = msg("Placed with %(units)s")
PART_COMPLETED = msg("Completed its part")


@dataclass(frozen=True)
class ShownStep:
    """One step of a task's life: `past`, `now`, `ended` (declined) or still `ahead`."""

    state: TaskState
    kind: str
    at: datetime | None = None


@dataclass(frozen=True)
class HistoryLine:
    """One line of a task's history."""

    words: str
    who: str | None
    at: datetime
    reason: str | None


def steps(task: TaskView) -> list[ShownStep]:
    """The task's way since it was last opened: a task that was placed anew starts again."""
    times: dict[TaskState, datetime] = {}
    for entry in task.history:
        if entry.state is TaskState.OPENED:
            times.clear()
        times[entry.state] = entry.at
    if task.state is TaskState.DECLINED:
        before = [ShownStep(state, "past", times[state]) for state in LIFE if state in times]
        return [*before, ShownStep(TaskState.DECLINED, "ended", times.get(TaskState.DECLINED))]
    reached = LIFE.index(task.state)
    finished = task.state is TaskState.COMPLETED
    return [
        ShownStep(
            state,
            "past" if at < reached or (finished and at == reached) else "now" if at == reached else "ahead",
            times.get(state) if at <= reached else None,
        )
        for at, state in enumerate(LIFE)
    ]


def history(page: Page, task: TaskView) -> list[HistoryLine]:
    """What happened and who did it, newest first."""
    told: list[HistoryLine] = []
    for entry in task.history:
        words = _words(page, entry, task, first=not told)
        who = actor_label(page, entry.actor) if entry.actor else None
        told.append(HistoryLine(words, who, entry.at, entry.reason))
    return told[::-1]


def _words(page: Page, entry: HistoryEntry, task: TaskView, *, first: bool) -> str:
    if entry.state is TaskState.OPENED and not first:
        if entry.units:
            return Markup(page.gettext(PLACED_WITH)) % {"units": page.formats.list(entry.units)}  # noqa: S704
        return page.gettext(PLACED)
    if entry.state is TaskState.COMPLETED and len(task.units) > 1:
        return page.gettext(PART_COMPLETED)
    return page.gettext(WHAT_HAPPENED[entry.state])


def actor_label(page: Page, actor: Actor) -> str:
    """Name who acted by role and unit, in the reader's language.

    The label comes as `focal point, CO-Dakar`; its role is looked up in the code list and named anew.
    """
    role = actor.label.partition(",")[0].strip().casefold()
    known = next((code.code for code in codes.roles if code.labels.en.casefold() == role), None)
    if known is None:
        return actor.label
    return page.gettext(ROLE_AT_UNIT) % {"role": page.label("roles", known), "unit": actor.organisation}
