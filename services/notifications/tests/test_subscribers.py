"""What becomes of events: repeated, late, out of order, ahead of the directory."""

from pathlib import Path

import sqlalchemy as sa
import yaml
from network import Network, a_member, a_task, an_organisation, the_coordinator, then

from chassis.inbox.applier import Outcome
from chassis.testing import an_envelope, announced
from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskState,
)
from contracts.registry import MemberUpdatedV1, OrganisationUpdatedV1
from notifications.subscribers import subscriptions
from notifications.tables import Member, Organisation

TOPOLOGY = Path(__file__).parents[3] / "deploy" / "nats" / "services" / "notifications.yaml"


def test_the_topology_gives_the_service_exactly_the_durables_it_hears_by() -> None:
    described = yaml.safe_load(TOPOLOGY.read_text())

    assert {one["durable"]: set(one["types"]) for one in described["hears"]} == {
        one.durable: {event.type for event in one.types} for one in subscriptions
    }
    assert described["announces"] == ["notifications"]


async def test_a_redelivered_event_makes_no_second_item(network: Network) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)

    opened = await network.hear(a_task("DWT/CO-Dakar"))
    await network.deliver.again(opened)

    assert await network.reasons(dakar) == ["unit_assigned"]
    assert len(await announced(network.database)) == 1


async def test_an_event_replayed_after_its_inbox_row_is_gone_makes_no_second_item(
    network: Network,
) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)
    opened = await network.hear(a_task("DWT/CO-Dakar"))
    async with network.database.transaction() as tx:
        await tx.session.execute(sa.text("DELETE FROM inbox"))

    await network.deliver.again(opened)

    assert await network.reasons(dakar) == ["unit_assigned"]


async def test_an_item_keeps_the_trace_its_event_came_in(network: Network) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)

    opened = await network.hear(a_task("DWT/CO-Dakar"))

    [item] = await network.items(dakar)
    assert item.traceparent is not None
    assert opened.traceparent is not None
    assert item.traceparent.split("-")[1] == opened.traceparent.split("-")[1]


async def test_an_event_ahead_of_the_directory_is_handed_back_until_it_is_there(
    network: Network,
) -> None:
    dakar = a_member("DWT/CO-Dakar")
    opened = an_envelope(a_task("DWT/CO-Dakar"))

    [early] = await network.deliver.again(opened, failing=True)
    await network.join(dakar)
    await network.deliver.retry()

    assert early is Outcome.QUEUED
    assert await network.reasons(dakar) == ["unit_assigned"]


async def test_the_others_are_told_when_one_event_of_the_batch_must_wait(network: Network) -> None:
    dakar = a_member("DWT/CO-Dakar")
    await network.join(dakar)
    unknown, known = an_envelope(a_task("DWT/CO-Cairo")), an_envelope(a_task("DWT/CO-Dakar"))

    answers = await network.deliver.again(unknown, known, failing=True)

    assert answers == [Outcome.QUEUED, Outcome.APPLIED]
    assert await network.reasons(dakar) == ["unit_assigned"]


async def test_whoever_acts_first_settles_it_for_everyone(network: Network) -> None:
    first, second, coordinator = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Dakar"), the_coordinator()
    await network.join(first, second, coordinator)
    task = a_task("DWT/CO-Dakar")

    await network.hear(task)
    await network.hear(
        then(task, TaskCompletedV1, by=first, state=TaskState.COMPLETED, waiting_for=()), sequence=2
    )

    assert await network.reasons(first, only_open=True) == []
    assert await network.reasons(second, only_open=True) == []
    assert await network.reasons(coordinator, only_open=True) == ["task_progress"]
    settled = [one for one in await announced(network.database) if one.type.endswith("acted_on.v1")]
    assert {one.data["member_id"] for one in settled} == {str(first.member_id), str(second.member_id)}


