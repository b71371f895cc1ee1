"""Whether what a durable's owner is sent follows on what came before: decisions and nothing else.

The server numbers what it sends, to anybody, from the durable's last reset on. So the same code decides in the
services and in the simulation what is taken, what is answered once more, and when to begin anew.
"""

from enum import Enum, auto


class Arrival(Enum):
    """What becomes of a message that has arrived."""

    TAKEN = auto()
    DONE_BEFORE = auto()
    """Its acknowledgement was lost on the way, and is to be said again."""
    DROPPED = auto()


class SequenceCheck:
    """One beginning of an owner, at the durable's last acknowledged message, the `floor`."""

    def __init__(self, floor: int) -> None:
        self._last_consumer = 0
        self._last_stream = floor
        self._acknowledged = 0
        self.broken = False
        """Whether what arrived does not follow on what came before: nothing is taken until the owner begins anew."""

    def arrived(self, *, consumer_sequence: int, stream_sequence: int) -> Arrival:
        """Count a message that the durable has sent to this owner."""
        if self.broken:
            return Arrival.DROPPED
        follows = consumer_sequence == self._last_consumer + 1
        self._last_consumer = consumer_sequence
        if follows and stream_sequence > self._last_stream:
            self._last_stream = stream_sequence
            return Arrival.TAKEN
        if follows and stream_sequence <= self._acknowledged:
            return Arrival.DONE_BEFORE
        # A gap; or somebody has set the durable back, and what is acknowledged by now, the server knows better.
        self.broken = True
        return Arrival.DROPPED

    def acknowledged(self, stream_sequence: int) -> None:
        """All up to this message is done with, as the server has been told."""
        self._acknowledged = stream_sequence

    def heard(self, last_sent: int) -> None:
        """See from a heartbeat whether something went astray that no later event shows: to an old owner, or lost."""
        if last_sent != self._last_consumer:
            self.broken = True
