"""How a benchmark is taken: where, how large, how often, and whom it tells of its progress."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Taking:
    """`quick` shrinks everything to see that it runs; its figures say little."""

    folder: Path
    tell: Callable[[str], None]
    quick: bool = False

    def of(self, usual: int, quick: int) -> int:
        """A size or a number of rounds: the usual one, or the one of a quick run."""
        return quick if self.quick else usual
