"""Where a look into the outbox begins: the position below which everything that was committed is published.

Positions are taken before the commit, so a lower one may be committed late. Who takes one holds a lock on the table
until its transaction ends: once nobody of those who held it is left, every position seen by then is decided.
"""

from collections.abc import Iterable

BEHIND = 100
"""Positions for which it is worth asking who writes: every look goes through those above the watermark."""


class LowWatermark:
    """Rises with the looks of one connection, from where it was kept; never past what may have to be published."""

    def __init__(self, at: int) -> None:
        self.at = at
        self._seen = self._decided = self._until = at - 1
        self._writers: frozenset[str] = frozenset()

    @property
    def is_behind(self) -> bool:
        """Whether it shall be asked for who writes, so that it may rise."""
        return self._seen - self.at >= BEHIND

    def looked(self, unpublished: Iterable[int], writers: Iterable[str] | None) -> None:
        """Take in what one look has found unpublished, and who held the lock a moment later (None: not asked)."""
        positions = list(unpublished)
        self.at = max(self.at, min([self._decided + 1, *positions]))
        self._seen = max([self._seen, *positions])
        if writers is None:
            return
        writing = frozenset(writers)
        self._writers &= writing
        if not self._writers:
            # Those who ended may have committed after this look: what they decided counts from the next one on.
            self._decided = self._until if writing else self._seen
            self._until, self._writers = self._seen, writing
