"""What `up` and `down` do with a folder that is not as it should be, and with a start that goes on or is cut short."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import is_locked, locked
from ssenet.data_folder.state_file import State, started_at, write_state
from ssenet.network import up
from ssenet.network.down import bring_down
from ssenet.network.up import bring_up
from ssenet.processes.shutdown import DATA_MARK
from ssenet.terminal.errors import CommandError


def test_lost_secrets_of_a_database_are_not_made_anew(
    with_database: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError) as refused:
        bring_up(with_database, port=0, detach=True)

    assert "is missing" in refused.value.what
    assert "first start" not in capsys.readouterr().out
    assert not with_database.secrets.exists()


def test_a_folder_that_holds_something_else_is_left_as_it_is(folder: DataFolder) -> None:
    (folder.path / "thesis.odt").touch()

    with pytest.raises(CommandError) as refused:
        bring_up(folder, port=0, detach=True)
    bring_down(folder)

    assert "other things" in refused.value.what
    assert [one.name for one in folder.path.iterdir()] == ["thesis.odt"]


def test_of_two_starts_at_once_the_second_waits_for_the_first(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = os.getpid()
    first = State(ours, started_at(ours), "http://localhost:1", 1)
    looks: list[DataFolder] = []

    def is_locked(looked_at: DataFolder) -> bool:
        # The first start takes the folder after the second has looked, and is ready when it looks again.
        looks.append(looked_at)
        if len(looks) > 1:
            write_state(folder.state, replace(first, ready=True))
        return len(looks) > 1

    monkeypatch.setattr(up, "is_locked", is_locked)
    with locked(folder):
        write_state(folder.state, first)
        assert bring_up(folder, port=0, detach=True) == 0

    said = capsys.readouterr()
    assert "is running already: http://localhost:1" in said.out
    assert "did not become ready" not in said.err


def test_a_start_that_is_interrupted_while_it_loads_stops_without_a_traceback(folder: DataFolder) -> None:
    command = [sys.executable, "-P", "-m", "ssenet", "up", "--port", "0", "--data", str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline().startswith("Starting the network.")
        starting.send_signal(signal.SIGINT)
        said = starting.stdout.read()

    assert "Traceback" not in said
    assert "Nothing of the network runs any more" in said
    assert starting.returncode == 0


def test_down_stops_what_a_killed_supervisor_left(
    a_sleeper: Callable[..., "subprocess.Popen[bytes]"],
    folder: DataFolder,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = a_sleeper({DATA_MARK: str(folder.path)})

    bring_down(folder)

    left.communicate(timeout=5)
    assert "Stopped; the data is kept." in capsys.readouterr().out
    assert not is_locked(folder)
