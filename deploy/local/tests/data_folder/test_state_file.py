"""What is written down of a running network, and whether it still is so."""

import os
import subprocess
from collections.abc import Callable

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, State, is_alive, read_state, started_at, write_state


def test_the_state_is_read_as_it_was_written(folder: DataFolder) -> None:
    state = State(
        1, 2.5, "http://localhost:8080", 8080, processes=[ProcessState("nats", 7, 3.5, 4222, ready=True)]
    )
    write_state(folder.state, state)

    assert read_state(folder.state) == state


@pytest.mark.parametrize("content", ["", "[]", "{", '{"processes": [{"name": 1}]}', '{"supervisor_pid": 1}'])
def test_a_state_that_cannot_be_understood_counts_as_none(folder: DataFolder, content: str) -> None:
    folder.state.write_text(content, encoding="utf-8")

    assert read_state(folder.state) is None


def test_a_process_number_used_again_is_another_process() -> None:
    pid, started = os.getpid(), started_at(os.getpid())

    assert is_alive(pid, started)
    assert not is_alive(pid, started - 60)


def test_a_killed_child_is_not_alive(a_sleeper: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    child = a_sleeper()
    started = started_at(child.pid)
    child.kill()
    child.communicate()

    assert not is_alive(child.pid, started)
