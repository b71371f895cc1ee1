"""A time that a person writes is understood in UTC, or refused in words."""

from datetime import UTC, datetime, timedelta

import pytest

from ssenet.terminal.errors import CommandError
from ssenet.terminal.times import moment, moment_ahead


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T09:00", datetime(2026, 11, 23, 9, tzinfo=UTC)),
        (" 2026-11-23T09:00+05:30 ", datetime(2026, 11, 23, 3, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_in_utc_and_one_with_a_zone_becomes_so(
    written: str, meant: datetime
) -> None:
    assert moment("--since", written).isoformat() == meant.isoformat()


def test_so_long_ahead_is_counted_from_now() -> None:
    ahead = moment_ahead("--expires", "365d") - datetime.now(UTC)

    assert abs(ahead - timedelta(days=365)) < timedelta(minutes=1)
    assert moment_ahead("--expires", "2027-06-30") == datetime(2027, 6, 30, tzinfo=UTC)


def test_so_long_ago_is_counted_from_now() -> None:
    assert abs(moment("--since", "90 m") - datetime.now(UTC) + timedelta(minutes=90)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("lately", "is not a valid time"),
        ("\udcff", "is not a valid time"),
        ("1000000d", "is out of range"),
        ("9999999999d", "is out of range"),
        (f"{10**30}s", "is out of range"),
        (f"{'9' * 5000}d", "is not a valid time"),
        ("9999-12-31T23:59:59-14:00", "is out of range"),
        ("0001-01-01T00:00:00+01:00", "is out of range"),
    ],
)
def test_a_time_that_means_nothing_is_refused_with_its_option(written: str, why: str) -> None:
    with pytest.raises(CommandError) as refused:
        moment("--from-time", written)

    assert refused.value.what == f"--from-time: {written!r} {why}."
    assert refused.value.exit_code == 2
