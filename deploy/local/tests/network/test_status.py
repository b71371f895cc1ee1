"""`status` says what a service that is not ready lacks, and what to do about it."""

import json
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import ProcessState, State, started_at, write_state
from ssenet.network.status import show_status
from ssenet.processes.ports import LOOPBACK

Serving = Callable[..., DataFolder]
REFILL = "`./ssenet events refill --data"
NO_PROCESS = 2**22 + 1
"""Above the largest process number."""
GONE = "coordination-look-up is gone"


@contextmanager
def a_service(checks: dict[str, str]) -> Generator[int]:
    """The port of something that answers as a service does when it is asked whether it is ready."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if set(checks.values()) <= {"ok"} else 503)
            self.end_headers()
            self.wfile.write(json.dumps({"checks": checks}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            pass

    with HTTPServer((LOOPBACK, 0), Answer) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """`serving(registry={…})`: the folder of a network that runs these services, with these checks."""
    with ExitStack() as services:

        def run(**checks: dict[str, str]) -> DataFolder:
            ours = os.getpid()
            started = started_at(ours)
            ports = {name: services.enter_context(a_service(told)) for name, told in checks.items()}
            processes = [ProcessState(name, ours, started, port) for name, port in ports.items()]
            folder = DataFolder(tmp_path)
            write_state(folder.state, State(ours, started, "http://localhost:1", 1, processes=processes))
            return folder

        yield run


def test_every_check_that_fails_has_a_line_and_a_durable_that_is_gone_its_remedy(
    serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = serving(
        registry={"database": "ok", "stream": "the stream EVENTS is not there"},
        coordination={"database": "TimeoutError", "consumers": GONE},
    )

    assert show_status(folder, as_json=False) == 1

    said = capsys.readouterr().out.splitlines()
    assert said[-4:-1] == [
        "registry: stream: the stream EVENTS is not there",
        "coordination: database: TimeoutError",
        f"coordination: consumers: {GONE}",
    ]
    assert said[-1].startswith(REFILL)


@pytest.mark.parametrize("check", ["stream", "consumers"])
def test_a_refill_is_named_for_what_is_missing_on_the_broker(
    serving: Serving, capsys: pytest.CaptureFixture[str], check: str
) -> None:
    show_status(serving(registry={"broker": "ok", check: "gone"}), as_json=False)

    assert REFILL in capsys.readouterr().out


@pytest.mark.parametrize(
    "checks",
    [{"database": "TimeoutError"}, {"broker": "not connected", "consumers": "mirror-members: not connected"}],
)
def test_a_refill_is_not_named_where_it_could_do_nothing(
    serving: Serving, capsys: pytest.CaptureFixture[str], checks: dict[str, str]
) -> None:
    show_status(serving(registry=checks), as_json=False)

    assert REFILL not in capsys.readouterr().out


def test_programs_are_told_what_fails(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    folder = serving(registry={"stream": "ok"}, coordination={"stream": "ok", "consumers": GONE})

    assert show_status(folder, as_json=True) == 1

    failing = {one["name"]: one["failing"] for one in json.loads(capsys.readouterr().out)["processes"]}
    assert failing == {"registry": {}, "coordination": {"consumers": GONE}, "supervisor": {}}


def test_what_a_killed_supervisor_left_is_named_with_the_way_to_end_it(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = os.getpid()
    left = ProcessState("nats", ours, started_at(ours), port=0)
    write_state(folder.state, State(NO_PROCESS, 0.0, "http://localhost:1", 1, processes=[left]))

    assert show_status(folder, as_json=False) == 1

    said = capsys.readouterr().out
    assert f"nats (process {ours})" in said
    assert f"./ssenet down --data {folder.path}" in said
