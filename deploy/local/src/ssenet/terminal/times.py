"""Times as a person writes them at the command."""

import re
from datetime import UTC, datetime, timedelta

from ssenet.terminal.errors import USAGE, CommandError

_LENGTH = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def is_so_long_ago(written: str) -> bool:
    """Whether a person wrote a time as so long ago, which is another time whenever it is read."""
    return bool(_LENGTH.fullmatch(written.strip()))


def moment(option: str, written: str) -> datetime:
    """A time in UTC, written as ISO 8601 (UTC where it names no zone) or as so long ago; raises CommandError."""
    return _moment(
        option, written, -1, "Write 2026-11-23, 2026-11-23T09:00Z, or 30m, 2h, 7d for so long ago."
    )


def moment_ahead(option: str, written: str) -> datetime:
    """The same, but a length of time is counted from now on."""
    return _moment(
        option, written, 1, "Write 2027-11-23, 2027-11-23T09:00Z, or 12h, 365d for so long from now."
    )


def _moment(option: str, written: str, direction: int, hint: str) -> datetime:
    try:
        if length := _LENGTH.fullmatch(written.strip()):
            return datetime.now(UTC) + direction * timedelta(**{_UNITS[length[2]]: int(length[1])})
        told = datetime.fromisoformat(written.strip())
        return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except OverflowError as error:
        beyond = "A time lies between the years 1 and 9999, in UTC."
        raise CommandError(f"{option}: {written!r} is out of range.", hint=beyond, exit_code=USAGE) from error
    except ValueError as error:
        raise CommandError(
            f"{option}: {written!r} is not a valid time.", hint=hint, exit_code=USAGE
        ) from error
