"""What an operator says is taken as it was meant, or refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chassis.operators import Moment

MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Moment | None)


@given(st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_a_time_with_its_offset_is_taken_as_it_was_written(moment: datetime) -> None:
    assert MOMENT.validate_python(moment.isoformat()) == MOMENT.validate_python(moment) == moment


@given(st.integers() | st.floats())
def test_a_number_is_no_time_written_or_not(number: float) -> None:
    for said in (number, str(number)):
        with pytest.raises(ValidationError, match="a time is written"):
            MOMENT.validate_python(said)


@pytest.mark.parametrize("said", ["2026", "20261123093000", "2026-11-23", "2026-11-23T09:30:00"])
def test_a_time_that_would_be_guessed_is_refused(said: str) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(said)


def test_no_time_at_all_is_none() -> None:
    assert MOMENT.validate_python(None) is None
