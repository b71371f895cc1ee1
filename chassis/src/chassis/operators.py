"""What an operator says with what they ask for: who they are, why, and times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints

Words = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
"""What an operator says of what they do; PostgreSQL has no place for a NUL."""


def _in_calendar(moment: datetime) -> datetime:
    if not _CALENDAR[0] <= moment.replace(tzinfo=None) < _CALENDAR[1]:
        raise ValueError(f"a time from {_CALENDAR[0]:%Y-%m-%d} on and before {_CALENDAR[1]:%Y-%m-%d}")
    return moment


_CALENDAR = datetime(1970, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - the bounds of any offset's
Moment = Annotated[AwareDatetime, AfterValidator(_in_calendar)]
"""A time that an operator names. Both ends of the calendar lie beyond it in UTC, or are infinite in the database."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: the calling program, the role of the person behind it, and why they do it."""

    caller: str
    by: str
    reason: str = ""
