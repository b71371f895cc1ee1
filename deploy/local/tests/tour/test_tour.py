"""The tour waits for what restarts: an event that was sent arrives, whichever process is killed on its way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssenet.data_folder.state_file import State, read_state
from ssenet.network.client import RefusedError
from ssenet.project import SERVICES
from ssenet.terminal.errors import CommandError
from ssenet.tour.follow import Patience
from ssenet.tour.journey import Journey

pytestmark = pytest.mark.timeout(240)
INTO_THE_TOUR = 0.2


def command(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "ssenet", *arguments, "--data", str(data)]


def ssenet(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(data, *arguments), capture_output=True, text=True, check=False, timeout=120)


def state_of(data: Path) -> State:
    found = read_state(data / "state.json")
    assert found is not None
    return found


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    data = tmp_path / "data"
    up = ssenet(data, "up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stdout + up.stderr
    yield data
    ssenet(data, "down")


def tour_while_killing(data: Path, name: str) -> dict[str, Any]:
    killed = state_of(data).process(name)
    assert killed is not None
    with subprocess.Popen(command(data, "tour", "--json"), stdout=subprocess.PIPE, text=True) as tour:
        # Not a wait for something to become true: this is the moment at which the process is to be lost.
        time.sleep(INTO_THE_TOUR)
        os.kill(killed.pid, signal.SIGKILL)
        printed, _ = tour.communicate(timeout=60)
    return json.loads(printed)


def until_ready_again(data: Path, name: str, killed: int) -> None:
    deadline = time.monotonic() + 30
    while not state_of(data).ready or killed == _pid(data, name):
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.05)


def _pid(data: Path, name: str) -> int:
    process = state_of(data).process(name)
    return process.pid if process else 0


def test_a_tour_completes_whichever_process_is_killed_on_its_way(network: Path) -> None:
    assert ssenet(network, "tour", "--json").returncode == 0

    for name in ("postgres", "nats", "nursery", *SERVICES):
        killed = _pid(network, name)
        told = tour_while_killing(network, name)
        assert told["ok"], f"{name}: {told}"
        assert len(told["trace_id"]) == 32
        assert all(hop["ms"] >= 0 for hop in told["hops"])
        until_ready_again(network, name, killed)


def test_a_tour_that_cannot_begin_says_so_in_json_too(tmp_path: Path) -> None:
    tour = ssenet(tmp_path / "data", "tour", "--json")

    assert tour.returncode == 1
    told = json.loads(tour.stdout)
    assert told["ok"] is False
    assert told["missing"] == "accepted"
    assert told["hops"] == []
    assert "not running" in tour.stderr


def test_hops_are_told_in_the_order_of_their_times_and_add_up() -> None:
    journey = Journey(began=100.0, answered=100.25, trace_id="a" * 32)
    journey.reached = {"pushed": 101.0, "task_opened": 100.125, "notified": 100.5, "accepted": 100.0625}

    told = journey.report()

    assert [hop["name"] for hop in told["hops"]] == ["accepted", "task_opened", "notified", "pushed"]
    assert [hop["since_start_ms"] for hop in told["hops"]] == [62.5, 125.0, 500.0, 1000.0]
    assert sum(hop["ms"] for hop in told["hops"]) == told["total_ms"]
    assert told["answered_ms"] == 250.0
    assert told["ok"]
    assert "missing" not in told


def test_a_tour_names_the_first_hop_that_is_missing() -> None:
    told = Journey(began=100.0, reached={"accepted": 100.5}).report()

    assert told["missing"] == "task_opened"


def test_a_tour_asks_again_while_something_restarts_and_not_when_it_is_refused() -> None:
    answers = iter([CommandError("gone"), RefusedError(503, {}), "done", RefusedError(403, {}), "never"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, CommandError):
            raise answer
        return answer

    patience = Patience(time.monotonic() + 60)
    assert patience.until_done(ask) == "done"
    with pytest.raises(RefusedError):
        patience.until_done(ask)


def test_a_tour_gives_up_when_its_time_is_over() -> None:
    def ask() -> str:
        raise CommandError("gone")

    with pytest.raises(CommandError):
        Patience(time.monotonic()).until_done(ask)
