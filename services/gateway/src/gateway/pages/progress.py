"""How far a task is and who has it, ready to be shown: steps, history, units, and units to choose from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from contracts import codes
from contracts.coordination import Actor, TaskState
from contracts.registry import OrganisationFacts
from contracts.words import OrganisationKind
from gateway.clients.coordination import HistoryEntry, TaskView
from gateway.pages.page import Page
from gateway.pages.texts import msg

LIFE = (TaskState.OPENED, TaskState.ACCEPTED, TaskState.STARTED, TaskState.COMPLETED)
HEADQUARTERS = msg("Headquarters")
OTHER_REGION = msg("Other")
REGIONS = {
    "africa": msg("Africa"),
    "americas": msg("Americas"),
    "arab_states": msg("Arab States"),
    "asia_and_the_pacific": msg("Asia and the Pacific"),
    "europe_and_central_asia": msg("Europe and Central Asia"),
}
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
class Step:
    """One step of a task's life: `past`, `now`, `ended` (declined) or still `ahead`."""

    state: TaskState
    kind: str
    at: datetime | None = None


@dataclass(frozen=True)
class Happened:
    """One line of a task's history."""

    words: str
    who: str | None
    at: datetime
    reason: str | None


@dataclass(frozen=True)
class Unit:
    """A unit or office, with its name in the language it was found in."""

    code: str
    name: str | None = None
    language: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Group:
    """Units of one region."""

    name: str
    units: tuple[Unit, ...]
    open: bool


def steps(task: TaskView) -> list[Step]:
    """The task's way since it was last opened: a task that was placed anew starts again."""
    times: dict[TaskState, datetime] = {}
    for entry in task.history:
        if entry.state is TaskState.OPENED:
            times.clear()
        times[entry.state] = entry.at
    if task.state is TaskState.DECLINED:
        before = [Step(state, "past", times[state]) for state in LIFE if state in times]
        return [*before, Step(TaskState.DECLINED, "ended", times.get(TaskState.DECLINED))]
    reached = LIFE.index(task.state)
    finished = task.state is TaskState.COMPLETED
    return [
        Step(
            state,
            "past" if at < reached or (finished and at == reached) else "now" if at == reached else "ahead",
            times.get(state) if at <= reached else None,
        )
        for at, state in enumerate(LIFE)
    ]


def history(page: Page, task: TaskView) -> list[Happened]:
    """What happened and who did it, newest first."""
    told: list[Happened] = []
    for entry in task.history:
        words = _words(page, entry, task, first=not told)
        who = actor_label(page, entry.actor) if entry.actor else None
        told.append(Happened(words, who, entry.at, entry.reason))
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


def units(page: Page, wanted: Collection[str], directory: Sequence[OrganisationFacts]) -> list[Unit]:
    """The units of a task with their names, or their codes alone where the directory is out of reach."""
    known = {organisation.code: organisation for organisation in directory}
    return [_unit(page, known[code]) if code in known else Unit(code) for code in wanted]


def choices(page: Page, directory: Sequence[OrganisationFacts], chosen: Collection[str]) -> list[Group]:
    """All units and offices by region, headquarters first; a group with chosen units stands open."""
    groups: dict[str, list[Unit]] = {}
    places = [one for one in directory if one.kind is not OrganisationKind.PARTNER]
    for one in sorted(
        places,
        # An office of no region, such as the one at the United Nations, comes after those of the regions.
        key=lambda one: (
            one.kind is not OrganisationKind.UNIT,
            one.region is None,
            one.region or "",
            one.code,
        ),
    ):
        name = (
            HEADQUARTERS if one.kind is OrganisationKind.UNIT else REGIONS.get(one.region or "", OTHER_REGION)
        )
        groups.setdefault(name, []).append(_unit(page, one, chosen=one.code in chosen))
    return [
        Group(page.gettext(name), tuple(units), any(unit.chosen for unit in units))
        for name, units in groups.items()
    ]


def _unit(page: Page, organisation: OrganisationFacts, *, chosen: bool = False) -> Unit:
    by_language = {named.language: named.name for named in organisation.names}
    language = next((one for one in (page.language, "en", *by_language) if one in by_language), None)
    return Unit(organisation.code, by_language.get(language or ""), language, chosen)
