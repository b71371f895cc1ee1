"""What can go wrong with a benchmark itself."""

from collections.abc import Sequence

from benchmarks.figures import Figure


class BenchmarkError(Exception):
    """A benchmark, or a part of it, could not be taken; the message says why, for a person."""

    def __init__(self, why: str, *, taken: Sequence[Figure] = ()) -> None:
        super().__init__(why)
        self.taken = taken
        """The figures that could be taken all the same."""
