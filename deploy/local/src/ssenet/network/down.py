"""`down`: asking the supervisor to stop everything, and stopping what a killed one left."""

import os
import signal
import time

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import AlreadyLockedError, locked
from ssenet.data_folder.state_file import is_alive, read_state
from ssenet.processes.shutdown import stop_what_was_left
from ssenet.terminal.errors import CommandError

PATIENCE = 75.0
"""Seconds: more than the supervisor grants to all its processes together."""
CHECK_EVERY = 0.05


def bring_down(folder: DataFolder) -> None:
    """Stop the supervisor, which stops the rest; what a killed one left behind is stopped from here."""
    if not folder.path.is_dir() or not folder.may_be_used():
        print("The network is not running.")
        return
    state = read_state(folder.state)
    if state is not None and is_alive(state.supervisor_pid, state.supervisor_started):
        os.kill(state.supervisor_pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while is_alive(state.supervisor_pid, state.supervisor_started):
            if time.monotonic() > deadline:
                os.kill(state.supervisor_pid, signal.SIGKILL)
            time.sleep(CHECK_EVERY)
        stop_what_was_left(folder, print)
        print("The network is stopped; its data is kept.")
        return
    try:
        with locked(folder):
            left = stop_what_was_left(folder, print)
    except AlreadyLockedError:
        raise CommandError(
            "The network is just starting or stopping.", hint="Try again in a few seconds."
        ) from None
    print("Stopped; the data is kept." if left else "The network is not running.")
