"""What is written down of a running network, who holds its folder, and how what was left is ended."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ssenet.data_folder.folder import DataFolder, data_folder
from ssenet.data_folder.lock import AlreadyLockedError, is_locked, locked
from ssenet.data_folder.log_files import rotate, tail
from ssenet.data_folder.state_file import ProcessState, State, is_alive, read_state, started_at, write_state
from ssenet.network.client import running
from ssenet.network.down import bring_down
from ssenet.processes.shutdown import DATA_MARK, stop, stop_what_was_left, works_in


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def a_sleeper(
    environment: Mapping[str, str] | None = None, *, in_folder: Path | None = None
) -> "subprocess.Popen[bytes]":
    """A process of which nothing is expected but to be there."""
    return subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=in_folder,
    )


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


def test_a_killed_child_is_not_alive() -> None:
    child = a_sleeper()
    started = started_at(child.pid)
    child.kill()
    child.communicate()

    assert not is_alive(child.pid, started)


def test_a_network_whose_supervisor_was_killed_is_not_running(folder: DataFolder) -> None:
    write_state(folder.state, State(os.getpid(), started_at(os.getpid()) - 60, "http://localhost:8080", 8080))

    assert running(folder) is None


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


def test_what_a_killed_supervisor_left_is_stopped_even_when_nothing_was_written_down(
    folder: DataFolder,
) -> None:
    left, foreign = a_sleeper({DATA_MARK: str(folder.path)}), a_sleeper({DATA_MARK: "/elsewhere"})
    said: list[str] = []

    stop_what_was_left(folder, said.append)

    left.communicate(timeout=5)
    assert foreign.poll() is None
    assert len(said) == 1
    foreign.kill()
    foreign.communicate()


def test_down_stops_what_a_killed_supervisor_left(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    left = a_sleeper({DATA_MARK: str(folder.path)})

    bring_down(folder)

    left.communicate(timeout=5)
    assert "Stopped; the data is kept." in capsys.readouterr().out
    assert not is_locked(folder)


def test_only_what_runs_in_a_data_folder_counts_as_its_database(tmp_path: Path) -> None:
    here, elsewhere, link = tmp_path / "here", tmp_path / "postgres", tmp_path / "link"
    here.mkdir()
    elsewhere.mkdir()
    link.symlink_to(here)
    process = a_sleeper(in_folder=here)

    assert works_in(process.pid, here)
    assert works_in(process.pid, link)
    assert not works_in(process.pid, elsewhere)
    process.kill()
    process.communicate()
    assert not works_in(process.pid, here)


def test_a_process_that_ignores_the_request_to_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssenet.processes.shutdown.SERVICE_PATIENCE", 0.2)
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); input()"
    )
    child = subprocess.Popen([sys.executable, "-c", stubborn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    said: list[str] = []

    stop([ProcessState("registry", child.pid, started_at(child.pid), 0)], said.append)

    assert said == ["registry did not stop within 0 s and was killed"]
    child.communicate()


def test_a_starting_process_gets_an_empty_log_and_keeps_the_last_three(tmp_path: Path) -> None:
    log = tmp_path / "registry.log"
    for run in range(6):
        rotate(log)
        log.write_text(f"run {run}\n", encoding="utf-8")

    kept = {path.name: path.read_text(encoding="utf-8").strip() for path in tmp_path.iterdir()}
    assert kept == {
        "registry.log": "run 5",
        "registry.log.1": "run 4",
        "registry.log.2": "run 3",
        "registry.log.3": "run 2",
    }


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    log.write_text("".join(f"line {n}\n" for n in range(1000)), encoding="utf-8")

    assert tail(log, 2) == ["line 998", "line 999"]
    assert tail(tmp_path / "none.log", 2) == []


def test_the_data_folder_is_the_projects_own_unless_another_is_named(tmp_path: Path) -> None:
    assert data_folder(None).path.name == ".ssenet"
    assert data_folder(tmp_path).path == tmp_path
