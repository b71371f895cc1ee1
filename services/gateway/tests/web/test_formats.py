"""Amounts, dates and lists as a member reads them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.web.formats import Formats, direction_of
from gateway.web.translations import catalogue

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


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("0.0004", "0.0004"),
        ("2.9996", "2.9996"),
        ("123456789012345678.123456", "123,456,789,012,345,678.123456"),
        ("1500", "1,500"),
    ],
)
def test_a_figure_is_read_as_it_was_sent_to_its_last_digit(sent: str, written: str) -> None:
    assert formats().number(Decimal(sent)) == written


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
