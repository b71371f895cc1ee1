"""The rules a class declares of its data are asked wherever a value of it stands."""

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar

import pytest

from contracts.checks import MESSAGES, problems_of
from contracts.data_rules import InOrder, NotAhead, NotPast
from contracts.partner import PartnerEvent
from contracts.words import InList, Model


class Session(Model):
    """A sitting, of the tests."""

    opens_on: date | None = None
    closes_at: datetime | None = None
    fewest: int | None = None
    most: int | None = None
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    wanted_by: date | None = None
    year: int | None = None
    themes: tuple[Annotated[str, InList("themes")], ...] = ()

    data_rules = (
        InOrder("opens_on", "closes_at"),
        InOrder("fewest", "most"),
        InOrder("begins_at", "ends_at"),
        NotPast("wanted_by"),
        NotAhead("year"),
    )


class SessionsPlannedV1(PartnerEvent):
    """Sittings were planned, in the tests alone."""

    type: ClassVar[str] = "partner.sessions.planned.v1"
    event_name = "Sessions planned"

    sessions: tuple[Session, ...] = ()


def problems(session: Session) -> list[tuple[str, str]]:
    event = SessionsPlannedV1(sessions=(Session(), session))
    return [(finding.pointer, str(finding)) for finding in problems_of(event, today=date(2026, 11, 23))]


def test_a_date_before_the_one_it_follows_is_named_with_both_fields() -> None:
    session = Session(opens_on=date(2027, 3, 2), closes_at=datetime(2027, 3, 1, 23, 59, tzinfo=UTC))

    assert problems(session) == [
        (
            "/data/sessions/1/closes_at",
            "2027-03-01 23:59:00+00:00 lies before 2027-03-02, the value of opens_on.",
        )
    ]


@pytest.mark.parametrize(
    "session",
    [
        Session(opens_on=date(2027, 3, 1), closes_at=datetime(2027, 3, 1, tzinfo=UTC)),
        Session(opens_on=date(2027, 3, 1)),
        Session(closes_at=datetime(2027, 3, 1, tzinfo=UTC)),
        Session(fewest=3, most=3),
    ],
)
def test_the_same_day_and_a_date_left_out_break_nothing(session: Session) -> None:
    assert problems(session) == []


def test_times_are_held_in_order_within_a_day() -> None:
    nine, ten = (datetime(2027, 3, 1, hour, tzinfo=UTC) for hour in (9, 10))

    assert problems(Session(begins_at=nine, ends_at=ten)) == []
    assert problems(Session(begins_at=ten, ends_at=nine)) == [
        (
            "/data/sessions/1/ends_at",
            "2027-03-01 09:00:00+00:00 lies before 2027-03-01 10:00:00+00:00, the value of begins_at.",
        )
    ]


def test_a_day_that_has_passed_and_a_year_that_has_not_begun_are_named_where_they_stand() -> None:
    assert problems(Session(wanted_by=date(2026, 11, 21), year=2027)) == [
        ("/data/sessions/1/wanted_by", "The date 2026-11-21 has passed."),
        ("/data/sessions/1/year", "The year 2027 has not begun."),
    ]


def test_numbers_are_held_in_order_as_dates_are() -> None:
    assert problems(Session(fewest=4, most=3)) == [
        ("/data/sessions/1/most", "3 lies before 4, the value of fewest.")
    ]


def test_a_code_is_looked_up_in_whatever_list_the_field_names() -> None:
    assert problems(Session(themes=("crisis",))) == []
    assert problems(Session(themes=("crisis", "just-transition", "moon"))) == [
        (
            "/data/sessions/1/themes/1",
            "The list themes has no code just-transition. Did you mean just_transition?",
        ),
        ("/data/sessions/1/themes/2", "The list themes has no code moon."),
    ]


def test_a_sentence_of_every_rule_can_be_translated() -> None:
    assert MESSAGES[InOrder("a", "b").code] == InOrder("a", "b").message
    assert MESSAGES["ends-before-it-starts"] == "The end, %(value)s, lies before the start, %(start)s."
    assert {"date-in-the-past", "year-in-the-future", "figure-repeated"} <= MESSAGES.keys()
