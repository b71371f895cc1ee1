"""Dates, numbers and lists as a member reads them: in their language, in their time zone.

Digits are Latin in all four languages. Arabic pages of UN bodies are read from Rabat to Muscat, where both sets of
digits are in use; codes, amounts and dates of the plan are quoted beside Latin text, and one set keeps them the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

from babel import Locale, UnknownLocaleError, dates, lists, numbers
from markupsafe import Markup

from gateway.web.translations import Texts

LOCALES = {"en": "en_GB"}
"""The Office writes British English: 23 Nov 2026, 17:50."""


def bdi(text: str) -> Markup:
    """Isolate a value, so that its script does not reorder the sentence around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def direction_of(tag: str) -> str:
    """How text in this language runs; where nobody knows, the browser looks at the text itself."""
    try:
        return Locale.parse(tag, sep="-").text_direction
    except (UnknownLocaleError, ValueError):
        return "auto"


@dataclass(frozen=True)
class Formats:
    """How one reader's page writes values."""

    language: str
    zone: tzinfo
    now: datetime
    texts: Texts

    @property
    def locale(self) -> str:
        return LOCALES.get(self.language, self.language)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def days_until(self, day: date) -> int:
        return (day - self.today).days

    def day(self, day: date) -> str:
        return dates.format_skeleton("yMMMd", day, locale=self.locale)

    def short_day(self, at: datetime) -> str:
        return dates.format_skeleton("MMMd", at, tzinfo=self.zone, locale=self.locale)

    def moment(self, at: datetime) -> str:
        pattern = dates.get_datetime_format("medium", locale=self.locale)
        return str(pattern).format(self.short_moment(at), self.day(self.local_day(at)))

    def short_moment(self, at: datetime) -> str:
        """The time alone: the day stands in the heading above."""
        return dates.format_time(at, "short", tzinfo=self.zone, locale=self.locale)

    def local_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def day_heading(self, day: date) -> str:
        days = (self.today - day).days
        if days == 0:
            return self.texts.gettext("Today")
        if days == 1:
            return self.texts.gettext("Yesterday")
        return dates.format_date(day, "full", locale=self.locale)

    def number(self, value: float | Decimal) -> str:
        """An amount to its last digit, as whoever said it is held to it; a float is ours, and rounded."""
        rounded = round(value, 1) if isinstance(value, float) else value
        return numbers.format_decimal(
            rounded, locale=self.locale, numbering_system="latn", decimal_quantization=False
        )

    def usd_million(self, amount: Decimal) -> str:
        return self.texts.gettext("USD %(amount)s million") % {"amount": self.number(amount)}

    def years(self, start: int, end: int) -> str:
        return str(start) if start == end else f"{start}–{end}"

    def list(self, values: Sequence[str]) -> Markup:
        return Markup(lists.format_list([str(bdi(value)) for value in values], locale=self.locale))  # noqa: S704 - bdi escapes