async def test_a_declined_task_goes_to_the_coordinator_and_on_to_the_next_unit(network: Network) -> None:
    dakar, cairo, coordinator = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Cairo"), the_coordinator()
    await network.join(dakar, cairo, coordinator)
    task = a_task("DWT/CO-Dakar")
    declined = then(
        task, TaskDeclinedV1, by=dakar, state=TaskState.DECLINED, waiting_for=(), reason="No lawyer"
    )
    placed = then(task, TaskAssignedV1, by=coordinator, units=["DWT/CO-Cairo"], waiting_for=["DWT/CO-Cairo"])

    await network.hear(task)
    await network.hear(declined, sequence=2)
    assert await network.reasons(coordinator, only_open=True) == ["routing_needed"]
    await network.hear(placed, sequence=3)

    assert await network.reasons(coordinator, only_open=True) == []
    assert await network.reasons(cairo, only_open=True) == ["unit_assigned"]
    assert await network.reasons(dakar, only_open=True) == ["unit_relieved"]


async def test_a_unit_without_the_task_before_is_not_relieved_of_it(network: Network) -> None:
    dakar, cairo, coordinator = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Cairo"), the_coordinator()
    await network.join(dakar, cairo, coordinator)

    await network.hear(then(a_task("COOP"), TaskAssignedV1, by=coordinator, units=["DWT/CO-Cairo"]))

    assert await network.reasons(dakar) == []
    assert await network.reasons(coordinator) == []


async def test_news_that_an_answer_has_overtaken_arrives_settled(network: Network) -> None:
    dakar, coordinator = a_member("DWT/CO-Dakar"), the_coordinator()
    await network.join(dakar, coordinator)
    task = a_task("DWT/CO-Dakar")
    completed = then(task, TaskCompletedV1, by=dakar, state=TaskState.COMPLETED, waiting_for=())

    await network.hear(completed, sequence=4)
    await network.hear(task, sequence=1)

    assert await network.reasons(dakar) == ["unit_assigned"]
    assert await network.reasons(dakar, only_open=True) == []


async def test_a_whole_life_in_one_batch_ends_as_one_by_one(network: Network) -> None:
    dakar, deputy, coordinator = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Dakar"), the_coordinator()
    await network.join(dakar, deputy, coordinator)
    task = a_task("DWT/CO-Dakar")
    life = [
        task,
        then(task, TaskAcceptedV1, by=dakar, state=TaskState.ACCEPTED),
        then(task, TaskCompletedV1, by=dakar, state=TaskState.COMPLETED, waiting_for=()),
    ]

    await network.deliver.again(*(an_envelope(event, sequence=n) for n, event in enumerate(life, start=1)))

    assert await network.reasons(deputy) == ["unit_assigned", "task_progress"]
    assert await network.reasons(deputy, only_open=True) == []
    assert await network.reasons(coordinator, only_open=True) == ["task_progress"]


async def test_who_has_left_is_told_nothing_and_the_coordinator_places_their_tasks(network: Network) -> None:
    dakar, coordinator = a_member("DWT/CO-Dakar"), the_coordinator()
    await network.join(dakar, coordinator)
    await network.leave(dakar)

    await network.hear(a_task("DWT/CO-Dakar"))

    assert await network.reasons(dakar) == []
    assert await network.reasons(coordinator, only_open=True) == ["routing_needed"]


async def test_the_directory_keeps_the_newest_whatever_the_order(network: Network) -> None:
    member, office = a_member("DWT/CO-Dakar"), an_organisation("DWT/CO-Dakar", en="ILO Dakar")
    moved = MemberUpdatedV1.model_validate({**member.model_dump(), "organisation": "DWT/CO-Cairo"})
    renamed = OrganisationUpdatedV1.model_validate({**office.model_dump(), "code": "CO-Dakar"})

    await network.deliver(moved, subject=member.member_id, sequence=1, epoch=2)
    await network.deliver(member, subject=member.member_id, sequence=7)
    await network.deliver(office, subject=office.organisation_id, sequence=1)
    await network.deliver(renamed, subject=office.organisation_id, sequence=2)
    await network.deliver.again(an_envelope(office, subject=office.organisation_id, sequence=1))

    async with network.database.reading() as session:
        assert await session.scalar(sa.select(Member.organisation)) == "DWT/CO-Cairo"
        assert await session.scalar(sa.select(Organisation.code)) == "CO-Dakar"
