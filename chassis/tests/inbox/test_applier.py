"""Applied once: what the apply path promises, on a real database."""

import asyncio
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa
from ledger import EntryMadeV1, make_entries, post, postings, subscriptions, waiting_rows

from chassis.database.retention import RETENTION, delete_old_rows
from chassis.database.tables import outbox, outbox_marks, waiting_events
from chassis.inbox.applier import MAX_HELD_BACK, QUARANTINE_AFTER, Applier, Outcome
from chassis.inbox.batch_transaction import Committed, PendingEvent
from chassis.inbox.ordering import Backoff, BatchStep
from chassis.lease.fence import LeaseLostError, take_over
from chassis.messages import StreamMessage
from chassis.partitions import Partition
from chassis.subscriptions.router import Batch, Tx
from chassis.testing import Deliver, FreshDatabase, an_envelope, announced, dead_letters_of, ready


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

    outcomes = await deliver.again(*batch, failing=True)

    assert await postings(database) == [0, 1, 2, 4, 5, 6, 7]
    assert outcomes == [Outcome.DEAD_LETTERED if n == 3 else Outcome.APPLIED for n in range(8)]
    [letter] = await dead_letters_of(database)
    assert letter.event_id == batch[3].id
    assert letter.error_class == "RefusedEntryError"
    assert letter.trace_id == (batch[3].traceparent or "").split("-")[1]
    assert letter.dataschema == "urn:ilo:sse:schema:ledger.entry.made.v1"


async def test_an_unexpected_error_is_retried_and_leaves_no_effect(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())

    [outcome] = await deliver.again(an_envelope(EntryMadeV1(amount=1, poison="bug")), failing=True)

    assert outcome is Outcome.QUEUED
    assert await postings(database) == []
    assert await dead_letters_of(database) == []


