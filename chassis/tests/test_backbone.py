"""From the outbox of one transaction to the effect of another: on a real broker and a real database."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import nats.errors
import pytest
import sqlalchemy as sa
import structlog
from ledger import Entry, EntryMadeV1, make_entries, post, postings, subscriptions, waiting_rows
from ledger.messaging import TOPOLOGY, provisioner_of
from nats.js.api import ConsumerConfig
from sqlalchemy.exc import DBAPIError

from chassis.broker.connection import Broker, Outgoing, connect
from chassis.broker.durable_limits import ACK_WAIT
from chassis.broker.nkeys import public_keys
from chassis.broker.topology import accounts_block
from chassis.consumer import pull
from chassis.consumer.consumer import Consumer, ConsumerDriftError
from chassis.consumer.pull import Pull
from chassis.database.engine import Database
from chassis.database.tables import inbox, outbox
from chassis.ids import new_id
from chassis.lease.fence import take_over
from chassis.lease.holder import LeaseHolder
from chassis.outbox import relay as relay_module
from chassis.outbox.relay import Relay
from chassis.partitions import Partition
from chassis.projections.upsert import keep_newest
from chassis.subscriptions.router import Batch, Subscriptions, Tx
from chassis.testing import FreshDatabase, NatsSite, an_envelope, dead_letters_of, eventually
from contracts.event import Envelope
from ssenet.processes.servers import free_port, start_nats, start_postgres


@dataclass
class Backbone:
    """A relay and a consumer of the ledger, as its service would run them."""

    database: Database
    broker: Broker
    relay: Relay
    consumer: Consumer


@asynccontextmanager
async def backbone(
    database: Database, url: str, seed: str, heard: Subscriptions | None = None, *, ack_wait: float = ACK_WAIT
) -> AsyncGenerator[Backbone]:
    async def reconnected() -> None:
        consumer.reconnected()

    heard = heard or subscriptions()
    broker = Broker(url, service="ledger", seed=seed, routers=[heard], on_reconnect=reconnected)
    await broker.start()
    relay = Relay(database, broker)
    [subscription] = heard
    lease_holder = LeaseHolder(database)
    consumer = Consumer(subscription, database, broker, lease_holder, stream="EVENTS", ack_wait=ack_wait)
    owning = asyncio.create_task(lease_holder.run())
    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run())]
    try:
        yield Backbone(database, broker, relay, consumer)
    finally:
        relay.stop()
        consumer.stop()
        try:
            await asyncio.wait_for(asyncio.gather(*tasks), 10)
        finally:
            lease_holder.stop()
            await asyncio.wait_for(owning, 10)
            await broker.stop()


@pytest.fixture
async def ledger(fresh_database: FreshDatabase) -> Database:
    return await fresh_database("ledger")


async def delivered(site: NatsSite) -> int:
    """How many events the durable still has to deliver or to hear an answer for."""
    async with provisioner_of(site) as broker:
        info = await broker.jetstream.consumer_info("EVENTS", "ledger-post-entries")
        return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def test_what_a_transaction_announced_is_applied_once_and_in_order(
    ledger: Database, site: NatsSite
) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        ids = await make_entries(ledger, *range(1200))
        await running.relay.wait_until_published(ids, timeout=10)
        await eventually(lambda: _count(ledger, 1200))

    assert await postings(ledger) == list(range(1200))
    assert await delivered(site) == 0


async def test_a_rolled_back_transaction_announces_nothing(ledger: Database, site: NatsSite) -> None:
    async def announce_and_fail() -> None:
        async with ledger.transaction() as tx:
            entry = Entry(id=new_id(), home_site=tx.site, epoch=1, sequence=0, amount=1)
            tx.session.add(entry)
            tx.announce(EntryMadeV1(amount=1), of=entry)
            await tx.write_announcements()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await announce_and_fail()

    async with ledger.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(outbox)) == 0


async def test_a_refused_atomic_batch_loses_and_doubles_nothing(ledger: Database, site: NatsSite) -> None:
    await make_entries(ledger, *range(10))
    async with ledger.reading() as session:
        rows = (await session.execute(sa.select(outbox).order_by(outbox.c.position))).all()
    # Four of the ten are in the stream already, as after a crash between acknowledgement and mark.
    early = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    for row in rows[2:6]:
        async with ledger.reading() as session:
            text = await session.scalar(
                sa.text("SELECT envelope::text FROM outbox WHERE position = :p"), {"p": row.position}
            )
        await early.publish_one(Outgoing(row.nats_subject, str(row.event_id), str(text).encode()))
    await early.stop()

    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        await running.relay.wait_until_published([row.event_id for row in rows], timeout=10)
        await eventually(lambda: _count(ledger, 10))

    assert sorted(await postings(ledger)) == list(range(10))
    async with provisioner_of(site) as broker:
        assert (await broker.jetstream.stream_info("EVENTS")).state.messages == 10


async def test_an_event_that_stands_in_the_stream_twice_is_applied_once(
    ledger: Database, site: NatsSite
) -> None:
    # As when the broker has forgotten, after its window for duplicates, that it has had the event before.
    first, second, last = (an_envelope(EntryMadeV1(amount=amount)) for amount in (1, 2, 3))

    async with backbone(ledger, site.url, site.seeds["ledger"]):
        await _publish_unrecognised(site, [first, second, first])
        await eventually(lambda: _count(ledger, 2))
        await _publish_unrecognised(site, [second, first, last])
        await eventually(lambda: _count(ledger, 3))
        await eventually(lambda: _settled(site))

    async with provisioner_of(site) as broker:
        assert (await broker.jetstream.stream_info("EVENTS")).state.messages == 6
    assert sorted(await postings(ledger)) == [1, 2, 3]


async def test_events_in_any_order_leave_the_newest_state(ledger: Database, site: NatsSite) -> None:
    async def keep(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        rows = [
            {
                "id": UUID(one.envelope.subject),
                "home_site": one.envelope.site,
                "epoch": one.envelope.epoch,
                "sequence": one.envelope.sequence,
                "amount": one.event.amount,
            }
            for one in entries
        ]
        await keep_newest(tx.session, Entry, rows)

    changes = [
        an_envelope(EntryMadeV1(amount=number), subject=entry, sequence=number)
        for entry in (new_id(), new_id())
        for number in range(1, 9)
    ]
    Random(7).shuffle(changes)  # noqa: S311 - a seeded order, no secret

    async with backbone(ledger, site.url, site.seeds["ledger"], subscriptions(keep)):
        # The latter half apart from the former, so that what is late is late for its batch, too.
        await _publish_unrecognised(site, changes[:8])
        await eventually(lambda: _heard(ledger, 8))
        await _publish_unrecognised(site, changes[8:])
        await eventually(lambda: _heard(ledger, 16))

    async with ledger.reading() as session:
        assert list(await session.scalars(sa.select(Entry.amount))) == [8, 8]


async def test_a_crash_between_commit_and_ack_does_not_apply_twice(ledger: Database, site: NatsSite) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        running.consumer._pull.acknowledge = _never  # type: ignore[method-assign]
        running.consumer._pull.end = _never  # type: ignore[method-assign]
        await make_entries(ledger, 1, 2, 3)
        await eventually(lambda: _count(ledger, 3))
    assert await delivered(site) == 3

    async with backbone(ledger, site.url, site.seeds["ledger"]):
        # Nobody waits for the server to give up on the one that crashed: that would take longer.
        await eventually(lambda: _settled(site), timeout=ACK_WAIT / 3)

    assert await postings(ledger) == [1, 2, 3]


async def test_a_durable_set_back_while_nothing_came_is_caught_up_again(
    ledger: Database, site: NatsSite
) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]):
        await make_entries(ledger, 1, 2, 3)
        await eventually(lambda: _count(ledger, 3))
        await eventually(lambda: _settled(site))

    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        await eventually(lambda: running.consumer.active and running.consumer._pull._inbox is not None)
        async with provisioner_of(site) as broker:
            await broker.connection.request(
                "$JS.API.CONSUMER.RESET.EVENTS.ledger-post-entries", b'{"seq": 1}', timeout=5
            )
        await eventually(lambda: _settled(site), timeout=ACK_WAIT / 3)

    assert await postings(ledger) == [1, 2, 3]


async def test_an_owner_that_begins_anew_asks_for_nothing_when_another_has_taken_over(
    ledger: Database, site: NatsSite
) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        await eventually(lambda: running.consumer.active and running.consumer._pull._inbox is not None)
        successor = await take_over(ledger, running.consumer.partition)
        with structlog.testing.capture_logs() as told:
            running.consumer.reconnected()
            await eventually(lambda: any(one["event"].startswith("part taken over") for one in told))
        assert successor.token == 2


async def test_what_ends_the_process_is_no_goodbye(ledger: Database, site: NatsSite) -> None:
    class PanicError(BaseException):
        """As an extension in another language raises it."""

    panicked = asyncio.Event()

    async def panic(_entries: Batch[EntryMadeV1], _tx: Tx) -> None:
        panicked.set()
        raise PanicError

    async def serve() -> None:
        async with backbone(ledger, site.url, site.seeds["ledger"], subscriptions(panic)):
            await asyncio.wait_for(panicked.wait(), 10)

    await make_entries(ledger, 1)
    with pytest.raises(PanicError):
        await serve()

    assert (await take_over(ledger, Partition("ledger-post-entries"))).crashes == 1


async def test_a_connection_that_its_client_gave_up_for_good_is_told_of(site: NatsSite) -> None:
    told = asyncio.Event()
    broker = Broker(site.url, service="ledger", seed=site.seeds["ledger"], on_close=told.set)
    await broker.connect()
    subject, content = "sse.hq.all.ledger.entry.made.v1.00", b"x" * (broker.connection.max_payload - 20)

    # With its headers it is larger than the server takes.
    several = [Outgoing(subject, str(number), content) for number in range(2)]
    for refused in (broker.publish_one(several[0]), broker.publish_atomic_batch(several)):
        with pytest.raises(nats.errors.MaxPayloadError):
            await refused
    assert not broker.connection.is_closed
    # The client looks at the payload alone.
    await broker.connection.publish(subject, content, headers={"Nats-Msg-Id": "too-large"})
    async with asyncio.timeout(5):
        await told.wait()


async def test_an_owner_notices_that_one_before_it_has_set_the_durable_back(site: NatsSite) -> None:
    broker = await connect(site.url, service="ledger", seed=site.seeds["ledger"])

    async def publish(*numbers: int) -> None:
        for number in numbers:
            await broker.publish_one(Outgoing("sse.hq.all.ledger.entry.made.v1.0", str(number), b"{}"))

    owner, stale = (Pull(broker, "EVENTS", "ledger-post-entries", lambda: None) for _ in range(2))
    await owner.begin()
    await owner.ask()
    await publish(1, 2, 3)
    await eventually(lambda: len(owner) == 3)
    await owner.acknowledge(owner.take())
    await eventually(lambda: _settled(site))

    # Had it asked as well and been sent three events, the fourth would follow on at the owner by its number.
    await stale.begin()
    await publish(4)

    await eventually(lambda: owner.broken)
    assert not len(stale)
    await broker.stop()


async def test_an_owner_notices_that_the_last_event_went_to_one_before_it(
    site: NatsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 0.5)
    broker = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    owner, stale = (Pull(broker, "EVENTS", "ledger-post-entries", lambda: None) for _ in range(2))
    await stale.begin()
    await owner.begin()
    await stale.ask()
    await owner.ask()

    # No event follows whose number would show the gap.
    await broker.publish_one(Outgoing("sse.hq.all.ledger.entry.made.v1.0", str(new_id()), b"{}"))

    await eventually(lambda: len(stale) == 1)
    await eventually(lambda: owner.broken, timeout=ACK_WAIT / 3)
    await stale.end(hand_back=False)
    await owner.begin()
    await owner.ask()
    await eventually(lambda: len(owner) == 1)
    await broker.stop()


async def test_a_poisoned_event_lets_the_others_through_and_leaves_a_record(
    ledger: Database, site: NatsSite
) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]):
        await make_entries(ledger, 1, 2)
        await make_entries(ledger, 3, poison="refused")
        await make_entries(ledger, 4, 5)
        await eventually(lambda: dead_letters_of(ledger))
        await eventually(lambda: _count(ledger, 4))
        await eventually(lambda: _settled(site))

    assert await postings(ledger) == [1, 2, 4, 5]
    [letter] = await dead_letters_of(ledger)
    assert letter.nats_subject.rpartition(".")[0] == "sse.hq.all.ledger.entry.made.v1"
    assert [attempt["attempt"] for attempt in letter.attempts] == [1]


async def test_a_failing_event_is_delivered_again_with_a_growing_delay(
    ledger: Database, site: NatsSite
) -> None:
    failures: list[float] = []

    async def fail_twice(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        if len(failures) < 2:
            failures.append(asyncio.get_running_loop().time())
            raise LookupError("not yet")
        await post(entries, tx)

    async with backbone(ledger, site.url, site.seeds["ledger"], subscriptions(fail_twice)):
        await make_entries(ledger, 7)
        await eventually(lambda: _count(ledger, 1))

    assert await postings(ledger) == [7]
    assert failures[1] - failures[0] >= 0.5
    assert await waiting_rows(ledger) == []


async def test_a_broker_restart_loses_nothing(
    ledger: Database, ledger_seeds: dict[str, str], tmp_path: Path
) -> None:
    configuration = accounts_block(TOPOLOGY, public_keys(ledger_seeds))
    server = start_nats(tmp_path / "nats", configuration)
    site = NatsSite(server.url, ledger_seeds, TOPOLOGY)
    await _provision(site)
    try:
        async with backbone(ledger, server.url, ledger_seeds["ledger"]):
            await make_entries(ledger, 1, 2)
            await eventually(lambda: _count(ledger, 2))
            server.process.kill()
            server.process.wait()
            await make_entries(ledger, 3, 4)
            server = start_nats(tmp_path / "nats", configuration, port=server.port)
            await eventually(lambda: _count(ledger, 4), timeout=20)
            # A killed server may have forgotten acknowledgements: those come again, and change nothing.
            await _set_ack_wait(site, 0.2)
            await eventually(lambda: _settled(site))
    finally:
        server.stop()

    assert await postings(ledger) == [1, 2, 3, 4]


async def test_a_database_restart_uses_up_no_attempt_and_loses_nothing(
    site: NatsSite, tmp_path: Path
) -> None:
    from chassis.database.migrations import migrate

    server = start_postgres(tmp_path / "pg", password="secret", settings={"fsync": "off"})
    url = server.url("postgres").replace("postgresql://", "postgresql+asyncpg://")
    await migrate(url, "ledger")
    database = Database(url, service="ledger")
    try:
        async with backbone(database, site.url, site.seeds["ledger"]):
            await make_entries(database, 1, 2)
            await eventually(lambda: _count(database, 2))
            server.process.kill()
            server.process.wait()
            await _publish_past_the_outbox(site, 3)
            # Long enough for the event to have been tried, and tried again, if anything but waiting were done.
            await asyncio.sleep(3)
            server = start_postgres(
                tmp_path / "pg", password="secret", port=server.port, settings={"fsync": "off"}
            )
            await make_entries(database, 4)
            await eventually(lambda: _count(database, 4), timeout=20)
            await eventually(lambda: _settled(site))
        assert sorted(await postings(database)) == [1, 2, 3, 4]
        assert await dead_letters_of(database) == []
        assert await waiting_rows(database) == []
    finally:
        await database.close()
        server.stop()


async def test_changed_consumer_settings_are_noticed_and_provisioning_mends_them(
    ledger: Database, site: NatsSite
) -> None:
    async with provisioner_of(site) as broker:
        await broker.jetstream.delete_consumer("EVENTS", "ledger-post-entries")
        await broker.jetstream.add_consumer(
            "EVENTS",
            ConsumerConfig(
                durable_name="ledger-post-entries",
                filter_subject="sse.*.all.ledger.other.v1.*",
                max_deliver=3,
            ),
        )
        user = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
        [subscription] = subscriptions()
        consumer = Consumer(subscription, ledger, user, LeaseHolder(ledger), stream="EVENTS")
        with pytest.raises(ConsumerDriftError, match="filters"):
            await consumer.look()

        from chassis.broker.provision import provision

        changed = await provision(broker.jetstream, TOPOLOGY)
        assert changed == ["durable ledger-post-entries made"]
        assert await provision(broker.jetstream, TOPOLOGY) == []
        assert (await consumer.look()).config.max_deliver == 12
        await user.stop()


async def test_a_stop_under_load_leaves_no_event_waiting_for_its_ack_timeout(
    ledger: Database, site: NatsSite
) -> None:
    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        ids = await make_entries(ledger, *range(3000))
        await running.relay.wait_until_published(ids, timeout=20)
        await eventually(lambda: _some(ledger))

    async with provisioner_of(site) as broker:
        assert (await broker.jetstream.consumer_info("EVENTS", "ledger-post-entries")).num_ack_pending == 0
    async with backbone(ledger, site.url, site.seeds["ledger"]):
        await eventually(lambda: _count(ledger, 3000), timeout=20)
    assert await postings(ledger) == list(range(3000))


async def test_an_event_that_takes_long_is_not_given_to_another(ledger: Database, site: NatsSite) -> None:
    taken: list[int] = []

    async def take_long(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        taken.append(len(entries))
        await asyncio.sleep(1.5)
        await post(entries, tx)

    await _set_ack_wait(site, 0.4)
    async with backbone(ledger, site.url, site.seeds["ledger"], subscriptions(take_long), ack_wait=0.4):
        await make_entries(ledger, 1)
        await eventually(lambda: _count(ledger, 1))
        await eventually(lambda: _settled(site))

    assert (taken, await postings(ledger)) == ([1], [1])


async def test_large_events_are_fetched_and_published_in_bounded_batches(
    ledger: Database, site: NatsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    async def weigh(entries: Batch[EntryMadeV1], tx: Tx) -> None:
        sizes.append(len(entries))
        await post([one for one in entries if one.event.amount >= 0], tx)

    monkeypatch.setattr(pull, "BATCH_BYTES", 300_000)
    monkeypatch.setattr(relay_module, "_BATCH_BYTES", 300_000)
    await make_entries(ledger, *range(12), poison="x" * 100_000)
    async with backbone(ledger, site.url, site.seeds["ledger"], subscriptions(weigh)):
        await eventually(lambda: _count(ledger, 12), timeout=20)

    assert max(sizes) <= 6
    assert await postings(ledger) == list(range(12))


async def test_a_second_relay_takes_over_when_the_leader_goes(ledger: Database, site: NatsSite) -> None:
    first = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    leader = Relay(ledger, first)
    leading = asyncio.create_task(leader.run())
    await eventually(lambda: leader.is_leader)
    async with backbone(ledger, site.url, site.seeds["ledger"]) as running:
        ids = await make_entries(ledger, 1)
        # The follower hears of what the leader published.
        await running.relay.wait_until_published(ids, timeout=10)
        assert not running.relay.is_leader
        leader.stop()
        await leading
        ids = await make_entries(ledger, 2)
        await running.relay.wait_until_published(ids, timeout=10)
        assert running.relay.is_leader
    await first.stop()


@pytest.mark.parametrize(
    "subject",
    [
        "sse.hq.all.ledger.entry.made.v1.00",
        "$JS.API.STREAM.PURGE.EVENTS",
        "$JS.API.CONSUMER.MSG.NEXT.EVENTS.ledger-post-entries",
    ],
)
async def test_a_service_may_not_touch_anothers_subjects_or_durables(site: NatsSite, subject: str) -> None:
    stranger = await connect(site.url, service="stranger", seed=site.seeds["stranger"])
    with pytest.raises(nats.errors.TimeoutError):
        await stranger.connection.request(subject, b"{}", timeout=0.5)
    assert "permissions violation" in str(stranger.connection.last_error).lower()
    await stranger.stop()


async def test_nobody_connects_without_a_key(site: NatsSite) -> None:
    host, _, port = site.url.removeprefix("nats://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await reader.readline()
    writer.write(b'CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"1"}\r\nPING\r\n')
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    assert b"Authorization Violation" in answer


async def _never(*_: object, **__: object) -> None: ...


async def _some(database: Database) -> bool:
    return bool(await postings(database))


async def _count(database: Database, count: int) -> bool:
    try:
        return len(await postings(database)) >= count
    except (OSError, DBAPIError):
        return False


async def _heard(database: Database, count: int) -> bool:
    async with database.reading() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(inbox)) == count


async def _settled(site: NatsSite) -> bool:
    return await delivered(site) == 0


async def _provision(site: NatsSite) -> None:
    from chassis.broker.provision import provision

    async with provisioner_of(site) as broker:
        await provision(broker.jetstream, TOPOLOGY)


async def _set_ack_wait(site: NatsSite, seconds: float) -> None:
    async with provisioner_of(site) as broker:
        config = (await broker.jetstream.consumer_info("EVENTS", "ledger-post-entries")).config
        config.ack_wait = seconds
        await broker.jetstream.add_consumer("EVENTS", config)


async def _publish_unrecognised(site: NatsSite, envelopes: Sequence[Envelope]) -> None:
    """Publish events one by one, each under an id that the stream has never had."""
    broker = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    for envelope in envelopes:
        payload = envelope.model_dump_json().encode()
        await broker.publish_one(Outgoing(envelope.nats_subject, str(new_id()), payload))
    await broker.stop()


async def _publish_past_the_outbox(site: NatsSite, amount: int) -> None:
    envelope = an_envelope(EntryMadeV1(amount=amount))
    broker = await connect(site.url, service="ledger", seed=site.seeds["ledger"])
    await broker.publish_one(
        Outgoing(envelope.nats_subject, str(envelope.id), envelope.model_dump_json().encode())
    )
    await broker.stop()


async def test_an_owner_without_its_database_tries_again_ever_more_slowly() -> None:
    database = Database(
        f"postgresql+asyncpg://ledger:secret@127.0.0.1:{free_port()}/ledger", service="ledger"
    )
    lease_holder = LeaseHolder(database)
    # What wakes an owner stays set while nobody looks at it.
    lease_holder.request(Partition("ledger-post-entries"), lambda: None)
    began = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        owning = asyncio.create_task(lease_holder.run())
        await eventually(lambda: len(logs) >= 3)
        lease_holder.stop()
        await owning

    assert time.monotonic() - began >= 0.2 + 0.4
    assert {one["event"] for one in logs} == {"owner lost its database, trying again"}
    await database.close()
