"""What the gateway records of the events it hears, through the real apply-once path, and reads back."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from partner_kit import OTHER_PARTNER, PARTNER, an_event

from chassis.database.engine import Database
from chassis.testing import Deliver, FreshDatabase, an_envelope, mark_published
from contracts.coordination import Actor, TaskAcceptedV1, TaskFacts, TaskOpenedV1, TaskState
from contracts.event import EventId
from contracts.notifications import Channel, NotificationDeliveredV1, Reason
from contracts.words import ItemId, Labels, MemberId, TaskId
from gateway.journeys.domain import Status
from gateway.journeys.workflows import Journey, find_journey
from gateway.partners.domain.cloudevents import read_event
from gateway.partners.intake import Accepted, Intake
from gateway.subscribers import subscriptions

TASK = TaskId(uuid4())


@pytest.fixture
async def database(fresh_database: FreshDatabase) -> Database:
    return await fresh_database("gateway")


@pytest.fixture
def deliver(database: Database) -> Deliver:
    return Deliver(database, subscriptions)


async def _an_event_of_ours(database: Database, name: str = "DEM-1") -> UUID:
    sent = read_event(an_event(id=name), now=datetime.now(UTC), sender=PARTNER)
    [taken] = await Intake(database).take(PARTNER, [sent])
    assert isinstance(taken, Accepted)
    return taken.event_id


async def _journey(database: Database, name: str, partner: str = PARTNER.partner) -> Journey | None:
    async with database.reading() as session:
        return await find_journey(session, partner, name)


def _task(kind: type[TaskFacts], state: TaskState) -> TaskFacts:
    return kind(
        task_id=TASK,
        rule="advise-constituent",
        result="2.1.1",
        state=state,
        title=Labels(en="a", fr="b", es="c", ar="d"),
        units=("CO-Dakar",),
        opened_at=datetime.now(UTC),
        due_on=date(2026, 12, 7),
        actor=Actor(member_id=MemberId(uuid4()), label="focal point", organisation="CO-Dakar"),
    )


def _delivered(about: UUID) -> NotificationDeliveredV1:
    return NotificationDeliveredV1(
        item_id=ItemId(uuid4()),
        member_id=MemberId(uuid4()),
        organisation="CO-Dakar",
        about=EventId(about),
        task_id=TASK,
        reason=Reason.UNIT_ASSIGNED,
        channel=Channel.INBOX,
    )


async def test_a_partner_sees_how_far_its_event_got(database: Database, deliver: Deliver) -> None:
    event_id = await _an_event_of_ours(database)
    for step in (
        _task(TaskOpenedV1, TaskState.OPENED),
        _delivered(event_id),
        _task(TaskAcceptedV1, TaskState.ACCEPTED),
    ):
        await deliver(step, correlation=event_id)

    journey = await _journey(database, "DEM-1")

    assert journey is not None
    assert journey.event_id == event_id
    assert journey.status is Status.ACCEPTED_BY_UNIT
    assert [step.name for step in journey.steps] == ["received", "task_opened", "notified", "task_accepted"]
    assert await _journey(database, str(event_id)) == journey
    assert await _journey(database, "DEM-1", OTHER_PARTNER.partner) is None


async def test_a_repeated_or_late_step_is_shown_once_and_in_its_place(
    database: Database, deliver: Deliver
) -> None:
    event_id = await _an_event_of_ours(database)
    opened, accepted = (
        an_envelope(_task(kind, state), correlation=event_id, time=datetime(2026, 11, 23, hour, tzinfo=UTC))
        for kind, state, hour in (
            (TaskOpenedV1, TaskState.OPENED, 9),
            (TaskAcceptedV1, TaskState.ACCEPTED, 10),
        )
    )
    await deliver.again(accepted, opened, accepted)
    await deliver.again(opened)

    journey = await _journey(database, "DEM-1")

    assert journey is not None
    assert [step.name for step in journey.steps] == ["received", "task_opened", "task_accepted"]


async def test_a_task_that_no_partner_asked_for_is_no_journey(database: Database, deliver: Deliver) -> None:
    event_id = await _an_event_of_ours(database)
    await deliver.again(
        an_envelope(_task(TaskOpenedV1, TaskState.OPENED), correlation=uuid4()),
        an_envelope(_task(TaskOpenedV1, TaskState.OPENED), correlation=event_id),
        an_envelope(_task(TaskAcceptedV1, TaskState.ACCEPTED), correlation=uuid4()),
    )

    journey = await _journey(database, str(event_id))

    assert journey is not None
    assert len(journey.steps) == 2


async def test_steps_of_one_task_keep_its_own_order_whatever_the_clocks_said(
    database: Database, deliver: Deliver
) -> None:
    event_id = await _an_event_of_ours(database)
    await deliver.again(
        *(
            an_envelope(
                _task(kind, state),
                correlation=event_id,
                subject=TASK,
                sequence=sequence,
                time=datetime(2026, 11, 23, hour, tzinfo=UTC),
            )
            for kind, state, sequence, hour in (
                (TaskOpenedV1, TaskState.OPENED, 1, 10),
                (TaskAcceptedV1, TaskState.ACCEPTED, 2, 9),
            )
        )
    )

    journey = await _journey(database, "DEM-1")

    assert journey is not None
    assert [step.name for step in journey.steps] == ["received", "task_opened", "task_accepted"]
    assert journey.status is Status.ACCEPTED_BY_UNIT


async def test_steps_are_stored_in_one_order_whoever_records_them(
    database: Database, deliver: Deliver
) -> None:
    events = [await _an_event_of_ours(database, f"DEM-{number}") for number in range(6)]
    async with database.transaction() as tx:
        await mark_published(tx.session)
    opened = [an_envelope(_task(TaskOpenedV1, TaskState.OPENED), correlation=one) for one in events[::-1]]

    await deliver.again(*opened[::-1])

    async with database.reading() as session:
        stored = (await session.scalars(sa.text("SELECT id FROM event_steps ORDER BY ctid"))).all()
    assert len(stored) == 12
    assert list(stored) == sorted(stored)
