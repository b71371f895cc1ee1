"""Coordination's subscribers by FastStream's test broker, on real tables: from a request to what is announced."""

from coordination_kit import Coordination, an_assistance_request

from chassis.testing import an_envelope, heard_by_test_broker
from coordination.subscribers import mirror_members, subscriptions


async def test_a_request_opens_its_task_once_however_often_it_is_published(
    coordination: Coordination,
) -> None:
    request = an_envelope(an_assistance_request("SN"))

    async with heard_by_test_broker(coordination.database, subscriptions) as broker:
        for _ in range(2):
            await broker.publish(request, request.nats_subject, stream="EVENTS")

        mirror_members.mock.assert_not_called()

    task = await coordination.task()
    assert (task.units, task.partner_event_id) == (["DWT/CO-Dakar"], request.id)
    [(said, facts)] = await coordination.said_of_tasks()
    assert (said.causationid, facts.task_id) == (request.id, task.id)
