"""Projections rebuilt while the service runs, and what the server gave up kept: on a real broker and database."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import nats.errors
import pytest
import sqlalchemy as sa
from ledger import Entry, EntryMadeV1, make_entries, post, postings
from pydantic import SecretStr
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.broker.connection import Broker, Outgoing, connect
from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.provision import provision
from chassis.broker.stream_reader import StreamReader
from chassis.broker.topology import (
    PROVISIONER,
    DurableDescription,
    ServiceDescription,
    StreamDescription,
    Topology,
    accounts_block,
)
from chassis.database.engine import Database, metadata
from chassis.database.tables import dead_letters, inbox
from chassis.dead_letters.advisories import AdvisoryListener
from chassis.ids import new_id
from chassis.lease.fence import LeaseLostError, confirm, take_over
from chassis.messages import Retry
from chassis.operators import Who
from chassis.partitions import Partition, partitions_of
from chassis.projections.rebuild import Rebuilder, RebuildUnderWayError, begin
from chassis.projections.upsert import keep_newest
from chassis.runtime.service import create_service
from chassis.settings import ServiceSettings
from chassis.subscriptions.router import Batch, Subscriptions, Tx
from chassis.testing import (
    Databases,
    Deliver,
    FreshDatabase,
    NatsSite,
    an_envelope,
    dead_letters_of,
    eventually,
    reset_broker,
)
from ssenet.processes.servers import start_nats

BALANCES, POSTINGS = "ledger-keep-balances", "ledger-post-entries"
OPERATOR = Who(caller="operator", by="operator on duty", reason="a mended handler")
A_DAY = timedelta(days=1)
TOPOLOGY = Topology(
    site="hq",
    streams={
        "EVENTS": StreamDescription(subjects=("sse.hq.>",), max_bytes=1 << 26, max_age=A_DAY, why="tests"),
        "ADVISORIES": StreamDescription(
            subjects=("$JS.EVENT.ADVISORY.CONSUMER.*.>",), max_bytes=1 << 26, max_age=A_DAY, why="tests"
        ),
    },
    services=(
        ServiceDescription(
            service="ledger",
            announces=("ledger",),
            partitions=2,
            hears=tuple(
                DurableDescription(durable=one, types=("ledger.entry.made.v1",))
                for one in (BALANCES, POSTINGS)
            ),
        ),
        ServiceDescription(
            service="stranger",
            announces=("stranger",),
            hears=(DurableDescription(durable="stranger-look-on", types=("stranger.thing.seen.v1",)),),
        ),
    ),
)


class Base(DeclarativeBase):
    metadata = metadata()


class Balance(Base):
    """The newest amount of each entry."""

    __tablename__ = "balances"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    amount: Mapped[int]
    epoch: Mapped[int]
    sequence: Mapped[int]


@dataclass
class Gate:
    """Holds a handler up while it is shut."""

    opened: asyncio.Event
    in_hand: int = 0


GATES: list[Gate] = []
TROUBLED: set[int] = set()
"""Amounts whose entries have to wait."""


async def keep_balances(entries: Batch[EntryMadeV1], tx: Tx) -> None:
    for gate in GATES:
        gate.in_hand += 1
        await gate.opened.wait()
    if TROUBLED & {one.event.amount for one in entries}:
        raise Retry("not yet")
    rows = [
        {
            "id": UUID(one.envelope.subject),
            "amount": one.event.amount,
            "epoch": one.envelope.epoch,
            "sequence": one.envelope.sequence,
        }
        for one in entries
    ]
    await keep_newest(tx.session, Balance, rows)


def subscriptions() -> Subscriptions:
    found = Subscriptions("ledger")
    found.hears(EntryMadeV1, durable=BALANCES, projects=[Balance])(keep_balances)
    found.hears(EntryMadeV1, durable=POSTINGS)(post)
    return found


def the_projection() -> Any:
    return next(one for one in subscriptions() if one.durable == BALANCES)


@pytest.fixture(scope="module")
def server(server_folder: Path) -> Iterator[NatsSite]:
    seeds = {name: new_seed() for name in ("ledger", "stranger", PROVISIONER)}
    found = start_nats(server_folder / "rebuilding", accounts_block(TOPOLOGY, public_keys(seeds)))
    yield NatsSite(found.url, seeds, TOPOLOGY)
    found.stop()


@pytest.fixture
async def site(server: NatsSite) -> NatsSite:
    async with connected(server, PROVISIONER) as broker:
        await provision(broker.jetstream, TOPOLOGY)
        assert await provision(broker.jetstream, TOPOLOGY) == []
    await reset_broker(server)
    return server


@asynccontextmanager
async def connected(site: NatsSite, service: str) -> AsyncGenerator[Broker]:
    broker = await connect(site.url, service=service, seed=site.seeds[service])
    try:
        yield broker
    finally:
        await broker.stop()


async def with_balances(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


@pytest.fixture
async def client(databases: Databases, site: NatsSite) -> AsyncGenerator[Any]:
    """The ledger, running on real servers, asked by the operator."""
    url = await databases.create("ledger")
    database = Database(url, service="ledger")
    await with_balances(database)
    settings = ServiceSettings(
        database_url=SecretStr(url),
        nats_url=site.url,
        nats_seed=SecretStr(site.seeds["ledger"]),
        port=0,
        partitions=2,
        callers={"operator": sha256(b"operator").hexdigest(), "gateway": sha256(b"gateway").hexdigest()},
    )
    app = create_service("ledger", settings, subscriptions=subscriptions())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://ledger.test", headers={"Authorization": "Bearer operator"}
        ) as found:
            found.database = database  # type: ignore[attr-defined]
            yield found
    await database.close()
    await databases.drop(url)


async def balances(database: Database) -> dict[UUID, tuple[int, int]]:
    async with database.reading() as session:
        rows = await session.execute(sa.select(Balance.id, Balance.amount, Balance.sequence))
        return {row.id: (row.amount, row.sequence) for row in rows}


async def correct(database: Database) -> dict[UUID, tuple[int, int]]:
    async with database.reading() as session:
        rows = await session.execute(sa.select(Entry.id, Entry.amount, Entry.sequence))
        return {row.id: (row.amount, row.sequence) for row in rows}


async def test_a_projection_is_rebuilt_while_its_service_runs_and_hears_new_events(client: Any) -> None:
    database: Database = client.database
    await make_entries(database, *range(300))
    await eventually(lambda: _same(database))
    phantom = new_id()
    async with database.transaction() as tx:
        await tx.session.execute(sa.update(Balance).where(Balance.amount < 200).values(amount=-1))
        row = {"id": phantom, "amount": 7, "epoch": 1, "sequence": 3}
        await tx.session.execute(sa.insert(Balance).values(row))

    path = f"/internal/projections/{BALANCES}/rebuild"
    begun = await client.post(path, json={"by": "operator on duty"})
    again = await client.post(path, json={"by": "operator on duty"})
    await make_entries(database, *range(300, 400))

    assert (begun.status_code, again.json()["id"]) == (202, begun.json()["id"])
    done = await eventually(lambda: _finished(client, path), timeout=20)
    # What an owner held that gave way is delivered again, but not before the broker has waited for it.
    await eventually(lambda: _same(database, besides=phantom), timeout=60)
    assert done["report"]["balances"] == {"rows": 301, "unreached": 1, "some": [str(phantom)]}
    assert (await balances(database))[phantom] == (7, 3)
    assert sorted(await postings(database)) == list(range(400))

    # Nothing came since: every row keeps its version, and the next change of it is newer as ever.
    now = {"by": "operator on duty", "from_time": database.clock().isoformat()}
    assert (await client.post(path, json=now)).status_code == 202
    since = await eventually(lambda: _finished_since(client, path, done["id"]), timeout=20)
    assert since["report"]["balances"]["unreached"] == 401
    assert await _same(database, besides=phantom)


async def test_a_rebuild_from_the_midst_of_the_history_reaches_what_came_since_and_nothing_before(
    client: Any,
) -> None:
    database: Database = client.database
    await make_entries(database, *range(100))
    await eventually(lambda: _same(database))
    midst = database.clock()
    await make_entries(database, *range(100, 200))
    await eventually(lambda: _same(database))
    right = await correct(database)
    async with database.transaction() as tx:
        await tx.session.execute(sa.update(Balance).values(amount=-1))

    path = f"/internal/projections/{BALANCES}/rebuild"
    asked = {"by": "operator on duty", "from_time": midst.isoformat()}
    assert (await client.post(path, json=asked)).status_code == 202
    done = await eventually(lambda: _finished(client, path), timeout=20)

    mended = {key: value for key, value in (await balances(database)).items() if value[0] != -1}
    assert mended == {key: value for key, value in right.items() if value[0] >= 100}
    assert done["report"]["balances"]["unreached"] == 100


async def test_a_batch_in_hand_while_the_durable_is_set_back_takes_nothing_with_it(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = client.database
    await make_entries(database, *range(100))
    await eventually(lambda: _same(database))
    async with database.transaction() as tx:
        await tx.session.execute(sa.update(Balance).values(amount=-1))
    gate, reset_durable = Gate(asyncio.Event()), Broker.reset_durable

    async def with_a_batch_in_hand(broker: Broker, stream: str, durable: str, **told: Any) -> Any:
        if told.get("sequence") and not GATES:
            GATES.append(gate)
            await make_entries(database, *range(100, 140))
            with suppress(AssertionError):
                await eventually(lambda: gate.in_hand == 2, timeout=1)
            # Until the server has sent the first events anew: an acknowledgement would be of those, too.
            asyncio.get_running_loop().call_later(1, gate.opened.set)
        return await reset_durable(broker, stream, durable, **told)

    monkeypatch.setattr(Broker, "reset_durable", with_a_batch_in_hand)
    path = f"/internal/projections/{BALANCES}/rebuild"
    assert (await client.post(path, json={"by": "operator on duty"})).status_code == 202
    done = await eventually(lambda: _finished(client, path), timeout=20)
    GATES.clear()

    assert done["report"]["balances"] == {"rows": 100, "unreached": 0, "some": []}
    await eventually(lambda: _same(database))


async def test_a_rebuild_is_over_only_when_what_waits_for_its_next_attempt_is_applied(client: Any) -> None:
    database: Database = client.database
    await make_entries(database, *range(40))
    await eventually(lambda: _same(database))
    async with database.transaction() as tx:
        await tx.session.execute(sa.update(Balance).values(amount=-1))
    path = f"/internal/projections/{BALANCES}/rebuild"
    TROUBLED.update({7, 8})
    try:
        assert (await client.post(path, json={"by": "operator on duty"})).status_code == 202
        why = await eventually(lambda: _hindered(client, path), timeout=20)
        assert why == "2 of its events wait for their next attempt, or behind one that does"
    finally:
        TROUBLED.clear()
    done = await eventually(lambda: _finished(client, path), timeout=20)

    assert done["report"]["balances"] == {"rows": 40, "unreached": 0, "some": []}
    assert await _same(database)


async def test_a_rebuild_that_cannot_go_on_says_why_and_holds_up_no_other(
    client: Any, site: NatsSite
) -> None:
    database: Database = client.database
    await make_entries(database, *range(10))
    await eventually(lambda: _same(database))
    async with connected(site, PROVISIONER) as provisioner:
        await provisioner.jetstream.delete_consumer("EVENTS", "ledger-look-up")
        path = f"/internal/projections/{BALANCES}/rebuild"
        since = {"by": "operator on duty", "from_time": database.clock().isoformat()}
        assert (await client.post(path, json=since)).status_code == 202
        why = await eventually(lambda: _hindered(client, path))
        assert why is not None
        assert "ledger-look-up" in why
        checks = (await client.get("/health/ready")).json()["checks"]
        assert "ledger-look-up is gone" in checks["consumers"]

        await provision(provisioner.jetstream, TOPOLOGY)
    done = await eventually(lambda: _finished(client, path), timeout=20)
    assert done["hindered_by"] is None


async def _hindered(client: Any, path: str) -> str | None:
    return (await client.get(path)).json()["hindered_by"]


async def _same(database: Database, besides: UUID | None = None) -> bool:
    found = await balances(database)
    found.pop(besides, None)  # type: ignore[arg-type]
    return bool(found) and found == await correct(database)


async def _finished_since(client: Any, path: str, earlier: str) -> Any:
    found = await _finished(client, path)
    return found if found and found["id"] != earlier else None


async def _finished(client: Any, path: str) -> Any:
    found = (await client.get(path)).json()
    return found if found["state"] == "finished" else None


async def test_what_is_no_projection_is_refused_and_so_is_whoever_is_no_operator(client: Any) -> None:
    refused = await client.post(f"/internal/projections/{POSTINGS}/rebuild", json={"by": "operator on duty"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:ilo:sse:problem:no-projection")
    assert "does more than keep the newest state" in refused.json()["detail"]

    listed = (await client.get("/internal/projections")).json()["handlers"]
    assert [(one["durable"], one["projection"]) for one in listed] == [(BALANCES, True), (POSTINGS, False)]
    gateway = {"Authorization": "Bearer gateway"}
    path = f"/internal/projections/{BALANCES}/rebuild"
    assert (await client.post(path, json={"by": "x"}, headers=gateway)).status_code == 403
    assert (await client.get(path)).status_code == 404


async def test_readers_see_no_older_state_while_a_projection_is_rebuilt(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    await with_balances(database)
    deliver, entry = Deliver(database, subscriptions()), new_id()
    older = await deliver(EntryMadeV1(amount=1), subject=entry, sequence=1)
    newest = await deliver(EntryMadeV1(amount=2), subject=entry, sequence=2)

    await begin(database, the_projection(), OPERATOR)
    assert await balances(database) == {entry: (2, 1)}
    await deliver.again(older)
    assert await balances(database) == {entry: (2, 1)}
    await deliver.again(newest)
    assert await balances(database) == {entry: (2, 2)}


async def test_a_rebuild_that_was_cut_short_anywhere_goes_on_to_the_same_end(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    await with_balances(database)
    deliver, lonely = Deliver(database, subscriptions()), new_id()
    await deliver(EntryMadeV1(amount=1), subject=lonely, sequence=4)
    first = await begin(database, the_projection(), OPERATOR)
    async with connected(site, "ledger") as broker:
        for _ in range(3):
            # Each time as after a crash: by a process that knows nothing, and the stage before done once more.
            await _a_rebuilder(database, broker).advance()
            async with database.transaction() as tx:
                again = sa.text("UPDATE projection_rebuilds SET state = 'rewinding' WHERE state = 'applying'")
                await tx.session.execute(again)
            assert await begin(database, the_projection(), OPERATOR) == first
        with pytest.raises(RebuildUnderWayError, match="is under way"):
            await begin(database, the_projection(), OPERATOR, from_time=database.clock())
        rebuilder = _a_rebuilder(database, broker)
        while await rebuilder.advance():
            pass

    assert await balances(database) == {lonely: (1, 4)}
    assert await begin(database, the_projection(), OPERATOR) != first
    assert await balances(database) == {lonely: (1, 3)}


async def test_a_rebuild_whose_durable_is_split_anew_begins_with_the_new_parts(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    await with_balances(database)
    rebuild_id = await begin(database, the_projection(), OPERATOR)
    async with connected(site, "ledger") as broker, connected(site, PROVISIONER) as provisioner:
        for _ in range(2):
            await _a_rebuilder(database, broker).advance()
        whole = [one.model_copy(update={"partitions": 1}) for one in TOPOLOGY.services]
        await provision(provisioner.jetstream, TOPOLOGY.model_copy(update={"services": tuple(whole)}))
        rebuilder = _a_rebuilder(database, provisioner, parts=1)
        try:
            while await rebuilder.advance():
                assert rebuild_id not in rebuilder._hindered
        finally:
            await provision(provisioner.jetstream, TOPOLOGY)


async def test_a_rebuild_is_no_crash_of_the_owner_that_it_fences_off(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    await with_balances(database)
    part = Partition(BALANCES)
    owner = await take_over(database, part)

    await begin(database, the_projection(), OPERATOR)

    with pytest.raises(LeaseLostError):
        await confirm(database, owner)
    assert (await take_over(database, part)).crashes == 0


def _a_rebuilder(database: Database, broker: Broker, *, parts: int = 2) -> Rebuilder:
    reader = StreamReader(broker, database, stream="EVENTS")
    names = {BALANCES: [part.name for part in partitions_of(BALANCES, parts)]}
    return Rebuilder(subscriptions(), database, broker, reader, stream="EVENTS", parts=names)


async def test_a_rebuild_leaves_waiting_and_discarded_letters_to_the_operator(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    await with_balances(database)
    ended = {"waiting": new_id(), "discarded": new_id(), "replayed": new_id()}
    async with database.transaction() as tx:
        for place, (state, event_id) in enumerate(ended.items()):
            row = {"id": new_id(), "durable": BALANCES, "stream": "EVENTS", "stream_sequence": place}
            told = {"nats_subject": "-", "payload": b"-", "error_class": "-", "error": "-", "attempts": []}
            letter = row | told | {"event_id": event_id, "died_at": tx.now, "state": state}
            await tx.session.execute(sa.insert(dead_letters).values(letter))
            await tx.session.execute(sa.insert(inbox).values(durable=BALANCES, event_id=event_id))

    await begin(database, the_projection(), OPERATOR)

    async with database.reading() as session:
        still_taken = set(await session.scalars(sa.select(inbox.c.event_id)))
    assert still_taken == {ended["waiting"], ended["discarded"]}


async def test_an_event_is_found_by_its_place_and_by_its_time(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    async with connected(site, "ledger") as broker, connected(site, PROVISIONER) as provisioner:
        reader = StreamReader(broker, database, stream="EVENTS")
        assert await reader.first_since(database.clock()) is None
        places = await _publish(broker, 20)
        stored = [await provisioner.jetstream.get_msg("EVENTS", place) for place in places]
        found = [await reader.first_since(one.time) for one in stored if one.time]
        late = await reader.first_since(database.clock() + A_DAY)
        early = await reader.first_since(database.clock() - A_DAY)
        await provisioner.jetstream.purge_stream("EVENTS", keep=3)
        gone, kept = await reader.at(places[0]), await reader.at(places[-1])

    assert found == places
    assert (late, early) == (None, places[0])
    assert gone is None
    assert kept is not None
    assert kept.stream_sequence == places[-1]


async def _publish(broker: Broker, count: int) -> list[int]:
    places: list[int] = []
    for number in range(count):
        envelope = an_envelope(EntryMadeV1(amount=number))
        payload = envelope.model_dump_json().encode()
        places.append(await broker.publish_one(Outgoing(envelope.nats_subject, str(envelope.id), payload)))
    return places


async def test_what_the_server_gives_up_becomes_a_dead_letter_once_also_when_the_event_is_gone(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    async with connected(site, "ledger") as broker, connected(site, PROVISIONER) as provisioner:
        [first, second, applied] = await _publish(broker, 3)
        deliveries = await _fetched(provisioner, 3)
        await _as_if_applied(database, deliveries[2].data)
        before = await _heard(provisioner)
        for one in deliveries:
            await one.term()
        listener = AdvisoryListener(database, broker, StreamReader(broker, database, stream="EVENTS"))
        stopping = asyncio.Event()
        listening = asyncio.create_task(listener.run(stopping))
        await eventually(lambda: _heard_beyond(provisioner, before + 2))
        stopping.set()
        await listening
        letters = {one.stream_sequence: one for one in await dead_letters_of(database)}
        again = await _replay_advisory(listener, first)
        await provisioner.jetstream.purge_stream("EVENTS")
        gone = await _replay_advisory(listener, applied + 7)

    assert set(letters) == {first, second}
    assert (letters[first].durable, letters[first].error_class) == (POSTINGS, "TerminatedError")
    assert letters[first].payload == deliveries[0].data
    assert again is None
    assert gone is not None
    lost = next(one for one in await dead_letters_of(database) if one.id == gone)
    assert (lost.payload, lost.error.endswith("the stream holds the event no more")) == (b"", True)


async def test_an_event_whose_deliveries_are_used_up_becomes_a_dead_letter_with_its_payload(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    async with connected(site, "ledger") as broker, connected(site, PROVISIONER) as provisioner:
        jetstream = provisioner.jetstream
        for part in partitions_of(POSTINGS, 2):
            config = (await jetstream.consumer_info("EVENTS", part.name)).config
            config.max_deliver, config.ack_wait = 1, 0.1
            await jetstream.add_consumer("EVENTS", config)
        [place] = await _publish(broker, 1)
        [delivery] = await _fetched(provisioner, 1)
        again = await jetstream.pull_subscribe_bind(durable=delivery.metadata.consumer, stream="EVENTS")
        with pytest.raises(nats.errors.TimeoutError):
            # Asked for more, the server finds the deliveries used up, and says so on its own subject.
            await again.fetch(1, timeout=1)
        listener = AdvisoryListener(database, broker, StreamReader(broker, database, stream="EVENTS"))
        stopping = asyncio.Event()
        listening = asyncio.create_task(listener.run(stopping))
        letters: list[Any] = await eventually(lambda: dead_letters_of(database))
        stopping.set()
        await listening

    [letter] = letters
    assert (letter.durable, letter.error_class) == (POSTINGS, "MaxDeliveriesError")
    assert (letter.stream_sequence, letter.payload) == (place, delivery.data)


async def test_an_event_given_up_that_no_database_stores_as_it_is_is_kept_all_the_same(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    database = await fresh_database("ledger")
    envelope = an_envelope(EntryMadeV1(amount=1))
    odd = {"type": "a\x00b", "dataschema": "urn:\x00", "traceparent": "00-\x00-"}
    payload = envelope.model_copy(update=odd).model_dump_json().encode()
    async with connected(site, "ledger") as broker:
        outgoing = Outgoing(envelope.nats_subject, str(envelope.id), payload)
        place = await broker.publish_one(outgoing)
        listener = AdvisoryListener(database, broker, StreamReader(broker, database, stream="EVENTS"))
        letter_id = await _replay_advisory(listener, place)

    [letter] = await dead_letters_of(database)
    assert (letter.id, letter.payload) == (letter_id, payload)
    assert (letter.type, letter.dataschema, letter.trace_id) == ("a\\0b", "urn:\\0", None)


async def _fetched(broker: Broker, count: int) -> list[Any]:
    """What was published for the postings, in the order of the stream, fetched by somebody who is about to fail."""
    parts = partitions_of(POSTINGS, 2)

    async def pending() -> list[int]:
        return [
            (await broker.jetstream.consumer_info("EVENTS", part.name)).num_pending or 0 for part in parts
        ]

    # A durable counts what the stream has stored a moment after its publisher was answered.
    async def all_there() -> bool:
        return sum(await pending()) == count

    await eventually(all_there)
    found: list[Any] = []
    for part, waiting in zip(parts, await pending(), strict=True):
        subscription = await broker.jetstream.pull_subscribe_bind(durable=part.name, stream="EVENTS")
        found += await subscription.fetch(waiting, timeout=5) if waiting else []
    assert len(found) == count
    return sorted(found, key=lambda message: message.metadata.sequence.stream)


async def _as_if_applied(database: Database, payload: bytes) -> None:
    async with database.transaction() as tx:
        taken = sa.text(
            "INSERT INTO inbox (durable, event_id) SELECT :durable, (CAST(:told AS json)->>'id')::uuid"
        )
        await tx.session.execute(taken, {"durable": POSTINGS, "told": payload.decode()})


async def _heard_beyond(broker: Broker, count: int) -> bool:
    return await _heard(broker) > count


async def _heard(broker: Broker) -> int:
    info = await broker.jetstream.consumer_info("ADVISORIES", "ledger-advisories")
    return info.ack_floor.consumer_seq if info.ack_floor else 0


async def _replay_advisory(listener: AdvisoryListener, sequence: int) -> UUID | None:
    from chassis.dead_letters.advisories import Advisory

    return await listener.dead_letter(
        Advisory(
            type="io.nats.jetstream.advisory.v1.max_deliver",
            timestamp="2026-11-23T09:00:00Z",
            stream="EVENTS",
            consumer=f"{POSTINGS}-1of2",
            stream_seq=sequence,
            deliveries=12,
        )
    )


async def test_a_service_hears_no_advisories_and_looks_up_no_events_but_its_own(site: NatsSite) -> None:
    async with connected(site, "ledger") as ledger, connected(site, PROVISIONER) as provisioner:
        await _publish(ledger, 1)
        [delivery] = await _fetched(provisioner, 1)
        await delivery.term()
        info = provisioner.jetstream.consumer_info
        await eventually(lambda: _pending(provisioner, "ledger-advisories"))
        assert (await info("ADVISORIES", "stranger-advisories")).num_pending == 0
        assert (await info("EVENTS", "stranger-look-up")).num_pending == 0

    async with connected(site, "stranger") as stranger:
        for api in (
            "MSG.NEXT.ADVISORIES.ledger-advisories",
            "MSG.NEXT.EVENTS.ledger-look-up",
            "RESET.EVENTS.ledger-look-up",
            f"RESET.EVENTS.{BALANCES}-0of2",
            "INFO.ADVISORIES.ledger-advisories",
        ):
            with pytest.raises(nats.errors.TimeoutError):
                await stranger.connection.request(f"$JS.API.CONSUMER.{api}", b"", timeout=0.2)


async def _pending(broker: Broker, durable: str) -> int:
    return (await broker.jetstream.consumer_info("ADVISORIES", durable)).num_pending or 0
