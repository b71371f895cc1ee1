"""The log that each process writes into the data folder: begun anew with each start, and read from its end."""

from pathlib import Path


def rotate(log: Path, *, keep: int = 3) -> None:
    """Give a starting process an empty log; the last ones stay beside it as `.1`, `.2`, `.3`."""
    if not log.exists() or log.stat().st_size == 0:
        return
    for number in range(keep - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; nothing when there is none yet."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            # A log line is rarely longer than 2 kB; a tail need not read a big file through.
            file.seek(max(0, size - lines * 2048))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]
