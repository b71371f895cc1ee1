"""Which stream it is: one that was made anew has forgotten what the former acknowledged, and looks just like it.

Its time of making is its own; each service keeps it in its database, beside what was published to it.
"""

from dataclasses import dataclass
from datetime import datetime

KNOWN = """
SELECT noted.made_at, coalesce((SELECT max(stream_sequence) FROM outbox_marks), 0) AS reached,
       coalesce(noted.published_below, 0) AS published_below
FROM (VALUES ($1)) AS asked (name) LEFT JOIN known_streams AS noted USING (name)
"""
"""What a service knows of a stream."""
NOTE = "INSERT INTO known_streams (name, made_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class ObservedStream:
    """A stream as the broker has it: when it was made, and the place of its last event."""

    made_at: datetime
    last: int


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """A stream as a service has published to it: when it was made (None: not noted), and how far it was."""

    made_at: datetime | None = None
    reached: int = 0
    published_below: int = 0
    """The position in the outbox up to which nothing has to be looked at."""


def what_is_lost(known: RecordedStream, seen: ObservedStream) -> str | None:
    """Why the stream cannot hold all that was published to it; None where it does, as far as anyone knows."""
    if known.made_at not in {None, seen.made_at}:
        return f"was made anew at {seen.made_at.isoformat(timespec='seconds')}"
    # As where its store was restored from an older copy.
    if seen.last < known.reached:
        return f"ends at {seen.last} and had {known.reached}"
    return None