async def test_an_error_that_only_looks_like_an_absent_database_does_not_block_the_others(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    waits: list[int] = []

    async def wait_for_database() -> None:
        waits.append(1)

    async def reach_out(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post(entries, tx)
        if any(one.event.amount == 2 for one in entries):
            raise ConnectionRefusedError("something else is away")

    [subscription] = await ready(subscriptions(reach_out))
    batch = [an_envelope(EntryMadeV1(amount=n)) for n in range(64)]
    deliveries = [
        StreamMessage("EVENTS", n, one.nats_subject, one.model_dump_json().encode())
        for n, one in enumerate(batch)
    ]
    outcomes = await Applier(subscription, database, wait_for_database).apply(deliveries)

    assert outcomes == [Outcome.QUEUED if n == 2 else Outcome.APPLIED for n in range(64)]
    assert await postings(database) == [n for n in range(64) if n != 2]
    # Each takes a fifth of a second: the other keys wait for it no longer than that, however often the batch is halved.
    assert len(waits) == MAX_HELD_BACK


async def test_a_handler_that_awaits_what_is_cancelled_elsewhere_fails_and_ends_nothing(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")

    async def await_in_vain(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        elsewhere = asyncio.create_task(asyncio.sleep(10))
        elsewhere.cancel()
        await elsewhere

    deliver = Deliver(database, subscriptions(await_in_vain))
    assert await deliver.again(an_envelope(EntryMadeV1(amount=1)), failing=True) == [Outcome.QUEUED]


async def test_what_no_contract_was_made_for_is_buried_and_ends_nothing(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())
    # As one might come from before there was a limit. What waits is found by it, and indexes hold no more than 2.7 kB.
    endless = an_envelope(EntryMadeV1(amount=1)).model_copy(update={"subject": "x" * 3000})
    assert await deliver.again(endless, failing=True) == [Outcome.DEAD_LETTERED]

    def stumble(*_: object) -> None:
        raise KeyError("a rule with a hole")

    with monkeypatch.context() as patch:
        patch.setattr(EntryMadeV1, "model_validate", stumble)
        assert await deliver.again(an_envelope(EntryMadeV1(amount=2)), failing=True) == [
            Outcome.DEAD_LETTERED
        ]
    told = [letter.error for letter in await dead_letters_of(database)]
    assert sorted(told) == [
        "ContractError: KeyError while it was read",
        "ContractError: subject: string_too_long",
    ]


async def test_only_a_process_that_died_counts_as_one(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    part = Partition("ledger-post-entries")
    first = await take_over(database, part)

    # A database that went away twice leaves the owner no word of its own; but it is the same owner, and alive.
    second = await take_over(database, part, mine=first.token)
    third = await take_over(database, part, mine=second.token)
    assert (second.crashes, third.crashes) == (0, 0)
    assert (await take_over(database, part, mine=first.token)).crashes == 1

    # Split anew, the part is taken from an owner that did nothing wrong.
    await take_over(database, Partition(part.durable, 0, 2))
    assert (await take_over(database, part)).crashes == 0


async def test_an_event_put_off_by_a_clock_that_was_ahead_is_tried_again_as_soon_as_any(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    [subscription] = await ready(subscriptions())
    right = database.clock
    database.clock = lambda: right() + timedelta(hours=1)
    envelope = an_envelope(EntryMadeV1(amount=1, poison="bug"))
    delivery = StreamMessage("EVENTS", 1, envelope.nats_subject, envelope.model_dump_json().encode())
    assert await Applier(subscription, database, _database_is_there).apply([delivery]) == [Outcome.QUEUED]

    database.clock = right
    next_owner = Applier(subscription, database, _database_is_there)
    await next_owner.begin()

    due = next_owner.schedule.next_due()
    assert due is not None
    assert due - asyncio.get_running_loop().time() <= Backoff(max).longest_after(1)


async def test_what_is_no_event_is_buried_with_its_bytes(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    [subscription] = await ready(subscriptions())
    good = an_envelope(EntryMadeV1(amount=1))
    wrong = good.model_dump(mode="json") | {"data": {"amount": "secret words"}}
    deliveries = [
        StreamMessage("EVENTS", 1, "sse.hq.all.x", b"{"),
        StreamMessage("EVENTS", 2, "sse.hq.all.x", orjson.dumps(wrong)),
    ]

    outcomes = await Applier(subscription, database, _database_is_there).apply(deliveries)

    assert outcomes == [Outcome.DEAD_LETTERED] * 2
    letters = sorted(await dead_letters_of(database), key=lambda letter: letter.stream_sequence)
    assert [bytes(one.payload) for one in letters] == [one.payload for one in deliveries]
    assert letters[1].error == "ContractError: amount: int_parsing"
    assert (letters[1].event_id, letters[1].type) == (good.id, "ledger.entry.made.v1")
    assert letters[1].trace_id == (good.traceparent or "").split("-")[1]


async def _database_is_there() -> None: ...


async def test_eight_failed_attempts_make_a_dead_letter_that_tells_of_each(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())

    await deliver.again(an_envelope(EntryMadeV1(amount=1, poison="bug")), failing=True)
    for _ in range(7):
        assert await dead_letters_of(database) == []
        await deliver.retry(failing=True)

    [letter] = await dead_letters_of(database)
    assert [(one["attempt"], one["error"]) for one in letter.attempts] == [
        (n, "KeyError: 'missing'") for n in range(1, 9)
    ]
    assert await waiting_rows(database) == []


async def test_later_events_of_a_key_wait_behind_a_failed_one_and_others_go_on(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    broken = {3}

    async def post_unless_broken(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post(entries, tx)
        if any(one.event.amount in broken for one in entries):
            raise LookupError("not yet")

    deliver = Deliver(database, subscriptions(post_unless_broken))
    batch = [
        an_envelope(EntryMadeV1(amount=n), subject="odd" if n % 2 else f"even-{n}", sequence=n + 1)
        for n in range(10)
    ]
    outcomes = await deliver.again(*batch[:8], failing=True)
    later = await deliver.again(*batch[8:], failing=True)

    waits = [Outcome.QUEUED if n % 2 and n >= 3 else Outcome.APPLIED for n in range(10)]
    assert outcomes + later == waits
    assert sorted(await postings(database)) == [0, 1, 2, 4, 6, 8]
    broken.clear()
    await deliver.retry()
    assert [n for n in await postings(database) if n % 2] == [1, 3, 5, 7, 9]
    assert await deliver.again(*batch) == [Outcome.REPEATED] * 10


async def test_a_key_goes_on_once_its_failed_event_is_given_up(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    deliver = Deliver(database, subscriptions())
    batch = [
        an_envelope(EntryMadeV1(amount=n, poison="bug" if n == 1 else None), subject="one", sequence=n + 1)
        for n in range(4)
    ]

    await deliver.again(*batch, failing=True)
    for _ in range(7):
        assert await postings(database) == [0]
        await deliver.retry(failing=True)

    assert await postings(database) == [0, 2, 3]
    assert [letter.event_id for letter in await dead_letters_of(database)] == [batch[1].id]


async def test_an_event_that_ends_the_process_is_counted_before_it_is_handled_and_buried_in_the_end(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    handled: list[int] = []

    class DeathError(BaseException):
        """What a test can have of a killed process: nothing of the attempt is stored."""

    async def die(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post(entries, tx)
        if any(one.event.amount == 1 for one in entries):
            handled.append(1)
            raise DeathError

    [subscription] = await ready(subscriptions(die))
    payloads = [an_envelope(EntryMadeV1(amount=n)).model_dump_json().encode() for n in range(3)]
    deliveries = [StreamMessage("EVENTS", n, "sse.hq.all.x", payload) for n, payload in enumerate(payloads)]
    for _ in range(30):
        async with database.transaction() as tx:
            await tx.session.execute(sa.update(waiting_events).values(next_attempt_at=tx.now))
        applier = Applier(subscription, database, _database_is_there)
        try:
            await applier.begin(await take_over(database, Partition(subscription.durable)))
            while await applier.retry():
                pass
            await applier.apply(deliveries)
            while await applier.retry():
                pass
            break
        except DeathError:
            pass

    assert sorted(await postings(database)) == [0, 2]
    [letter] = await dead_letters_of(database)
    assert (letter.error_class, bytes(letter.payload)) == ("NeverAnsweredError", payloads[1])
    assert QUARANTINE_AFTER + 8 <= len(handled) <= 2 * QUARANTINE_AFTER + 8


async def test_what_was_set_aside_with_care_is_tried_though_the_answer_to_that_was_lost(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await fresh_database("ledger")
    [subscription] = await ready(subscriptions())
    part = Partition("ledger-post-entries")
    for _ in range(QUARANTINE_AFTER):
        await take_over(database, part)
    applier = Applier(subscription, database, _database_is_there)
    await applier.begin(await take_over(database, part))
    envelopes = [an_envelope(EntryMadeV1(amount=n)) for n in range(3)]
    commit = applier._transaction.step
    unanswered = iter([True])

    async def commit_and_lose_the_answer(step: BatchStep[PendingEvent], error: Exception | None) -> Committed:
        done = await commit(step, error)
        if next(unanswered, False):
            raise ConnectionResetError
        return done

    monkeypatch.setattr(applier._transaction, "step", commit_and_lose_the_answer)
    await applier.apply(
        [
            StreamMessage("EVENTS", n, one.nats_subject, one.model_dump_json().encode())
            for n, one in enumerate(envelopes)
        ]
    )
    while await applier.retry():
        pass

    assert sorted(await postings(database)) == [0, 1, 2]


async def test_what_an_owner_of_before_still_wants_to_write_is_refused(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    [subscription] = await ready(subscriptions())
    deliveries = [
        StreamMessage(
            "EVENTS", n, "sse.hq.all.x", an_envelope(EntryMadeV1(amount=n)).model_dump_json().encode()
        )
        for n in range(2)
    ]
    appliers = [Applier(subscription, database, _database_is_there) for _ in range(2)]
    for applier, part in zip(
        appliers, (Partition("ledger-post-entries", 1, 4), Partition("ledger-post-entries")), strict=True
    ):
        await applier.begin(await take_over(database, part))

    with pytest.raises(LeaseLostError):
        await appliers[0].apply(deliveries)
    assert await appliers[1].apply(deliveries[:1]) == [Outcome.APPLIED]
    assert await postings(database) == [0]


async def test_only_rows_past_their_retention_are_forgotten(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    await make_entries(database, *range(7))
    async with database.transaction() as tx:
        long_ago = tx.now - RETENTION * 2
        position = outbox.c.position
        old = sa.select(position, sa.literal(long_ago), position).order_by(position).limit(5)
        await tx.session.execute(sa.insert(outbox_marks).from_select(list(outbox_marks.c), old))

    right, database.clock = database.clock, lambda: long_ago + RETENTION * 9
    assert await delete_old_rows(database, step=2) == 5
    database.clock = right
    assert await delete_old_rows(database) == 0
    assert len(await announced(database)) == 2
