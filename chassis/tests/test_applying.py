"""Applied once: what the apply path promises, on a real database."""

from collections.abc import Sequence

import orjson
from ledger import EntryMadeV1, post, postings, subscriptions

from chassis.applying import Applier
from chassis.receiving import Received
from chassis.testing import Deliver, FakeDelivery, FreshDatabase, an_envelope, buried
from chassis.transaction import Transaction


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


async def test_an_error_that_only_looks_like_an_absent_database_does_not_block_the_others(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    waits: list[int] = []

    async def wait_for_database() -> None:
        waits.append(1)

    async def reach_out(entries: Sequence[Received[EntryMadeV1]], tx: Transaction) -> None:
        await post(entries, tx)
        if any(one.event.amount == 2 for one in entries):
            raise ConnectionRefusedError("something else is away")

    [subscription] = subscriptions(reach_out)
    batch = [an_envelope(EntryMadeV1(amount=n)) for n in range(4)]
    deliveries = [
        FakeDelivery(one.model_dump_json().encode(), one.nats_subject, n) for n, one in enumerate(batch)
    ]
    await Applier(subscription, database, wait_for_database).apply(deliveries)

    assert [one.answers for one in deliveries] == [["ack"], ["ack"], ["nak"], ["ack"]]
    assert await postings(database) == [0, 1, 3]
    assert waits


async def test_what_is_no_event_is_buried_with_its_bytes(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    [subscription] = subscriptions()
    good = an_envelope(EntryMadeV1(amount=1))
    wrong = good.model_dump(mode="json") | {"data": {"amount": "secret words"}}
    deliveries = [FakeDelivery(b"{", "sse.hq.all.x", 1), FakeDelivery(orjson.dumps(wrong), "sse.hq.all.x", 2)]

    await Applier(subscription, database, _database_is_there).apply(deliveries)

    assert [one.answers for one in deliveries] == [["term"], ["term"]]
    letters = await buried(database)
    assert [bytes(one.payload) for one in letters] == [one.payload for one in deliveries]
    assert letters[1].error == "ContractError: amount: int_parsing"


async def _database_is_there() -> None: ...
