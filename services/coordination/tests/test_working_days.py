"""The laws of counting in working days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordination.domain.working_days import working_days_after

dates = st.dates(date(2023, 1, 1), date(2029, 12, 31))
days = st.integers(1, 300)


def _working_days_between(start: date, end: date) -> int:
    """Count one by one the working days after `start`, up to and with `end`."""
    return sum((start + timedelta(days=day)).weekday() < 5 for day in range(1, (end - start).days + 1))


@given(dates, days)
def test_a_deadline_is_a_working_day_and_the_nth_one(start: date, n: int) -> None:
    end = working_days_after(start, n)

    assert end.weekday() < 5
    assert _working_days_between(start, end) == n


@given(dates, days, days)
def test_waiting_twice_is_waiting_for_the_sum(start: date, first: int, second: int) -> None:
    assert working_days_after(working_days_after(start, first), second) == working_days_after(
        start, first + second
    )


@given(dates, dates, days)
def test_who_starts_later_is_never_due_earlier(one: date, other: date, n: int) -> None:
    early, late = sorted((one, other))

    assert working_days_after(early, n) <= working_days_after(late, n)


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        (date(2026, 11, 23), 10, date(2026, 12, 7)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2026, 11, 28), 1, date(2026, 11, 30)),
        (date(2026, 11, 29), 5, date(2026, 12, 4)),
    ],
)
def test_weekends_are_passed_over(start: date, n: int, end: date) -> None:
    assert working_days_after(start, n) == end


def test_a_deadline_on_the_same_day_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        working_days_after(date(2026, 11, 23), 0)
