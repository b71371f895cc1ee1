"""Open pages: what each is sent, what all of them cost, who has to give way, and how each comes to its end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
import sqlalchemy as sa
from live_kit import Inboxes, signed_in

from chassis.database.engine import Database
from chassis.testing import eventually
from contracts.words import Language, MemberId
from gateway.clients import ServiceUnavailableError
from gateway.members.live import LiveStream, LiveStreams, streams
from gateway.members.live.feed import RECENT
from gateway.sessions import Session
from gateway.sessions.workflows import session_for
from gateway.sign_in.workflows import end_sessions_of, sign_out
from gateway.tables import StoredSession


@dataclass
class Reader:
    """An open page, reading."""

    stream: LiveStream
    positions: list[int] = field(default_factory=list[int])
    beats: int = 0
    reading: "asyncio.Task[None] | None" = None

    @property
    def ended(self) -> bool:
        return self.reading is not None and self.reading.done()

    async def read(self) -> None:
        async for missed in self.stream.news():
            if missed is None:
                self.beats += 1
            else:
                self.positions += [item.position for item in missed.items]


@dataclass
class Door:
    """The streams of a gateway, its database, and the inboxes behind."""

    live: LiveStreams
    inboxes: Inboxes
    database: Database
    stopping: asyncio.Event
    pages: AsyncExitStack

    async def member(self, member_id: MemberId | None = None) -> Session:
        return (await signed_in(self.database, member_id))[1]

    async def open(self, session: Session, *, after: int | None = None) -> Reader:
        stream = await self.pages.enter_async_context(self.live.open(session, Language.EN, after=after))
        reader = Reader(stream)
        reader.reading = asyncio.create_task(reader.read())
        return reader


@asynccontextmanager
async def a_door(database: Database, *, in_all: int = 5000, per_member: int = 5000) -> AsyncGenerator[Door]:
    inboxes, stopping = Inboxes(), asyncio.Event()
    live = LiveStreams(inboxes.client(), database, stopping, in_all=in_all, per_member=per_member)
    async with AsyncExitStack() as pages:
        yield Door(live, inboxes, database, stopping, pages)
    assert live.count == 0
    # What one page needed of the process ends with the last one.
    await eventually(lambda: not inboxes.listening)


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as door:
        yield door


async def test_a_rush_of_pages_costs_one_stream_of_notices_and_one_look(door: Door) -> None:
    session = await door.member()
    readers = await asyncio.gather(*(door.open(session, after=0) for _ in range(2000)))
    assert len(door.inboxes.listening) == 1
    assert len(door.inboxes.looks) == 1

    door.inboxes.change(session.member_id)
    await eventually(lambda: all(reader.positions == [1] for reader in readers), timeout=30)

    assert len(door.inboxes.looks) == 2


async def test_a_change_wakes_the_pages_of_its_member_and_no_others(door: Door) -> None:
    dakar, cairo = await door.member(), await door.member()
    one, other = await door.open(dakar), await door.open(cairo)
    before = len(door.inboxes.looks)

    door.inboxes.change(dakar.member_id)
    await eventually(lambda: one.positions == [1])

    assert other.positions == []
    assert [member for member, _ in door.inboxes.looks[before:]] == [str(dakar.member_id)]


async def test_a_page_that_comes_back_is_sent_exactly_what_it_missed(door: Door) -> None:
    session = await door.member()
    for _ in range(5):
        door.inboxes.change(session.member_id, quietly=True)

    late, early = await door.open(session, after=3), await door.open(session, after=0)
    await eventually(lambda: (late.positions, early.positions) == ([4, 5], [1, 2, 3, 4, 5]))

    door.inboxes.change(session.member_id)
    await eventually(lambda: late.positions[-1] == early.positions[-1] == 6)
    assert late.positions == [4, 5, 6]


async def test_more_than_is_kept_in_memory_is_missed_and_read_once_for_all_at_one_position(
    door: Door,
) -> None:
    session = await door.member()
    await door.open(session, after=0)
    many = 2 * RECENT + 10
    for _ in range(many):
        door.inboxes.change(session.member_id, quietly=True)
    door.inboxes.tell([session.member_id])
    before = len(door.inboxes.looks)

    readers = [await door.open(session, after=0) for _ in range(50)]
    await eventually(lambda: all(reader.positions == [*range(1, many + 1)] for reader in readers), timeout=30)

    assert len(door.inboxes.looks) - before < 30


async def test_an_item_that_changed_twice_is_sent_as_it_stands_to_who_missed_both(door: Door) -> None:
    session, item = await door.member(), uuid4()
    first = await door.open(session)
    for _ in range(2):
        door.inboxes.change(session.member_id, item=item, quietly=True)
    door.inboxes.tell(None)
    await eventually(lambda: first.positions == [2])

    back = await door.open(session, after=0)
    await eventually(lambda: back.positions == [2])


async def test_a_position_of_a_lost_database_goes_on_where_the_inbox_stands(door: Door) -> None:
    session = await door.member()
    door.inboxes.change(session.member_id)

    reader = await door.open(session, after=77)
    door.inboxes.change(session.member_id)

    await eventually(lambda: reader.positions == [2])


async def test_pages_whose_inbox_was_set_back_go_on_with_what_comes(door: Door) -> None:
    session = await door.member()
    for _ in range(5):
        door.inboxes.change(session.member_id, quietly=True)
    reader = await door.open(session)

    del door.inboxes.inboxes[str(session.member_id)][1:]
    door.inboxes.tell(None)
    await eventually(lambda: reader.stream.position == 1)
    door.inboxes.change(session.member_id)

    await eventually(lambda: reader.positions == [2])


async def test_nothing_is_missed_while_the_notices_were_cut(door: Door) -> None:
    session = await door.member()
    reader = await door.open(session)

    door.inboxes.cut()
    await eventually(lambda: not door.inboxes.listening)
    door.inboxes.change(session.member_id)

    await eventually(lambda: reader.positions == [1])
    assert not reader.ended


async def test_pages_end_where_notices_are_lost_for_good_and_new_ones_say_why(door: Door) -> None:
    session = await door.member()
    reader = await door.open(session)

    door.inboxes.away = True
    door.inboxes.cut()
    await eventually(lambda: reader.ended)
    with pytest.raises(ServiceUnavailableError):
        await door.open(session)
    assert door.live.count == 0

    door.inboxes.away = False
    again = await door.open(session)
    door.inboxes.change(session.member_id)
    await eventually(lambda: again.positions == [1])


async def test_a_page_says_that_it_stands_when_the_notices_do(door: Door) -> None:
    reader = await door.open(await door.member())
    before = reader.beats

    door.inboxes.beat()

    await eventually(lambda: reader.beats > before)


async def test_a_members_oldest_page_gives_way_to_its_newest(database: Database) -> None:
    async with a_door(database, per_member=2) as door:
        session = await door.member()
        oldest, *others = [await door.open(session) for _ in range(3)]

        await eventually(lambda: oldest.ended)
        assert oldest.stream.gave_way
        assert not any(reader.ended for reader in others)
        assert door.live.count == 2


async def test_whoever_has_most_gives_way_to_who_has_little(database: Database) -> None:
    async with a_door(database, in_all=3) as door:
        busy, quiet = await door.member(), await door.member()
        oldest, *others = [await door.open(busy) for _ in range(3)]

        await door.open(quiet)

        await eventually(lambda: oldest.ended)
        assert not any(reader.ended for reader in others)
        assert door.live.count == 3


async def test_where_nobody_has_more_the_newest_is_told_to_come_back(database: Database) -> None:
    async with a_door(database, in_all=2) as door:
        held = [await door.open(await door.member()) for _ in range(2)]

        with pytest.raises(ServiceUnavailableError):
            await door.open(await door.member())

        assert not any(reader.ended for reader in held)
        assert door.live.count == 2


async def test_a_place_is_given_back_by_who_failed_or_was_cancelled_while_opening(door: Door) -> None:
    session = await door.member()
    door.inboxes.away = True
    with pytest.raises(ServiceUnavailableError):
        await door.open(session)
    assert door.live.count == 0

    door.inboxes.away = False
    opening = asyncio.create_task(door.open(session))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    assert door.live.count == 0


@pytest.mark.parametrize("end", ["signed out", "member left", "run out"])
async def test_pages_end_with_their_session(door: Door, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(streams, "_LOOK_EVERY", 0.01)
    session, other = await door.member(), await door.member()
    reader, others = await door.open(session), await door.open(other)

    async with door.database.transaction() as tx:
        if end == "signed out":
            await sign_out(tx, session.id)
        elif end == "member left":
            await end_sessions_of(tx, [session.member_id])
        else:
            over = sa.update(StoredSession).where(StoredSession.id == session.id)
            await tx.session.execute(over.values(expires_at=tx.now))

    await eventually(lambda: reader.ended)
    assert not others.ended


async def test_nothing_is_pushed_once_sessions_could_not_be_looked_at_for_long(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await door.member()
    reader = await door.open(session)
    monkeypatch.setattr(streams, "TRUSTED", -1.0)

    door.inboxes.change(session.member_id)

    await eventually(lambda: reader.ended)
    assert reader.positions == []


async def test_pages_end_when_the_service_stops(door: Door) -> None:
    session = await door.member()
    readers = [await door.open(session) for _ in range(3)]

    door.stopping.set()

    await eventually(lambda: all(reader.ended for reader in readers))
    with pytest.raises(ServiceUnavailableError):
        await door.open(session)


async def test_a_rush_with_one_cookie_looks_at_its_session_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def counted(*args: object, **kwargs: object) -> object:
        nonlocal looks
        looks += 1
        return await session_for(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(streams, "session_for", counted)
    cookie, session = await signed_in(database)
    async with a_door(database) as door:
        for _ in range(20):
            assert await door.live.session_of(cookie) == session
        assert await door.live.session_of("of nobody") is None

    assert looks == 2
