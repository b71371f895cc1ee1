"""What can go wrong with a benchmark itself."""


class BenchmarkError(Exception):
    """A benchmark could not be taken; the message says why, for a person."""
