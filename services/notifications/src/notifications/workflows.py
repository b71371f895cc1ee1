"""The use cases, each one transaction: tell members of a task's events, settle items, keep the directory."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chassis.database.bulk_insert import bulk_insert
from chassis.database.transaction import Transaction
from chassis.ids import new_id
from chassis.messages import Received
from chassis.projections.upsert import keep_newest
from contracts.coordination import TaskFacts
from contracts.event import EventId
from contracts.notifications import (
    Channel,
    NotificationActedOnV1,
    NotificationDeliveredV1,
    NotificationFacts,
    NotificationReadV1,
    Reason,
)
from contracts.registry import MemberFacts, MemberLeftV1, OrganisationFacts
from contracts.words import COORDINATING_UNIT, ItemId, MemberId, Role, TaskId
from notifications import tables
from notifications.domain import (
    Directory,
    Holding,
    Newest,
    Person,
    Telling,
    still_stands,
    whom_to_tell,
)

Fact = TypeVar("Fact", bound=NotificationFacts)


class NoSuchItemError(Exception):
    """The member's inbox holds no such item."""


async def keep_organisations(tx: Transaction, heard: Sequence[Received[Any]]) -> None:
    rows: list[dict[str, Any]] = []
    for received in heard:
        facts: OrganisationFacts = received.event
        names = {named.language: named.name for named in facts.names}
        rows.append(
            {
                **_order_of(received),
                "organisation_id": facts.organisation_id,
                "code": facts.code,
                "names": names,
            }
        )
    await keep_newest(tx.session, tables.Organisation, rows)


async def keep_members(tx: Transaction, heard: Sequence[Received[Any]]) -> None:
    rows: list[dict[str, Any]] = []
    for received in heard:
        facts: MemberFacts = received.event
        kept = facts.model_dump(mode="json", include={"organisation", "role", "language", "time_zone"})
        left = isinstance(facts, MemberLeftV1)
        rows.append({**_order_of(received), "member_id": facts.member_id, **kept, "has_left": left})
    await keep_newest(tx.session, tables.Member, rows)


async def tell_members(tx: Transaction, heard: Sequence[Received[Any]]) -> None:
    """Give every recipient of these events one item each, and settle whatever the events have overtaken.

    Safe against any order and any repetition: an item is made once per (event, recipient, reason), and what
    still stands is judged by the task's newest event, so news that comes late arrives already settled.
    """
    told = await _Telling.begin(tx, heard)
    for received in heard:
        told.tell(received)
    told.settle()
    await told.finish()


@dataclass
class _Telling:
    """One batch of task events at work: all that was read and locked for it, and what it changes."""

    tx: Transaction
    newest: dict[UUID, Newest]
    latest: dict[UUID, Received[Any]]
    directory: Directory
    inboxes: dict[UUID, tables.Inbox]
    items: dict[UUID, list[tables.Item]]
    made: list[tables.Item] = field(default_factory=list[tables.Item])
    changed: set[UUID] = field(default_factory=set[UUID])

    @classmethod
    async def begin(cls, tx: Transaction, heard: Sequence[Received[Any]]) -> "_Telling":
        """Lock the tasks, then the inboxes of everyone concerned; nobody locks them in another order."""
        session = tx.session
        # This locks each task's row, also where its event is not the newest.
        await keep_newest(session, tables.Task, [_task_row(received) for received in heard])
        latest = {received.event.task_id: received for received in sorted(heard, key=_version)}
        newest: dict[UUID, Newest] = {}
        holders: set[UUID] = set()
        for task in await tables.tasks_with_holders(session, latest):
            newest[task.task_id] = Newest(EventId(task.event_id), TaskFacts.model_validate(task.facts))
            holders.update(task.held_by)
        members = await _members(tx, [r.event for r in heard], holders)
        await tables.open_inboxes(session, [m.member_id for m in members if not m.has_inbox])
        inboxes = await tables.lock_inboxes(session, holders.union(m.member_id for m in members))
        items: dict[UUID, list[tables.Item]] = defaultdict(list)
        # Only now: until their inboxes were locked, members could still settle items themselves. With the task
        # locked nobody else makes items about it, so where nobody held one, there is none.
        for item in await tables.items_about(session, latest) if holders else ():
            items[item.task_id].append(item)
        return cls(tx, newest, latest, _directory(members), inboxes, items)

    def tell(self, received: Received[Any]) -> None:
        """Make the items of one event."""
        facts: TaskFacts = received.event
        held = [_holding(item) for item in self.items[facts.task_id]]
        told = {(one.about, one.member_id, one.reason) for one in held}
        for telling in whom_to_tell(facts, self.newest[facts.task_id], self.directory, held):
            if (received.envelope.id, telling.member_id, telling.reason) not in told:
                item = self._new_item(received, telling)
                self.made.append(item)
                self.tx.announce(_facts(NotificationDeliveredV1, item), of=item, cause=received)
                self.items[facts.task_id].append(item)

    def settle(self) -> None:
        """Mark done, for everyone, the items that the tasks' newest events have overtaken."""
        for task_id, items in self.items.items():
            for item in (one for one in items if one.done_at is None):
                if not still_stands(_holding(item), self.newest[task_id], self.directory):
                    item.done_at = self.tx.now
                    item.position = self._next_position(item.member_id)
                    acted_on = _facts(NotificationActedOnV1, item)
                    self.tx.announce(acted_on, of=item, cause=self.latest[task_id])

    async def finish(self) -> None:
        """Store what was made and changed, and wake whoever watches."""
        await self.tx.session.flush()
        await bulk_insert(self.tx.session, self.made)
        await tables.ring(self.tx.session, sorted(self.changed))

    def _next_position(self, member_id: UUID) -> int:
        self.changed.add(member_id)
        return _next_position(self.inboxes[member_id])

    def _new_item(self, received: Received[Any], telling: Telling) -> tables.Item:
        facts: TaskFacts = received.event
        position = self._next_position(telling.member_id)
        return tables.Item(
            id=new_id(),
            home_site=self.tx.site,
            epoch=1,
            sequence=0,
            member_id=telling.member_id,
            position=position,
            arrival=position,
            organisation=telling.organisation,
            reason=telling.reason.value,
            about=received.envelope.id,
            event_type=received.envelope.type,
            task_id=facts.task_id,
            facts=facts.model_dump(mode="json"),
            correlation=received.envelope.correlationid,
            traceparent=received.traceparent,
            due_on=facts.due_on,
            created_at=self.tx.now,
        )


