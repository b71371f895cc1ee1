"""Rules of data that types cannot say: a class declares those that hold for it, `contracts.checks` asks them.

Pure: no clock and no network. `today` is passed in where a date is to be compared with the present.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from contracts.findings import Finding

DAY_OF_GRACE: Final = timedelta(days=1)
"""Left on each side for partners who live ahead of us or behind."""


@dataclass(frozen=True)
class DataRule(ABC):
    """One rule: the code it is known by for ever, and the English sentence a partner reads where it is broken.

    A sentence of a class's own needs its translations in the gateway's `problems.po`; the ones below have them.
    """

    code: str = field(kw_only=True)
    message: str = field(kw_only=True)

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """The fields it speaks of."""

    @abstractmethod
    def findings(self, value: Any, pointer: str, today: date | None) -> Iterator[Finding]:
        """Say what in this value breaks the rule; the pointer leads to the value, not yet to a field of it."""

    def finding(self, pointer: str, **params: str) -> Finding:
        return Finding(pointer, self.code, self.message, params)


@dataclass(frozen=True)
class InOrder(DataRule):
    """Of two days, times or numbers the later does not lie before the earlier, where both are said."""

    earlier: str
    later: str
    code: str = field(default="out-of-order", kw_only=True)
    message: str = field(default="%(value)s lies before %(start)s, the value of %(field)s.", kw_only=True)

    @property
    def fields(self) -> tuple[str, str]:
        return self.earlier, self.later

    def findings(self, value: Any, pointer: str, today: date | None) -> Iterator[Finding]:  # noqa: ARG002 - true on any day
        start, end = getattr(value, self.earlier), getattr(value, self.later)
        if start is not None and end is not None and _lies_before(end, start):
            params = {"value": str(end), "start": str(start), "field": self.earlier}
            places = {name: text for name, text in params.items() if f"%({name})s" in self.message}
            yield self.finding(f"{pointer}/{self.later}", **places)


@dataclass(frozen=True)
class InAnyOrder:
    """Says of two dates that either may come first, and why: that nothing holds between them was thought about."""

    one: str
    other: str
    why: str

    @property
    def fields(self) -> tuple[str, str]:
        return self.one, self.other


@dataclass(frozen=True)
class NotPast(DataRule):
    """The day has not passed."""

    day: str
    code: str = field(default="date-in-the-past", kw_only=True)
    message: str = field(default="The date %(value)s has passed.", kw_only=True)

    @property
    def fields(self) -> tuple[str]:
        return (self.day,)

    def findings(self, value: Any, pointer: str, today: date | None) -> Iterator[Finding]:
        day: date | None = getattr(value, self.day)
        if today is not None and day is not None and day < today - DAY_OF_GRACE:
            yield self.finding(f"{pointer}/{self.day}", value=str(day))


@dataclass(frozen=True)
class NotAhead(DataRule):
    """The year has begun."""

    year: str
    code: str = field(default="year-in-the-future", kw_only=True)
    message: str = field(default="The year %(value)s has not begun.", kw_only=True)

    @property
    def fields(self) -> tuple[str]:
        return (self.year,)

    def findings(self, value: Any, pointer: str, today: date | None) -> Iterator[Finding]:
        year: int | None = getattr(value, self.year)
        if today is not None and year is not None and year > (today + DAY_OF_GRACE).year:
            yield self.finding(f"{pointer}/{self.year}", value=str(year))


def _lies_before(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) == isinstance(other, datetime):
        return bool(one < other)
    # A day and a time compare as days.
    days = [value.date() if isinstance(value, datetime) else value for value in (one, other)]
    return bool(days[0] < days[1])


Rules = tuple[DataRule | InAnyOrder, ...]
"""What a class declares of its data."""
