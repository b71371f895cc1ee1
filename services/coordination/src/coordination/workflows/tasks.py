"""A task's life: opened by a rule, acted on by members, placed by the coordinator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.bulk_insert import bulk_insert
from chassis.database.transaction import Transaction
from chassis.ids import new_id
from chassis.messages import Received, Retry
from contracts.coordination import (
    Actor,
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskStartedV1,
)
from contracts.event import EventId
from contracts.partner import PartnerEvent
from contracts.words import MemberId, TaskId
from coordination.domain import tasks
from coordination.domain.rules import Coverage, OfficeCovering, Opening, Rule, RuleBook, opening
from coordination.domain.tasks import Action, Member
from coordination.tables import directory
from coordination.tables.tasks import (
    OPENING,
    TaskChange,
    TaskRow,
    already_opened,
    as_decided,
    facts_of,
    history_of,
)

P = TypeVar("P", bound=PartnerEvent)

_ANNOUNCED_AFTER: Final[Mapping[Action, type[TaskFacts]]] = {
    Action.ACCEPT: TaskAcceptedV1,
    Action.START: TaskStartedV1,
    Action.COMPLETE: TaskCompletedV1,
    Action.DECLINE: TaskDeclinedV1,
    Action.ASSIGN: TaskAssignedV1,
}


class UnknownUnitsError(tasks.DomainError):
    """The directory has no such unit or office to assign a task to."""

    def __init__(self, unknown: Mapping[int, str]) -> None:
        super().__init__(f"No unit or office has the code {', '.join(unknown.values())}.")
        self.unknown = unknown
        """Place in the request, and the code that stands there."""


async def open_tasks(tx: Transaction, received: Sequence[Received[P]], *, book: RuleBook) -> None:
    """Open the tasks that the rules make of these events, one per event and rule, for ever."""
    wanted = [(one, rule) for one in received for rule in book.hearing(one.envelope.type)]
    opened = await already_opened(tx.session, [one.envelope.id for one, _ in wanted])
    coverage = await _coverage(tx, [rule for _, rule in wanted])
    rows: list[TaskRow] = []
    changes: list[TaskChange] = []
    for one, rule in wanted:
        if (one.envelope.id, rule.code) in opened:
            continue
        opened.add((one.envelope.id, rule.code))
        decided = opening(
            rule,
            one.event,
            coverage=coverage,
            routing=book.routing,
            today=tx.now.date(),
        )
        row = _opened_row(tx, decided, one)
        rows.append(row)
        changes.append(_announce(tx, row, TaskOpenedV1, action=OPENING, cause=one))
    # History refers to the tasks: they are written first.
    await bulk_insert(tx.session, rows)
    await bulk_insert(tx.session, changes)


async def _coverage(tx: Transaction, rules: Sequence[Rule]) -> Coverage:
    if not any(isinstance(rule.place, OfficeCovering) for rule in rules):
        return Coverage.of(())
    offices = await directory.offices(tx.session)
    if offices is None:
        # Partner events may overtake the registry's on a first start; a task must not go astray for that.
        raise Retry("the directory of offices has not arrived whole yet")
    return Coverage.of(offices)


def _opened_row(tx: Transaction, decided: Opening, one: Received[P]) -> TaskRow:
    origin = one.event.origin
    task = tasks.Task(units=decided.units, needs_routing=decided.needs_routing)
    return TaskRow(
        id=new_id(),
        home_site=tx.site,
        epoch=1,
        sequence=0,
        rule=decided.rule,
        result=decided.result,
        state=task.state,
        title=decided.title.model_dump(),
        request=decided.request.model_dump() if decided.request else None,
        units=list(task.units),
        waiting_for=list(task.waiting_for),
        needs_routing=task.needs_routing,
        country=decided.country,
        partner=origin.partner if origin else None,
        partner_name=origin.partner_name if origin else None,
        opened_at=tx.now,
        due_on=decided.due_on,
        partner_event_id=one.envelope.id,
        partner_event_type=one.envelope.type,
        partner_event=one.envelope.data,
        correlation_id=one.envelope.correlationid,
    )


async def refuse_strangers(session: AsyncSession, row: TaskRow, member_id: MemberId | None) -> None:
    """Raise NotYourTaskError where the task is not this member's to read."""
    placed_with = {unit for change in await history_of(session, row.id) for unit in change.units}
    tasks.refuse_stranger(placed_with, await directory.member(session, member_id))


async def act(
    tx: Transaction, task_id: TaskId, action: Action, member_id: MemberId | None, *, reason: str | None = None
) -> TaskRow:
    """Do a member's next step on a task; one that this member had done changes and announces nothing."""
    return await _change(
        tx, task_id, action, member_id, lambda task, member: tasks.act(task, action, member), reason=reason
    )


async def assign(
    tx: Transaction,
    task_id: TaskId,
    units: Sequence[str],
    member_id: MemberId | None,
    *,
    reason: str | None = None,
) -> TaskRow:
    """Place a task with these units and offices, each of which must be in the directory."""
    assignable = await directory.assignable(tx.session, units)
    unknown = {place: code for place, code in enumerate(units) if code not in assignable}

    def decide(task: tasks.Task, member: Member | None) -> tasks.Task:
        placed = tasks.assign(task, units, member)
        # Who may assign, and whether it can be done now, is said before what is wrong with the request.
        if unknown:
            raise UnknownUnitsError(unknown)
        return placed

    return await _change(tx, task_id, Action.ASSIGN, member_id, decide, reason=reason)


async def _change(
    tx: Transaction,
    task_id: TaskId,
    action: Action,
    member_id: MemberId | None,
    decide: Callable[[tasks.Task, Member | None], tasks.Task],
    *,
    reason: str | None,
) -> TaskRow:
    row = await tx.session.get(TaskRow, task_id, with_for_update=True)
    if row is None:
        raise tasks.NoSuchTaskError
    member = await directory.member(tx.session, member_id)
    before = as_decided(row, await history_of(tx.session, row.id))
    after = decide(before, member)
    if after is before:
        return row
    assert member is not None, "nobody's deed changed a task"
    row.state = after.state
    row.units = list(after.units)
    row.waiting_for = list(after.waiting_for)
    row.needs_routing = after.needs_routing
    change = _announce(tx, row, _ANNOUNCED_AFTER[action], action=action, member=member, reason=reason)
    tx.session.add(change)
    return row


def _announce(
    tx: Transaction,
    row: TaskRow,
    event: type[TaskFacts],
    *,
    action: str,
    member: Member | None = None,
    reason: str | None = None,
    cause: Received[Any] | None = None,
) -> TaskChange:
    """Announce the task as it stands now, and give the line of its history that says the same."""
    actor = (
        Actor(member_id=member.id, label=member.label, organisation=member.organisation) if member else None
    )
    facts = event.model_validate(facts_of(row) | {"actor": actor, "reason": reason}, extra="forbid")
    tx.announce(facts, of=row, cause=cause, correlation=EventId(row.correlation_id))
    return TaskChange(
        task_id=row.id,
        epoch=row.epoch,
        sequence=row.sequence,
        action=action,
        state=row.state,
        units=row.units,
        at=tx.now,
        member_id=member.id if member else None,
        member_label=member.label if member else None,
        member_organisation=member.organisation if member else None,
        reason=reason,
    )
