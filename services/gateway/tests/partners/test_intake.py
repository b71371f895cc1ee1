"""Taking events, each once, on a real database."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from partner_kit import OTHER_PARTNER, PARTNER, an_event

from chassis.database.engine import Database
from chassis.database.tables import outbox
from chassis.testing import announced, mark_published
from gateway.partners.domain.cloudevents import SentEvent, read_event
from gateway.partners.intake import Accepted, Conflict, Intake, NotYetPublishedError, unpublished


def _sent(*events: dict[str, object]) -> list[SentEvent]:
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return [read_event(event, now=now, sender=PARTNER) for event in events]


def _taken(outcomes: Sequence[Accepted | Conflict]) -> list[Accepted]:
    assert all(isinstance(one, Accepted) for one in outcomes)
    return [one for one in outcomes if isinstance(one, Accepted)]


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
        await mark_published(tx.session, taken[0].event_id)
        # The relay forgets rows some days after they were published.
        await tx.session.execute(sa.delete(outbox).where(outbox.c.event_id == taken[1].event_id))

    again = _taken(await Intake(database).take(PARTNER, [published, forgotten, waiting, fresh]))

    assert await unpublished(database, again) == [taken[2].event_id]


async def test_what_arrives_at_once_shares_a_commit_and_nothing_else(database: Database) -> None:
    intake = Intake(database)
    events = _sent(*(an_event(id=str(number)) for number in range(20)), an_event(id="0", data__country="ML"))
    tracer = TracerProvider().get_tracer("test")

    async def hand_in(event: SentEvent) -> tuple[str, Accepted | Conflict]:
        with tracer.start_as_current_span("request") as span:
            [outcome] = await intake.take(PARTNER, [event])
            return trace.format_trace_id(span.get_span_context().trace_id), outcome

    settled = await asyncio.gather(*(hand_in(event) for event in events))

    assert isinstance(settled[-1][1], Conflict)
    taken = {outcome.event_id: trace_id for trace_id, outcome in settled if isinstance(outcome, Accepted)}
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


async def test_who_brings_nothing_new_does_not_wait_for_what_others_bring(database: Database) -> None:
    known, changed, fresh = _sent(an_event(id="1"), an_event(id="1", data__country="CO"), an_event(id="2"))
    await Intake(database).take(PARTNER, [known])
    published = asyncio.Event()

    async def until_published(_: object) -> None:
        await published.wait()

    intake = Intake(database, until_published=until_published)
    waits = asyncio.create_task(intake.take(PARTNER, [fresh]))
    again, conflict = await asyncio.gather(intake.take(PARTNER, [known]), intake.take(PARTNER, [changed]))

    assert [one.already for one in _taken(again)] == [True]
    assert conflict == [Conflict()]
    assert not waits.done()
    published.set()
    assert [one.published for one in _taken(await waits)] == [True]


async def test_equal_events_at_once_wait_together_and_once(database: Database) -> None:
    waits: list[object] = []

    async def never(fresh: object) -> None:
        waits.append(fresh)
        await asyncio.sleep(0)
        raise TimeoutError

    intake = Intake(database, until_published=never)
    event = _sent(an_event(id="1"))
    outcomes = await asyncio.gather(*(intake.take(PARTNER, event) for _ in range(6)), return_exceptions=True)

    assert [type(one) for one in outcomes] == [NotYetPublishedError] * 6
    assert len(waits) == 1
