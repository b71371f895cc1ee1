"""Dead letters in the operator's hands: found, mended, applied once after all or ended, always with a record."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa
from ledger import EntryMadeV1, RefusedEntryError, post, postings, subscriptions

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.database.tables import dead_letters
from chassis.dead_letters.admin import (
    LetterEndedError,
    NotAnEventError,
    Selection,
    count,
    discard,
    edit,
    find,
    in_order,
    read,
    records_of,
)
from chassis.dead_letters.replay import Replayer, Result
from chassis.ids import new_id
from chassis.messages import Received
from chassis.operators import Who
from chassis.subscriptions.router import Batch, Tx
from chassis.testing import Deliver, FreshDatabase, an_envelope, dead_letters_of, ready
from contracts.event import Envelope

OPERATOR = Who(caller="operator", by="operator on duty", reason="the ledger was mended")


async def post_anything(entries: Batch[EntryMadeV1], tx: Tx) -> None:
    """The handler after it was mended: nothing is poison to it."""
    mended = [
        Received(one.envelope, one.event.model_copy(update={"poison": None}), one.traceparent)
        for one in entries
    ]
    await post(mended, tx)


async def letters(database: Database, *amounts: int) -> list[UUID]:
    """Have these amounts refused; returns their letters in the order of the stream."""
    envelopes = [an_envelope(EntryMadeV1(amount=amount, poison="refused")) for amount in amounts]
    await Deliver(database, subscriptions()).again(*envelopes, failing=True)
    async with database.reading() as session:
        places = await in_order(session, Selection(), after=None, limit=100)
    return [place.letter_id for place in places]


async def replayed(
    database: Database, ids: Sequence[UUID], handler: object = post_anything, *, dry_run: bool = False
) -> list[Result]:
    replayer = Replayer(await ready(subscriptions(handler)), database)
    return (await replayer.replay(ids, OPERATOR, rate=10_000, dry_run=dry_run)).results


async def what(database: Database, letter_id: UUID) -> tuple[Any, list[Any]]:
    async with database.reading() as session:
        return await read(session, letter_id), await records_of(session, letter_id)


async def test_letters_are_replayed_in_the_order_of_the_stream_and_each_once(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, 1, 2, 3)

    results = await replayed(database, [ids[2], ids[0], ids[1]])
    again = await replayed(database, ids)

    assert [one.outcome for one in results] == ["applied"] * 3
    assert [one.outcome for one in again] == ["not_waiting"] * 3
    assert await postings(database) == [1, 2, 3]
    letter, records = await what(database, ids[0])
    assert (letter.state, letter.ended_at is not None) == ("replayed", True)
    assert [(one.action, one.by, one.reason, one.outcome) for one in records] == [
        ("replayed", OPERATOR.by, OPERATOR.reason, "applied")
    ]


async def test_two_operators_who_replay_at_once_apply_once(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, *range(20))

    both = await asyncio.gather(replayed(database, ids), replayed(database, ids[::-1]))

    assert sorted(await postings(database)) == list(range(20))
    outcomes = [one.outcome for results in both for one in results]
    assert (outcomes.count("applied"), outcomes.count("not_waiting")) == (20, 20)


async def test_an_event_that_fails_again_waits_on_with_its_history_and_holds_up_no_other(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, 1, 2, 3)

    async def refuse_two(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post_anything(entries, tx)
        if any(one.event.amount == 2 for one in entries):
            raise KeyError("missing")

    results = await replayed(database, ids, refuse_two)

    assert [one.outcome for one in results] == ["applied", "failed", "applied"]
    assert await postings(database) == [1, 3]
    letter, records = await what(database, ids[1])
    assert (letter.state, letter.error_class) == ("waiting", "KeyError")
    assert [one["error"] for one in letter.attempts] == [
        "RefusedEntryError: this amount cannot be posted",
        "KeyError: 'missing'",
    ]
    assert [one.action for one in records] == ["failed"]


async def test_an_error_that_no_database_stores_as_it_is_holds_up_no_other_letter(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, 1, 2)

    async def refuse_one(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post_anything(entries, tx)
        if any(one.event.amount == 1 for one in entries):
            raise ValueError("a\x00b")

    results = await replayed(database, ids, refuse_one)

    assert [(one.outcome, one.detail) for one in results] == [
        ("failed", "ValueError: a\\0b"),
        ("applied", None),
    ]
    letter, [record] = await what(database, ids[0])
    assert letter.error == letter.attempts[-1]["error"] == record.outcome == "ValueError: a\\0b"
    assert letter.attempts[-1]["replayed_by"] == OPERATOR.by


async def test_a_dry_run_says_what_would_happen_and_leaves_everything_as_it_was(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, 1, 2)

    async def refuse_two(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        await post_anything(entries, tx)
        if any(one.event.amount == 2 for one in entries):
            raise KeyError("missing")

    results = await replayed(database, [*ids, new_id()], refuse_two, dry_run=True)

    assert [one.outcome for one in results] == ["applied", "failed", "unknown"]
    assert results[1].detail == "KeyError: 'missing'"
    assert await postings(database) == []
    letter, records = await what(database, ids[1])
    assert (letter.state, len(letter.attempts), records) == ("waiting", 1, [])


async def test_the_effect_and_the_end_of_the_letter_are_one_commit(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    [letter_id] = await letters(database, 1)
    async with database.transaction() as tx:
        # The last statement of a replay writes the record: where that fails, nothing of the rest may stay.
        await tx.session.execute(sa.text("ALTER TABLE dead_letter_records ADD CHECK (action <> 'replayed')"))

    [result] = await replayed(database, [letter_id])

    assert result.outcome == "failed"
    assert await postings(database) == []
    assert (await what(database, letter_id))[0].state == "waiting"


async def test_what_was_no_event_is_applied_once_it_has_been_mended(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    envelope = an_envelope(EntryMadeV1(amount=7)).model_dump(mode="json")
    broken = envelope | {"data": {"amount": "seven"}}
    letter_id = await _a_letter(database, orjson.dumps(broken), event_id=UUID(envelope["id"]))

    async with database.transaction() as tx:
        await edit(tx, subscriptions(), letter_id, envelope, OPERATOR)
    async with database.transaction() as tx:
        await edit(tx, subscriptions(), letter_id, envelope, OPERATOR)
    [result] = await replayed(database, [letter_id])

    assert result.outcome == "applied"
    assert await postings(database) == [7]
    letter, records = await what(database, letter_id)
    assert orjson.loads(letter.payload) == broken
    assert [one.action for one in records] == ["edited", "replayed"]
    assert (orjson.loads(records[0].before), orjson.loads(records[0].after)) == (broken, envelope)


async def test_an_edit_that_breaks_the_contract_is_refused_at_its_pointer(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    [letter_id] = await letters(database, 1)
    letter, _ = await what(database, letter_id)
    original = Envelope.model_validate_json(letter.payload).model_dump(mode="json")
    faults: list[tuple[dict[str, Any], str, str]] = [
        ({"data": {"amount": "much"}}, "/data/amount", "int-parsing"),
        ({"data": {}}, "/data/amount", "missing"),
        ({"time": "yesterday"}, "/time", "datetime-from-date-parsing"),
        ({"type": "ledger.entry.lost.v1"}, "/type", "not-heard"),
        ({"id": str(new_id())}, "/id", "identity-changed"),
        ({"sequence": "0000000009"}, "/sequence", "identity-changed"),
    ]

    async with database.transaction() as tx:
        for change, pointer, code in faults:
            with pytest.raises(NotAnEventError) as refused:
                await edit(tx, subscriptions(), letter_id, original | change, OPERATOR)
            assert [(one.pointer, one.code) for one in refused.value.errors] == [(pointer, code)]

    assert (await what(database, letter_id))[1] == []


async def test_a_message_that_is_gone_says_so_and_can_be_supplied(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    letter_id = await _a_letter(database, b"", event_id=None)

    [before] = await replayed(database, [letter_id], dry_run=True)
    async with database.transaction() as tx:
        supplied = an_envelope(EntryMadeV1(amount=4)).model_dump(mode="json")
        await edit(tx, subscriptions(), letter_id, supplied, OPERATOR)
    [after] = await replayed(database, [letter_id])

    assert before.detail == "ContractError: the stream holds the event no more; an edit can supply it"
    assert (after.outcome, await postings(database)) == ("applied", [4])


async def test_a_supplied_event_that_was_applied_by_another_way_has_no_second_effect(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    applied = await Deliver(database, subscriptions())(EntryMadeV1(amount=4))
    letter_id = await _a_letter(database, b"", event_id=None)
    async with database.transaction() as tx:
        await edit(tx, subscriptions(), letter_id, applied.model_dump(mode="json"), OPERATOR)

    [result] = await replayed(database, [letter_id])

    assert (result.outcome, await postings(database)) == ("already_applied", [4])
    assert (await what(database, letter_id))[0].state == "replayed"


async def test_a_discarded_letter_is_kept_with_its_record_and_never_applied(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, 1, 2)

    async with database.transaction() as tx:
        assert await discard(tx, OPERATOR, ids=[ids[0]]) == [ids[0]]
        assert await discard(tx, OPERATOR, ids=[ids[0]]) == []
    results = await replayed(database, ids)

    assert [one.outcome for one in results] == ["not_waiting", "applied"]
    assert await postings(database) == [2]
    letter, records = await what(database, ids[0])
    assert (letter.state, [one.action for one in records]) == ("discarded", ["discarded"])
    async with database.transaction() as tx:
        with pytest.raises(LetterEndedError, match="was discarded"):
            await edit(tx, subscriptions(), ids[0], orjson.loads(letter.payload), OPERATOR)


async def test_letters_are_found_by_every_filter_and_page_by_page(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, *range(5))
    [last] = [one for one in await dead_letters_of(database) if one.id == ids[-1]]
    selections = [
        (Selection(durable="ledger-post-entries"), 5),
        (Selection(durable="ledger-other"), 0),
        (Selection(type="ledger.entry.made.v1", error_class=RefusedEntryError.__name__), 5),
        (Selection(error_class="KeyError"), 0),
        (Selection(state="replayed"), 0),
        (Selection(state="any", since=last.died_at), 1),
        (Selection(before=last.died_at), 4),
        (Selection(before=last.died_at + timedelta(seconds=1)), 5),
    ]

    async with database.reading() as session:
        for selection, matching in selections:
            assert await count(session, selection) == matching, selection
        newest = await find(session, Selection(), limit=3)
        rest = await find(session, Selection(), after=newest[-1].id, limit=3)
        first = await in_order(session, Selection(), after=None, limit=2)
        following = await in_order(session, Selection(), after=first[-1], limit=9)

    assert {one.id for one in [*newest, *rest]} == set(ids)
    assert [one.letter_id for one in [*first, *following]] == ids


async def test_a_replay_is_no_faster_than_its_rate(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, *range(6))
    loop = asyncio.get_running_loop()

    began = loop.time()
    await Replayer(await ready(subscriptions(post_anything)), database).replay(
        ids, OPERATOR, rate=20, dry_run=False
    )

    # Five go at once, a quarter of a second's worth, the sixth after that.
    assert loop.time() - began >= 0.25


async def test_a_replay_stops_when_its_time_is_over_and_goes_on_where_it_stopped(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    ids = await letters(database, *range(20))
    # Whatever a handler takes is more than no time at all.
    slow = Replayer(await ready(subscriptions(post_anything)), database, seconds=0)
    asked = [*reversed(ids), new_id()]
    pages = [await slow.replay(asked, OPERATOR, rate=10_000, dry_run=False)]
    while after := pages[-1].stopped_at:
        pages.append(await slow.replay(asked, OPERATOR, rate=10_000, dry_run=False, after=after))

    assert len(pages) > 1
    assert await postings(database) == list(range(20))
    told = [(one.letter_id, one.outcome) for page in pages for one in page.results]
    assert len(told) == len(asked)
    assert dict(told) == dict.fromkeys(ids, "applied") | {asked[-1]: "unknown"}


async def test_a_database_from_before_letters_had_states_gains_them(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    [letter_id] = await letters(database, 1)
    async with database.transaction() as tx:
        for undone in (
            "ALTER TABLE dead_letters DROP COLUMN state, DROP COLUMN ended_at, DROP COLUMN edited_payload",
            "DROP TABLE dead_letter_records, projection_rebuilds, projection_rebuild_rows",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            await tx.session.execute(sa.text(undone))

    await migrate(database.url, "ledger")
    [result] = await replayed(database, [letter_id])

    assert result.outcome == "applied"


async def _a_letter(database: Database, payload: bytes, *, event_id: UUID | None) -> UUID:
    """A letter as the backbone buries it, with its event taken into the inbox."""
    letter_id = new_id()
    async with database.transaction() as tx:
        row = {
            "id": letter_id,
            "durable": "ledger-post-entries",
            "stream": "EVENTS",
            "stream_sequence": 1,
            "nats_subject": "sse.hq.all.ledger.entry.made.v1",
            "event_id": event_id,
            "payload": payload,
            "error_class": "ContractError",
            "error": "ContractError: broken",
            "attempts": [],
            "died_at": tx.now,
        }
        await tx.session.execute(sa.insert(dead_letters).values(row))
        if event_id is not None:
            taken = sa.text("INSERT INTO inbox (durable, event_id) VALUES ('ledger-post-entries', :event_id)")
            await tx.session.execute(taken, {"event_id": event_id})
    return letter_id
