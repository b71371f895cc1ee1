"""The whole network, started by the command as a person would: it comes up, heals, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ssenet.stopping import DATA_MARK

pytestmark = pytest.mark.timeout(240)


class Command:
    """`./ssenet` with a data folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-m", "ssenet", *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def status(self) -> dict[str, Any]:
        return json.loads(self("status", "--json").stdout)

    def pid_of(self, name: str) -> int:
        return next(one["pid"] for one in self.status()["processes"] if one["name"] == name)


@pytest.fixture
def ssenet(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path / "a network's data")
    yield command
    command("down")


def until(check: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def processes_of(data: Path) -> list[str]:
    """What runs and carries this network's mark."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(DATA_MARK) == str(data) or str(data) in process.cmdline():
                found.append(f"{process.pid} {process.name()}")
        except (psutil.Error, OSError):
            continue
    return found


def tour_is_complete(ssenet: Command) -> dict[str, Any]:
    done = ssenet("tour", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_a_network_comes_up_carries_an_event_heals_and_leaves_nothing_running(ssenet: Command) -> None:
    up = ssenet("up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stdout + up.stderr
    assert up.stdout.count("/sign-in/") == 3

    status = ssenet.status()
    assert status["ready"]
    assert {one["name"] for one in status["processes"]} >= {"postgres", "nats", "registry", "gateway"}
    assert sum(one["rss_mb"] for one in status["processes"]) < 700
    assert "running already" in ssenet("up", "--detach").stdout

    tour = tour_is_complete(ssenet)
    assert [hop["name"] for hop in tour["hops"]] == ["accepted", "task_opened", "notified", "pushed"]
    assert len(tour["trace_id"]) == 32

    before = ssenet.pid_of("notifications")
    os.kill(before, signal.SIGKILL)
    until(lambda: ssenet.status()["ready"] and ssenet.pid_of("notifications") != before)
    tour_is_complete(ssenet)

    assert ssenet("down").returncode == 0
    assert processes_of(ssenet.data) == []
    assert ssenet("status", "--json").returncode == 1
    assert ssenet.status() == {"ready": False, "url": "", "processes": []}


def test_what_a_killed_supervisor_left_is_stopped_first_and_the_data_is_kept(ssenet: Command) -> None:
    assert ssenet("up", "--detach", "--port", "0").returncode == 0
    key = ssenet("partner", "add", "FAO", "--grant", "partner.research.published.v1").stdout
    assert key.startswith("sse_")
    os.kill(ssenet.pid_of("supervisor"), signal.SIGKILL)
    assert ssenet("status").returncode == 1

    again = ssenet("up", "--detach", "--port", "0")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "an earlier run left behind" in again.stdout
    assert "FAO" in ssenet("partner", "list").stdout
    os.kill(ssenet.pid_of("supervisor"), signal.SIGKILL)
    assert "Stopped" in ssenet("down").stdout
    assert processes_of(ssenet.data) == []


def test_a_service_that_does_not_start_ends_the_start_with_its_log(
    ssenet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_PUBLISH_TIMEOUT", "no duration")

    up = ssenet("up", "--detach", "--port", "0")

    assert up.returncode == 1
    assert "gateway ended before it was ready" in up.stdout
    assert "publish_timeout" in up.stdout
    assert "Traceback" not in up.stderr
    assert processes_of(ssenet.data) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tour",), "not running"),
        (("partner", "list"), "not running"),
        (("link", "operator"), "not running"),
        (("link", "director"), "no role 'director'"),
        (("logs",), "no log"),
        (("logs", "mail"), "no process 'mail'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    ssenet: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = ssenet(*arguments)

    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_data_folder_is_said_before_anything_starts(ssenet: Command) -> None:
    ssenet.data.write_text("a file", encoding="utf-8")

    done = ssenet("up", "--detach")

    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    ssenet.data.unlink()
