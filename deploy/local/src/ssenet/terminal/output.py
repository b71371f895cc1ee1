"""The standard output, for a reader who may go away meanwhile."""

import os
import sys


def tell(text: str, *, end: str = "\n") -> None:
    """Print it at once. Whoever read may have had enough, as `head` has: nothing is said then, and work goes on."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Let everything that is still printed go nowhere, what waits to be written included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
