"""Who holds a data folder."""

import subprocess
import sys

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import AlreadyLockedError, is_locked, locked


def test_a_data_folder_has_one_holder(folder: DataFolder) -> None:
    with locked(folder):
        assert is_locked(folder)
        with pytest.raises(AlreadyLockedError), locked(folder):
            pass
    assert not is_locked(folder)


def test_the_lock_of_a_killed_holder_is_free(folder: DataFolder) -> None:
    hold = f"""
from pathlib import Path
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import locked
with locked(DataFolder(Path({str(folder.path)!r}))):
    print("held", flush=True)
    input()
"""
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert is_locked(folder)
    holder.kill()
    holder.communicate()

    assert not is_locked(folder)
