"""Taking events and keeping sessions, on a real database."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from partner_kit import OTHER_PARTNER, PARTNER, a_member, an_event

from chassis.database.engine import Database
from chassis.database.tables import backbone, outbox
from chassis.testing import FreshDatabase, SettableClock, a_clock, announced
from contracts.words import Language, Role
from gateway import workflows
from gateway.domain.cloudevents import SentEvent, read_event
from gateway.domain.signing_in import IDLE_LIFE, SEEN_STEP, WHOLE_LIFE, Session
from gateway.tables import Base, SignInLink, StoredSession
from gateway.workflows import Conflict, Intake, Taken


@pytest.fixture
def clock() -> SettableClock:
    return a_clock()


@pytest.fixture
async def database(fresh_database: FreshDatabase, clock: SettableClock) -> Database:
    return await fresh_database("gateway", clock=clock)


def _sent(*events: dict[str, object]) -> list[SentEvent]:
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return [read_event(event, now=now, grants=PARTNER.grants) for event in events]


def _taken(outcomes: Sequence[Taken | Conflict]) -> list[Taken]:
    assert all(isinstance(one, Taken) for one in outcomes)
    return [one for one in outcomes if isinstance(one, Taken)]


async def test_the_migrations_make_the_tables_the_code_expects(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return [
            one
            for one in compare_metadata(context, Base.metadata)
            if getattr(one[1], "name", "") not in {*backbone.tables, "alembic_version"}
            and not str(one[0]).endswith(("_index", "_constraint"))
        ]

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_an_event_is_stored_and_announced_together(database: Database) -> None:
    [taken] = _taken(await Intake(database).take(PARTNER, _sent(an_event(id="DEM-1"))))

    [envelope] = await announced(database)
    assert envelope.id == taken.event_id == envelope.correlationid
    assert envelope.data["origin"] == {
        "partner": "MINFI-SN",
        "partner_name": "Ministry, Senegal",
        "event_id": "DEM-1",
        "source": "https://ess.gouv.sn.example/demandes",
    }
    assert envelope.sequence == 1


async def test_a_known_event_announces_nothing_more(database: Database) -> None:
    known, fresh = _sent(an_event(), an_event())
    [first] = _taken(await Intake(database).take(PARTNER, [known]))

    again, other = _taken(await Intake(database).take(PARTNER, [known, fresh]))

    assert (again.event_id, again.already, other.already) == (first.event_id, True, False)
    assert len(await announced(database)) == 2


async def test_ids_belong_to_the_partner_that_gave_them(database: Database) -> None:
    [mine, changed] = _sent(an_event(id="1"), an_event(id="1", data__country="ML"))
    await Intake(database).take(PARTNER, [mine])

    assert await Intake(database).take(PARTNER, [changed]) == [Conflict()]
    [theirs] = _taken(await Intake(database).take(OTHER_PARTNER, [changed]))
    assert not theirs.already


async def test_only_what_is_unpublished_is_waited_for(database: Database) -> None:
    published, forgotten, waiting, fresh = _sent(*(an_event() for _ in range(4)))
    taken = _taken(await Intake(database).take(PARTNER, [published, forgotten, waiting]))
    async with database.transaction() as tx:
        await tx.session.execute(
            sa.update(outbox).where(outbox.c.event_id == taken[0].event_id).values(published_at=tx.now)
        )
        # The relay forgets rows some days after they were published.
        await tx.session.execute(sa.delete(outbox).where(outbox.c.event_id == taken[1].event_id))

    again = _taken(await Intake(database).take(PARTNER, [published, forgotten, waiting, fresh]))

    assert set(await workflows.unpublished(database, again)) == {taken[2].event_id, again[3].event_id}


async def test_what_arrives_at_once_shares_a_commit_and_nothing_else(database: Database) -> None:
    intake = Intake(database)
    events = _sent(*(an_event(id=str(number)) for number in range(20)), an_event(id="0", data__country="ML"))
    tracer = TracerProvider().get_tracer("test")

    async def hand_in(event: SentEvent) -> tuple[str, Taken | Conflict]:
        with tracer.start_as_current_span("request") as span:
            [outcome] = await intake.take(PARTNER, [event])
            return trace.format_trace_id(span.get_span_context().trace_id), outcome

    settled = await asyncio.gather(*(hand_in(event) for event in events))

    assert isinstance(settled[-1][1], Conflict)
    taken = {outcome.event_id: trace_id for trace_id, outcome in settled if isinstance(outcome, Taken)}
    envelopes = await announced(database)
    assert {one.id: (one.traceparent or "").split("-")[1] for one in envelopes} == taken
    assert await _commits(database) <= 3


async def test_where_much_comes_a_commit_waits_for_more_to_share_it(database: Database) -> None:
    waits, enough = asyncio.Event(), asyncio.Event()
    now = 0.0

    async def wait(seconds: float) -> None:
        nonlocal now
        assert 0 < seconds < 0.02
        waits.set()
        await enough.wait()
        now += seconds

    # The clock stands still but for that: all of this arrives in a rush.
    intake = Intake(database, now=lambda: now, sleep=wait)
    events = [_sent(an_event(id=str(number))) for number in range(12)]
    await asyncio.gather(*(intake.take(PARTNER, event) for event in events[:4]))
    first = asyncio.create_task(intake.take(PARTNER, events[4]))
    waiting = asyncio.create_task(waits.wait())
    await asyncio.wait([first, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert waits.is_set(), "it was stored at once"
    more = [asyncio.create_task(intake.take(PARTNER, event)) for event in events[5:]]
    enough.set()
    await asyncio.gather(first, *more)

    assert await _commits(database) == 2


async def test_what_can_take_no_more_waits_for_nothing(database: Database) -> None:
    async def wait(_seconds: float) -> None:
        raise AssertionError("a full transaction waited for others")

    intake = Intake(database, now=lambda: 0.0, sleep=wait)
    full = [sent for number in range(500) for sent in _sent(an_event(id=str(number)))]
    lone = [_sent(an_event(id=f"lone {number}")) for number in range(3)]
    await asyncio.gather(*(intake.take(PARTNER, event) for event in lone))
    await intake.take(PARTNER, full)

    assert await _commits(database) == 2


async def test_where_little_comes_nobody_waits_for_company(database: Database) -> None:
    async def wait(_seconds: float) -> None:
        raise AssertionError("a request waited for others")

    number = 0
    intake = Intake(database, now=lambda: number / 100, sleep=wait)
    for number in range(12):
        await intake.take(PARTNER, _sent(an_event(id=str(number))))

    assert await _commits(database) == 12


async def test_what_two_processes_take_at_once_is_announced_once(database: Database) -> None:
    events = _sent(*(an_event(id=str(number)) for number in range(60)))
    intakes = [Intake(database) for _ in range(4)]
    # Overlapping, in opposite orders: two that wait for each other's rows would lock each other up.
    orders = [events[:40], events[20:], events[::-1], events[10:50][::-1]]

    taken = await asyncio.gather(
        *(intake.take(PARTNER, order) for intake, order in zip(intakes, orders, strict=True))
    )

    outcomes = [outcome for batch in taken for outcome in _taken(batch)]
    assert {outcome.event_id for outcome in outcomes} == {one.id for one in await announced(database)}
    assert sum(not outcome.already for outcome in outcomes) == len(events) == len(await announced(database))


async def _commits(database: Database) -> int:
    """How many transactions stored the events that were received."""
    async with database.reading() as session:
        return await session.scalar(sa.text("SELECT count(DISTINCT xmin::text) FROM received_events")) or 0


async def _link(database: Database, **changes: object) -> str:
    async with database.transaction() as tx:
        return await workflows.issue_link(tx, a_member(**changes))  # type: ignore[arg-type]


async def _enter(
    database: Database, token: str, language: Language | None = None
) -> tuple[str, Session] | None:
    async with database.transaction() as tx:
        return await workflows.redeem_link(tx, token, language=language)


async def _session(database: Database, cookie: str) -> Session | None:
    async with database.reading() as session:
        found = await workflows.session_for(session, cookie, now=database.clock())
    if found is None:
        return None
    if found[1]:
        async with database.transaction() as tx:
            await workflows.note_seen(tx, found[0].id)
    return found[0]


async def test_a_link_lets_its_member_in_once(database: Database) -> None:
    token = await _link(database, role=Role.OPERATOR, organisation="COOP")
    async with database.reading() as session:
        pending = await workflows.link_for(session, token, now=database.clock())

    assert pending is not None
    assert (pending.role, pending.organisation) == (Role.OPERATOR, "COOP")
    entered = await _enter(database, token)
    assert entered is not None
    assert await _session(database, entered[0]) == entered[1]
    assert await _enter(database, token) is None


async def test_a_link_grows_stale(database: Database, clock: SettableClock) -> None:
    token = await _link(database)
    clock.advance(timedelta(minutes=10))

    async with database.reading() as session:
        assert await workflows.link_for(session, token, now=clock()) is None
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

    clock.advance(IDLE_LIFE / 2)
    assert await _session(database, used[0]) is not None
    clock.advance(IDLE_LIFE / 2 + SEEN_STEP)

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
        await workflows.set_language(tx, session.id, Language.ES)
    changed = await _session(database, cookie)
    assert changed is not None
    assert changed.language is Language.ES
    async with database.transaction() as tx:
        await workflows.sign_out(tx, session.id)
    assert await _session(database, cookie) is None


async def test_what_expired_is_forgotten(database: Database, clock: SettableClock) -> None:
    await _enter(database, await _link(database))
    await _link(database)
    clock.advance(WHOLE_LIFE)

    await _enter(database, await _link(database))

    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(SignInLink)) == 0
        assert await session.scalar(sa.select(sa.func.count()).select_from(StoredSession)) == 1
