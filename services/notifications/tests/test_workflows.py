"""Items are made once, settled everywhere, and announced with what they are about."""

import asyncio

import pytest
from network import Network, a_member, a_task, the_coordinator, then
from sqlalchemy import event

from chassis.testing import SettableClock, an_envelope, announced
from contracts.coordination import TaskCompletedV1, TaskState
from contracts.event import EventId
from contracts.registry import MemberJoinedV1
from contracts.words import ItemId
from notifications import workflows
from notifications.tables import Item
from notifications.workflows import NoSuchItemError


async def the_item_of(network: Network, member: MemberJoinedV1) -> Item:
    """The one item a new task at the member's unit gives them."""
    await network.join(member)
    await network.hear(a_task(member.organisation))
    [item] = await network.items(member)
    return item


async def test_who_reads_an_item_twice_has_read_it_once(network: Network, clock: SettableClock) -> None:
    dakar = a_member("DWT/CO-Dakar")
    item = await the_item_of(network, dakar)

    for _ in range(2):
        async with network.database.transaction() as tx:
            await workflows.mark_read(tx, dakar.member_id, ItemId(item.id))

    [read] = await network.items(dakar)
    assert (read.read_at, read.done_at, read.position) == (clock.now, None, 2)
    assert [one.type for one in await announced(network.database)] == [
        "notifications.notification.delivered.v1",
        "notifications.notification.read.v1",
    ]


async def test_what_a_member_does_is_announced_in_the_chain_of_the_partners_event(network: Network) -> None:
    dakar, first_of_the_chain = a_member("DWT/CO-Dakar"), EventId(a_task("COOP").task_id)
    await network.join(dakar)
    heard = await network.deliver(a_task("DWT/CO-Dakar"), correlation=first_of_the_chain)
    [item] = await network.items(dakar)

    async with network.database.transaction() as tx:
        await workflows.mark_done(tx, dakar.member_id, ItemId(item.id))

    delivered, acted_on = await announced(network.database)
    assert delivered.causationid == heard.id
    assert delivered.correlationid == acted_on.correlationid == first_of_the_chain
    assert (delivered.subject, delivered.sequence, acted_on.sequence) == (str(item.id), 1, 2)
    assert acted_on.type == "notifications.notification.acted_on.v1"
    assert acted_on.data["about"] == str(heard.id)


async def test_a_batch_of_new_tasks_takes_as_many_statements_as_one(network: Network) -> None:
    members = [a_member(f"CO-{number}") for number in range(12)]
    await network.join(the_coordinator(), *members)
    await network.deliver.again(*(an_envelope(a_task(one.organisation)) for one in members))
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(network.database.engine.sync_engine, "before_cursor_execute", note)
    await network.deliver.again(an_envelope(a_task(members[0].organisation)))
    for_one = len(statements)
    await network.deliver.again(*(an_envelope(a_task(one.organisation)) for one in members))

    assert len(statements) - for_one == for_one
    assert not [one for one in statements if one.startswith("INSERT INTO inboxes")]
    assert [len(await network.items(one)) for one in members] == [3] + [2] * 11


async def test_nobody_reads_an_item_of_someone_elses_inbox(network: Network) -> None:
    dakar, cairo = a_member("DWT/CO-Dakar"), a_member("DWT/CO-Cairo")
    item = await the_item_of(network, dakar)
    await the_item_of(network, cairo)

    with pytest.raises(NoSuchItemError):
        async with network.database.transaction() as tx:
            await workflows.mark_read(tx, cairo.member_id, ItemId(item.id))


async def test_positions_rise_by_one_with_every_change_however_many_write_at_once(network: Network) -> None:
    coordinator, dakar = the_coordinator(), a_member("DWT/CO-Dakar")
    await network.join(coordinator, dakar)
    tasks = [a_task("DWT/CO-Dakar") for _ in range(8)]

    await asyncio.gather(*(network.hear(task) for task in tasks))
    ended = [then(task, TaskCompletedV1, state=TaskState.COMPLETED, waiting_for=()) for task in tasks]
    await asyncio.gather(*(network.hear(task, sequence=2) for task in ended))

    items = await network.items(dakar)
    assert sorted(item.arrival for item in items) == list(range(1, 9))
    assert sorted(item.position for item in items) == list(range(9, 17))
    assert sorted(item.position for item in await network.items(coordinator)) == list(range(1, 9))
