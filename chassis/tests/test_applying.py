"""Applied once: what the apply path promises, on a real database."""

from ledger import EntryMadeV1, postings, subscriptions

from chassis.testing import Deliver, FreshDatabase, an_envelope, buried


async def test_a_redelivered_event_has_no_second_effect(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())

    envelope = await deliver(EntryMadeV1(amount=5))
    await deliver.again(envelope)
    await deliver.again(envelope, envelope)

    assert await postings(database) == [5]


async def test_a_poisoned_event_among_good_ones_is_buried_alone(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())
    batch = [an_envelope(EntryMadeV1(amount=n, poison="refused" if n == 3 else None)) for n in range(8)]

    deliveries = await deliver.again(*batch, failing=True)

    assert await postings(database) == [0, 1, 2, 4, 5, 6, 7]
    assert [one.answers for one in deliveries] == [["term"] if n == 3 else ["ack"] for n in range(8)]
    [letter] = await buried(database)
    assert letter.event_id == batch[3].id
    assert letter.error_class == "RefusedEntryError"
    assert letter.trace_id == (batch[3].traceparent or "").split("-")[1]
    assert letter.dataschema == "urn:ilo:sse:schema:ledger.entry.made.v1"


async def test_an_unexpected_error_is_retried_and_leaves_no_effect(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())

    [delivery] = await deliver.again(an_envelope(EntryMadeV1(amount=1, poison="bug")), failing=True)

    assert delivery.answers == ["nak"]
    assert await postings(database) == []
    assert await buried(database) == []
