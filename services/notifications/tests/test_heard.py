"""The subscribers of notifications by FastStream's test broker, on real tables: from the event to the inbox."""

from network import Network, a_member, a_task

from chassis.testing import an_envelope, announced, heard_by_test_broker
from notifications.subscribers import subscriptions, tell_members


async def test_a_member_is_told_of_a_task_once_however_often_it_is_published(network: Network) -> None:
    dakar = a_member("DWT/CO-Dakar")
    joined, opened = an_envelope(dakar, subject=dakar.member_id), an_envelope(a_task("DWT/CO-Dakar"))

    async with heard_by_test_broker(network.database, subscriptions) as broker:
        for event in (joined, opened, opened):
            await broker.publish(event, event.nats_subject, stream="EVENTS")

        tell_members.mock.assert_called_once()

    assert await network.reasons(dakar) == ["unit_assigned"]
    assert [one.causationid for one in await announced(network.database)] == [opened.id]
