"""Which stream it is: one that was made anew has forgotten what the former acknowledged, and looks just like it.

Its time of making is its own; each service keeps it in its database, beside what was published to it.
"""

from dataclasses import dataclass
from datetime import datetime

KNOWN = """
SELECT (SELECT made_at FROM known_streams WHERE name = $1) AS made_at, coalesce(max(stream_sequence), 0) AS reached
FROM (SELECT stream_sequence FROM outbox WHERE published_at IS NOT NULL ORDER BY published_at DESC LIMIT 100) AS last
"""
"""What a service knows of a stream. The last rows by the index on their time: a batch has one time, and the highest
place of the last one is what the stream must reach."""
NOTE = "INSERT INTO known_streams (name, made_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream as the broker has it: when it was made, and the place of its last event."""

    made_at: datetime
    last: int


@dataclass(frozen=True, slots=True)
class Known:
    """A stream as a service has published to it: when it was made (None: not noted), and how far it was."""

    made_at: datetime | None = None
    reached: int = 0


def what_is_lost(known: Known, seen: Seen) -> str | None:
    """Why the stream cannot hold all that was published to it; None where it does, as far as anyone knows."""
    if known.made_at not in {None, seen.made_at}:
        return f"was made anew at {seen.made_at.isoformat(timespec='seconds')}"
    # As where its store was restored from an older copy.
    if seen.last < known.reached:
        return f"ends at {seen.last} and had {known.reached}"
    return None
