"""The lock by which one supervisor holds a data folder."""

import contextlib
import fcntl
from collections.abc import Generator

from ssenet.data_folder.folder import DataFolder

ALREADY_RUNNING = 3
"""Exit code of a supervisor that finds another one holding its data folder."""


class AlreadyLockedError(Exception):
    """Another supervisor holds this data folder."""


@contextlib.contextmanager
def locked(folder: DataFolder) -> Generator[None]:
    """Hold the data folder. The system lets go of the lock when its holder ends, however it ends."""
    folder.make()
    with folder.lock.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyLockedError from error
        yield


def is_locked(folder: DataFolder) -> bool:
    """Tell whether a supervisor runs on this data folder now."""
    if not folder.lock.exists():
        return False
    try:
        with locked(folder):
            return False
    except AlreadyLockedError:
        return True
