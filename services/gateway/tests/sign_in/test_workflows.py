"""Links and the sessions they begin, on a real database."""

from datetime import timedelta

import sqlalchemy as sa
from partner_kit import a_member

from chassis.database.engine import Database
from chassis.testing import SettableClock
from contracts.words import Language, Role
from gateway.sessions.domain import IDLE_LIFE, WHOLE_LIFE, Session
from gateway.sessions.workflows import note_seen, session_for, set_language
from gateway.sign_in.workflows import issue_link, pending_link, redeem_link, sign_out
from gateway.tables import SignInLink, StoredSession


async def _link(database: Database, **changes: object) -> str:
    async with database.transaction() as tx:
        return await issue_link(tx, a_member(**changes))  # type: ignore[arg-type]


async def _enter(
    database: Database, token: str, language: Language | None = None
) -> tuple[str, Session] | None:
    async with database.transaction() as tx:
        return await redeem_link(tx, token, language=language)


async def _session(database: Database, cookie: str) -> Session | None:
    async with database.reading() as session:
        found = await session_for(session, cookie, now=database.clock())
    if found is None:
        return None
    if found[1]:
        async with database.transaction() as tx:
            await note_seen(tx, found[0].id)
    return found[0]


async def test_a_link_lets_its_member_in_once(database: Database) -> None:
    token = await _link(database, role=Role.OPERATOR, organisation="COOP")
    async with database.reading() as session:
        pending = await pending_link(session, token, now=database.clock())

    assert pending is not None
    assert (pending.role, pending.organisation) == (Role.OPERATOR, "COOP")
    entered = await _enter(database, token)
    assert entered is not None
    assert await _session(database, entered[0]) == entered[1]
    assert await _enter(database, token) is None


async def test_a_link_grows_stale(database: Database, clock: SettableClock) -> None:
    token = await _link(database)
    clock.advance(timedelta(minutes=10, seconds=-1))
    async with database.reading() as session:
        assert await pending_link(session, token, now=clock()) is not None

    clock.advance(timedelta(seconds=1))

    async with database.reading() as session:
        assert await pending_link(session, token, now=clock()) is None
    assert await _enter(database, token) is None


async def test_the_database_holds_no_token(database: Database) -> None:
    entered = await _enter(database, await _link(database))
    unused = await _link(database)
    assert entered is not None

    async with database.reading() as session:
        links = (await session.execute(sa.select(SignInLink.__table__))).all()
        sessions = (await session.execute(sa.select(StoredSession.__table__))).all()
    kept = f"{links} {sessions}"
    assert all(secret not in kept for secret in (unused, entered[0], entered[1].csrf_token))


async def test_an_idle_session_ends_and_a_used_one_goes_on(database: Database, clock: SettableClock) -> None:
    used, idle = await _enter(database, await _link(database)), await _enter(database, await _link(database))
    assert used is not None
    assert idle is not None

    clock.advance(timedelta(hours=11, minutes=59))
    assert await _session(database, used[0]) is not None
    clock.advance(timedelta(minutes=1))

    assert await _session(database, used[0]) is not None
    assert await _session(database, idle[0]) is None


async def test_no_session_outlives_its_week(database: Database, clock: SettableClock) -> None:
    entered = await _enter(database, await _link(database))
    assert entered is not None
    for _ in range(int(WHOLE_LIFE / (IDLE_LIFE / 2))):
        assert await _session(database, entered[0]) is not None
        clock.advance(IDLE_LIFE / 2)

    assert await _session(database, entered[0]) is None


async def test_a_member_chooses_a_language_and_leaves(database: Database) -> None:
    entered = await _enter(database, await _link(database), language=Language.AR)
    assert entered is not None
    cookie, session = entered
    assert session.language is Language.AR

    async with database.transaction() as tx:
        await set_language(tx, session.id, Language.ES)
    changed = await _session(database, cookie)
    assert changed is not None
    assert changed.language is Language.ES
    async with database.transaction() as tx:
        await sign_out(tx, session.id)
    assert await _session(database, cookie) is None


async def test_what_expired_is_forgotten(database: Database, clock: SettableClock) -> None:
    await _enter(database, await _link(database))
    await _link(database)
    clock.advance(WHOLE_LIFE)

    await _enter(database, await _link(database))

    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(SignInLink)) == 0
        assert await session.scalar(sa.select(sa.func.count()).select_from(StoredSession)) == 1
