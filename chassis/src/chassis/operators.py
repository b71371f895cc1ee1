"""What an operator says with what they ask for: who they are, why, and times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

Words = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
"""What an operator says of what they do; PostgreSQL has no place for a NUL."""


def _with_its_time_of_day(value: object) -> object:
    """Refuse a bare number: counted as seconds or milliseconds since 1970, a year would be a time that nobody meant."""
    if isinstance(value, datetime) or (isinstance(value, str) and ":" in value):
        return value
    raise ValueError("a time is written such as 2026-03-31T09:30:00Z")


def _in_calendar(moment: datetime) -> datetime:
    if not _CALENDAR[0] <= moment.replace(tzinfo=None) < _CALENDAR[1]:
        raise ValueError(f"a time from {_CALENDAR[0]:%Y-%m-%d} on and before {_CALENDAR[1]:%Y-%m-%d}")
    return moment


_CALENDAR = datetime(1970, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - the bounds of any offset's
Moment = Annotated[AwareDatetime, BeforeValidator(_with_its_time_of_day), AfterValidator(_in_calendar)]
"""A time that an operator names. Both ends of the calendar lie beyond it in UTC, or are infinite in the database."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: the calling program, the role of the person behind it, and why they do it."""

    caller: str
    by: str
    reason: str = ""