async def mark_read(tx: Transaction, member_id: MemberId, item_id: ItemId) -> tables.Item:
    """Note that the member opened the item; the first time counts."""
    item, inbox = await _own_item(tx, member_id, item_id)
    if item.read_at is None:
        item.read_at = tx.now
        await _change(tx, item, inbox, NotificationReadV1)
    return item


async def mark_done(tx: Transaction, member_id: MemberId, item_id: ItemId) -> tables.Item:
    """Note that the member has nothing more to do about the item; the first time counts."""
    item, inbox = await _own_item(tx, member_id, item_id)
    if item.done_at is None:
        item.done_at = tx.now
        await _change(tx, item, inbox, NotificationActedOnV1)
    return item


async def _own_item(
    tx: Transaction, member_id: MemberId, item_id: ItemId
) -> tuple[tables.Item, tables.Inbox]:
    inboxes = sa.select(tables.Inbox).where(tables.Inbox.member_id == member_id).with_for_update()
    inbox = await tx.session.scalar(inboxes)
    item = await tx.session.get(tables.Item, item_id, with_for_update=True) if inbox else None
    if inbox is None or item is None or item.member_id != member_id:
        raise NoSuchItemError("There is no such item in this inbox.")
    return item, inbox


async def _change(
    tx: Transaction, item: tables.Item, inbox: tables.Inbox, announced: type[NotificationFacts]
) -> None:
    item.position = _next_position(inbox)
    tx.announce(_facts(announced, item), of=item, correlation=EventId(item.correlation))
    await tables.ring(tx.session, [inbox.member_id])


async def _members(
    tx: Transaction, events: Iterable[TaskFacts], holders: Collection[UUID]
) -> Sequence[tables.MemberAt]:
    units = {COORDINATING_UNIT}.union(*(facts.units for facts in events))
    actors = {facts.actor.organisation for facts in events if facts.actor}
    return await tables.members_at(tx.session, units | actors, holders)


def _directory(members: Iterable[tables.MemberAt]) -> Directory:
    return Directory(
        [Person(MemberId(m.member_id), m.organisation, Role(m.role), left=m.has_left) for m in members]
    )


def _next_position(inbox: tables.Inbox) -> int:
    inbox.position += 1
    return inbox.position


def _holding(item: tables.Item) -> Holding:
    return Holding(
        MemberId(item.member_id),
        item.organisation,
        Reason(item.reason),
        EventId(item.about),
        is_open=item.done_at is None,
    )


def _facts(announced: type[Fact], item: tables.Item) -> Fact:
    return announced(
        item_id=ItemId(item.id),
        member_id=MemberId(item.member_id),
        organisation=item.organisation,
        about=EventId(item.about),
        task_id=TaskId(item.task_id),
        reason=Reason(item.reason),
        channel=Channel.INBOX,
    )


def _task_row(received: Received[Any]) -> dict[str, Any]:
    facts: TaskFacts = received.event
    return {
        **_order_of(received),
        "task_id": facts.task_id,
        "event_id": received.envelope.id,
        "facts": TaskFacts.model_dump(facts, mode="json"),
    }


def _order_of(received: Received[Any]) -> dict[str, int]:
    return {"epoch": received.envelope.epoch, "sequence": received.envelope.sequence}


def _version(received: Received[Any]) -> tuple[int, int]:
    return received.envelope.epoch, received.envelope.sequence
