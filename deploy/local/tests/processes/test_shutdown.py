"""How what runs, or was left running, is ended."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, started_at
from ssenet.processes.shutdown import DATA_MARK, stop, stop_what_was_left, works_in


def test_what_a_killed_supervisor_left_is_stopped_even_when_nothing_was_written_down(
    a_sleeper: Callable[..., "subprocess.Popen[bytes]"],
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


def test_only_what_runs_in_a_data_folder_counts_as_its_database(
    a_sleeper: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
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
