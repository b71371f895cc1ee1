"""The parts of the pages that decide by themselves: formats, steps, the partner's request, the stream's pieces."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_kit import a_task

from gateway.clients.coordination import TaskCounts, TaskView
from gateway.pages.formats import Formats, direction_of
from gateway.pages.page import local_path
from gateway.pages.plan import added
from gateway.pages.progress import steps
from gateway.pages.stream import TRUSTED, Standing, events, position_in, until
from gateway.pages.texts import catalogue

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def formats(language: str = "en", zone: str = "UTC", now: datetime = NOON) -> Formats:
    return Formats(language, ZoneInfo(zone), now, catalogue(language))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "USD 15.6 million"),
        ("fr", "15,6 millions de dollars É.-U."),
        ("es", "15,6 millones de USD"),
        ("ar", "15.6 مليون دولار أمريكي"),
    ],
)
def test_a_member_reads_amounts_as_their_language_writes_them(language: str, words: str) -> None:
    assert formats(language).usd_million(Decimal("15.6")) == words


def test_a_day_is_late_by_the_members_own_calendar() -> None:
    before_midnight = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)

    assert formats(zone="America/Lima", now=before_midnight).days_until(date(2026, 11, 23)) == 0
    assert formats(zone="Asia/Amman", now=before_midnight).days_until(date(2026, 11, 23)) == -1


def test_arabic_dates_name_the_month_and_keep_latin_digits() -> None:
    assert formats("ar").day(date(2026, 12, 3)) == "3 ديسمبر 2026"
    assert formats("ar").number(12345) == "12,345"


def test_values_in_a_list_cannot_turn_the_sentence_or_the_page() -> None:
    assert formats().list(["CO-Dakar", "<b>"]) == "<bdi>CO-Dakar</bdi> and <bdi>&lt;b&gt;</bdi>"


@pytest.mark.parametrize(
    ("tag", "direction"),
    [
        ("ar", "rtl"),
        ("fa", "rtl"),
        ("pa-Arab", "rtl"),
        ("pt-BR", "ltr"),
        ("km", "ltr"),
        ("qqx", "auto"),
        ('"x', "auto"),
    ],
)
def test_a_text_runs_as_its_language_does(tag: str, direction: str) -> None:
    assert direction_of(tag) == direction


def _task(state: str, *happened: str) -> TaskView:
    history = [
        {"state": one, "at": datetime(2026, 11, day, tzinfo=UTC).isoformat(), "actor": None, "reason": None}
        for day, one in enumerate(happened, start=1)
    ]
    return TaskView.model_validate(a_task(state=state, history=history))


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        (_task("opened", "opened"), ["now", "ahead", "ahead", "ahead"]),
        (_task("started", "opened", "accepted", "started"), ["past", "past", "now", "ahead"]),
        (_task("completed", "opened", "accepted", "started", "completed"), ["past"] * 4),
        (_task("declined", "opened", "accepted", "declined"), ["past", "past", "ended"]),
        (_task("opened", "opened", "accepted", "declined", "opened"), ["now", "ahead", "ahead", "ahead"]),
    ],
)
def test_a_member_sees_how_far_a_task_is(task: TaskView, kinds: list[str]) -> None:
    assert [step.kind for step in steps(task)] == kinds


def test_a_task_placed_anew_shows_no_date_of_its_earlier_life() -> None:
    [opened, accepted, *_] = steps(_task("opened", "opened", "accepted", "declined", "opened"))

    assert opened.at == datetime(2026, 11, 4, tzinfo=UTC)
    assert accepted.at is None


@given(st.lists(st.builds(TaskCounts, opened=st.integers(0, 99), completed=st.integers(0, 99))))
def test_the_tasks_of_a_branch_are_those_of_its_leaves(counts: list[TaskCounts]) -> None:
    assert added(counts).total == sum(one.total for one in counts)


@given(st.text())
def test_a_path_to_go_back_to_is_never_another_host(path: str) -> None:
    kept = local_path(path)

    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))


async def _chunks(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


WIRE = b': open\n\nid: 8\nevent: item\ndata: {"a":\ndata: 1}\n\n: beat\n\n'


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=6))
async def test_events_are_read_however_the_network_cuts_them(cuts: Sequence[int]) -> None:
    at = [0, *sorted(cuts), len(WIRE)]
    parts = [WIRE[start:end] for start, end in pairwise(at)]

    found = [(event.id, "".join(event.data)) async for event in events(_chunks(*parts))]

    assert found == [("", ""), ("8", '{"a":1}'), ("", "")]


async def test_a_stream_ends_when_the_service_stops() -> None:
    stopping = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        yield b"first"
        stopping.set()
        await asyncio.Event().wait()

    assert [chunk async for chunk in until(stopping, endless())] == [b"first"]


async def test_a_session_is_looked_up_again_when_the_last_look_is_old() -> None:
    now, looks = 0.0, 0

    async def look() -> bool:
        nonlocal looks
        looks += 1
        return now < 20

    standing = Standing(look, clock=lambda: now)
    now = 15.0
    assert await standing.holds(within=TRUSTED)
    assert looks == 0
    assert await standing.holds(within=0)
    assert looks == 1
    now = 31.0
    assert not await standing.holds(within=TRUSTED)
    assert looks == 2


@pytest.mark.parametrize(
    ("header", "position"),
    [("7", 7), ("0", 0), (None, None), ("", None), ("é", None), ("-1", None), ("²", None), ("9" * 19, None)],
)
def test_a_stream_goes_on_after_a_position_and_after_nothing_else(
    header: str | None, position: int | None
) -> None:
    assert position_in(header) == position
