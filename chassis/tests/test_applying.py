"""Applied once: what the apply path promises, on a real database."""

from collections.abc import Sequence

import orjson
import sqlalchemy as sa
from ledger import EntryMadeV1, make_entries, post, postings, subscriptions

from chassis.applying import Applier, retry_delay
from chassis.housekeeping import RETENTION, forget_old_rows
from chassis.receiving import Received
from chassis.tables import outbox
from chassis.testing import Deliver, FakeDelivery, FreshDatabase, an_envelope, announced, buried
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
    letters = sorted(await buried(database), key=lambda letter: letter.stream_sequence)
    assert [bytes(one.payload) for one in letters] == [one.payload for one in deliveries]
    assert letters[1].error == "ContractError: amount: int_parsing"
    assert (letters[1].event_id, letters[1].type) == (good.id, "ledger.entry.made.v1")
    assert letters[1].trace_id == (good.traceparent or "").split("-")[1]


async def _database_is_there() -> None: ...


async def test_eight_failed_deliveries_make_a_dead_letter_that_tells_of_each(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    [subscription] = subscriptions()
    payload = an_envelope(EntryMadeV1(amount=1, poison="bug")).model_dump_json().encode()
    deliveries = [FakeDelivery(payload, "sse.hq.all.x", 7, attempt=n) for n in range(1, 9)]

    for delivery in deliveries:
        await Applier(subscription, database, _database_is_there).apply([delivery])

    assert [one.answers for one in deliveries] == [["nak"]] * 7 + [["term"]]
    [letter] = await buried(database)
    assert [(one["attempt"], one["error"]) for one in letter.attempts] == [
        (n, "KeyError: 'missing'") for n in range(1, 9)
    ]


async def test_an_event_that_was_never_answered_is_buried_before_it_is_handled_again(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    [subscription] = subscriptions()
    deadly = FakeDelivery(
        an_envelope(EntryMadeV1(amount=1)).model_dump_json().encode(), "sse.hq.all.x", 7, attempt=9
    )

    await Applier(subscription, database, _database_is_there).apply([deadly])

    assert deadly.answers == ["term"]
    assert await postings(database) == []
    assert [letter.error_class for letter in await buried(database)] == ["NeverAnsweredError"]


def test_the_delay_between_deliveries_grows_and_stays_bounded() -> None:
    delays = [retry_delay(attempt) for attempt in range(1, 12)]

    assert all(0.5 * 2**n <= delay <= 0.625 * 2**n for n, delay in enumerate(delays[:6]))
    assert max(delays) <= 75


async def test_only_rows_past_their_retention_are_forgotten(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    await make_entries(database, *range(7))
    async with database.transaction() as tx:
        long_ago = tx.now - RETENTION * 2
        old = sa.select(outbox.c.position).order_by(outbox.c.position).limit(5)
        await tx.session.execute(
            sa.update(outbox).where(outbox.c.position.in_(old)).values(published_at=long_ago)
        )

    assert await forget_old_rows(database, step=2) == 5
    assert await forget_old_rows(database) == 0
    assert len(await announced(database)) == 2
