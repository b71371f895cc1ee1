"""Which network a command finds running, and what is said where it finds none or is refused."""

import os

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import State, started_at, write_state
from ssenet.network.client import Network, RefusedError, running, the_network
from ssenet.network.logs import show_logs
from ssenet.terminal.errors import CommandError


def test_what_to_do_next_is_said_of_this_data_folder_and_no_other(folder: DataFolder) -> None:
    ours = os.getpid()
    still_starting = State(ours, started_at(ours), "http://localhost:1", 1)

    with pytest.raises(CommandError) as not_running:
        the_network(folder)
    with pytest.raises(CommandError) as no_logs:
        show_logs(folder, None, lines=1, follow=False)
    with pytest.raises(CommandError) as not_there:
        Network(folder, still_starting).port_of("gateway")

    for refused in (not_running, no_logs, not_there):
        assert f" --data {folder.path}`" in refused.value.hint


@pytest.mark.parametrize(("status", "said"), [(500, "It failed. Trace: 4bf92f35."), (422, "It failed.")])
def test_a_services_failure_is_told_with_the_trace_to_find_it_by(status: int, said: str) -> None:
    assert RefusedError(status, {"detail": "It failed.", "trace_id": "4bf92f35"}).what == said


def test_a_network_whose_supervisor_was_killed_is_not_running(folder: DataFolder) -> None:
    write_state(folder.state, State(os.getpid(), started_at(os.getpid()) - 60, "http://localhost:8080", 8080))

    assert running(folder) is None
