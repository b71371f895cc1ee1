"""Counting in working days, Monday to Friday, until each office has a calendar of its own."""

from datetime import date, timedelta

DAYS_A_WEEK = 7
WORKING_DAYS_A_WEEK = 5
FRIDAY = 4


def working_days_after(start: date, days: int) -> date:
    """Give the `days`-th working day after `start`, which itself is never counted."""
    if days < 1:
        raise ValueError("a deadline lies at least one working day ahead")
    # From a Saturday or Sunday one counts as from the Friday before it: the first day is Monday either way.
    friday_or_earlier = start - timedelta(days=max(0, start.weekday() - FRIDAY))
    weeks, rest = divmod(days, WORKING_DAYS_A_WEEK)
    over_a_weekend = friday_or_earlier.weekday() + rest > FRIDAY
    return friday_or_earlier + timedelta(
        days=weeks * DAYS_A_WEEK + rest + (DAYS_A_WEEK - WORKING_DAYS_A_WEEK) * over_a_weekend
    )
