"""The clock that is passed in, so that deadlines can be tested without waiting."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Tell the time in UTC, aware."""
    return datetime.now(UTC)
