"""A process of its own that waits again and again, and for each line tells the seconds by which a wait was too long."""

import select
import sys
import time

WAIT = 0.02


def main() -> None:
    """Wait, until nobody asks any more."""
    late, before = 0.0, time.monotonic()
    while True:
        asked, _, _ = select.select([sys.stdin], [], [], WAIT)
        now = time.monotonic()
        late, before = max(late, now - before - WAIT), now
        if asked:
            if not sys.stdin.readline():
                return
            print(late, flush=True)  # noqa: T201 - what it is there for


if __name__ == "__main__":
    main()
