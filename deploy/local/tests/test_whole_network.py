"""The whole network, started by the command as a person would: it comes up, heals, and leaves nothing behind."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from chassis.broker.connection import connect
from chassis.broker.provision import provision_site
from chassis.broker.topology import PROVISIONER, Topology
from chassis.ids import new_id
from chassis.testing import an_envelope
from contracts.partner.assistance import AssistanceRequestedV1
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import read_secrets
from ssenet.data_folder.state_file import State, read_state
from ssenet.processes.preparation import DESCRIPTION
from ssenet.processes.servers import start_nats
from ssenet.processes.shutdown import DATA_MARK
from ssenet.project import ROOT, SERVICES

HANDLER = "coordination-open-assistance-tasks"
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

    def state(self) -> State:
        """What the supervisor wrote down last."""
        found = read_state(self.data / "state.json")
        assert found is not None
        return found

    def pid_of(self, name: str) -> int:
        return next(one.pid for one in self.state().processes if one.name == name)

    @contextmanager
    def in_the_foreground(self) -> Generator[tuple["subprocess.Popen[bytes]", Path]]:
        """`up` as in a terminal of its own; what it prints goes to the file."""
        printed = self.data.with_name("printed")
        command = [sys.executable, "-P", "-m", "ssenet", "up", "--port", "0", "--data", str(self.data)]
        with printed.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            yield process, printed
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that is made by the first start and kept for the next ones, which are quicker for it."""
    return tmp_path_factory.mktemp("network") / "a network's data"


@pytest.fixture
def ssenet(data: Path) -> Iterator[Command]:
    command = Command(data)
    yield command
    if (data / "state.json").exists():
        command("down")


@pytest.fixture
def nothing(tmp_path: Path) -> Command:
    """The command with a data folder in which nothing was ever started."""
    return Command(tmp_path / "data")


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


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Starting a network takes seconds: this one is carried through its whole life, and each start is put to several uses.
def test_a_network_carries_events_heals_is_taken_over_and_ends_with_ctrl_c(ssenet: Command) -> None:
    up = ssenet("up", "--detach", "--port", "0")
    assert up.returncode == 0, up.stdout + up.stderr
    assert up.stdout.count("/sign-in/") == 3
    _it_says_what_runs(ssenet)
    _it_is_its_owners_alone(ssenet)
    assert "running already" in ssenet("up", "--detach").stdout

    assert ssenet("deadletters", "list").stdout == "There is no dead letter waiting.\n"
    an_operator_ends_dead_letters(ssenet)
    an_operator_rebuilds_a_projection(ssenet)

    tour = tour_is_complete(ssenet)
    assert [hop["name"] for hop in tour["hops"]] == ["accepted", "task_opened", "notified", "pushed"]
    assert len(tour["trace_id"]) == 32

    before = ssenet.pid_of("notifications")
    os.kill(before, signal.SIGKILL)
    until(lambda: ssenet.state().ready and ssenet.pid_of("notifications") != before)
    tour_is_complete(ssenet)

    assert ssenet("partner", "add", "FAO", "--grant", "partner.research.published.v1").stdout[:4] == "sse_"
    os.kill(ssenet.state().supervisor_pid, signal.SIGKILL)
    assert ssenet("status").returncode == 1
    the_broker_loses_its_store(ssenet)

    with ssenet.in_the_foreground() as (again, printed):
        until(lambda: "/sign-in/" in printed.read_text(encoding="utf-8"))
        assert "an earlier run left behind" in printed.read_text(encoding="utf-8")
        assert "FAO" in ssenet("partner", "list").stdout
        until(lambda: asyncio.run(_stored_and_announced(ssenet)))
        again.send_signal(signal.SIGINT)
        assert again.wait(timeout=60) == 0
    assert "Nothing of the network runs any more" in printed.read_text(encoding="utf-8")
    _nothing_runs(ssenet)


def test_a_network_that_is_still_starting_can_be_brought_down(ssenet: Command) -> None:
    with ssenet.in_the_foreground() as (starting, printed):
        until(lambda: "ready  postgres" in printed.read_text(encoding="utf-8"))
        assert "stopped" in ssenet("down").stdout
        assert starting.wait(timeout=60) == 0
    _nothing_runs(ssenet)


def the_broker_loses_its_store(ssenet: Command) -> None:
    """And a start that follows is cut short once the streams are made."""
    folder = DataFolder(ssenet.data)
    nats = psutil.Process(ssenet.pid_of("nats"))
    nats.kill()
    until(lambda: not nats.is_running() or nats.status() == psutil.STATUS_ZOMBIE)
    shutil.rmtree(folder.nats / "store")
    server = start_nats(folder.nats, folder.broker_users.read_text(encoding="utf-8"))
    seed = read_secrets(folder.secrets).nats_seeds[PROVISIONER]
    asyncio.run(provision_site(Topology.read(DESCRIPTION), url=server.url, seed=seed))
    server.stop()


async def _stored_and_announced(ssenet: Command) -> bool:
    """Whether every event that was ever announced is in the stream."""
    ports = {one.name: one.port for one in ssenet.state().processes}
    secrets = read_secrets(ssenet.data / "secrets.json")
    announced = 0
    for service in SERVICES:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=ports["postgres"],
            user=service,
            password=secrets.database_passwords[service],
            database=service,
        )
        announced += await connection.fetchval("SELECT count(*) FROM outbox")
        await connection.close()
    url = f"nats://127.0.0.1:{ports['nats']}"
    broker = await connect(url, service=PROVISIONER, seed=secrets.nats_seeds[PROVISIONER])
    stored = (await broker.jetstream.stream_info("EVENTS")).state.messages
    await broker.stop()
    return stored >= announced > 0


def an_operator_ends_dead_letters(ssenet: Command) -> None:
    """List, show, edit, replay and discard, as a person or a script does it."""
    asyncio.run(_plant_letters(ssenet))
    listed = json.loads(ssenet("deadletters", "list", "--handler", HANDLER, "--json").stdout)
    ids: list[str] = [one["id"] for one in listed["letters"]]
    assert (len(ids), listed["matching"]) == (4, 4)
    assert ids[0] in ssenet("deadletters", "list", "--error", "DomainError").stdout

    shown = json.loads(ssenet("deadletters", "show", ids[0], "--json").stdout)
    draft = ssenet.data.with_name("draft.json")
    broken = shown["payload"] | {"data": shown["payload"]["data"] | {"country": "Atlantis"}}
    draft.write_text(json.dumps(broken), encoding="utf-8")
    edit = ("deadletters", "edit", ids[0], "--file", str(draft), "--reason", "a wrong code")
    refused = ssenet(*edit)
    assert (refused.returncode, "/data/country" in refused.stderr) == (1, True)
    draft.write_text(json.dumps(shown["payload"]), encoding="utf-8")
    assert "Stored" in ssenet(*edit).stdout

    assert ssenet("deadletters", "discard", ids[3], "--reason", "no use").returncode == 2
    assert ssenet("deadletters", "discard", ids[3], "--reason", "no use", "--yes").returncode == 0
    tried = json.loads(ssenet("deadletters", "replay", "--all", "--dry-run", "--json").stdout)
    assert tried["outcomes"] == {"applied": 3}
    assert "3        applied" in ssenet("deadletters", "replay", "--all", "--yes").stdout
    assert "no dead letter waiting" in ssenet("deadletters", "list").stdout
    assert "discarded by operator (operator): no use" in ssenet("deadletters", "show", ids[3]).stdout


def an_operator_rebuilds_a_projection(ssenet: Command) -> None:
    rebuilt = ssenet("events", "replay", "--handler", "coordination-mirror-organisations", "--json")
    told = json.loads(rebuilt.stdout)
    assert (rebuilt.returncode, told["state"]) == (0, "finished")
    assert told["report"]["organisations"]["rows"] > 50
    assert told["report"]["organisations"]["unreached"] == 0

    refused = ssenet("events", "replay", "--handler", HANDLER)
    assert (refused.returncode, "is not a projection" in refused.stderr) == (1, True)
    unknown = ssenet("events", "replay", "--handler", "notifications-mirror-everything")
    assert "  notifications-mirror-members" in unknown.stderr


async def _plant_letters(ssenet: Command) -> None:
    """Four requests of a partner that a handler refused before it was mended."""
    example = ROOT / "contracts" / "examples" / "partner.assistance.requested.v1" / "senegal-fr.json"
    data = json.loads(example.read_text(encoding="utf-8"))["data"]
    event = AssistanceRequestedV1.model_validate(data)
    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=next(one.port for one in ssenet.state().processes if one.name == "postgres"),
        user="coordination",
        password=read_secrets(ssenet.data / "secrets.json").database_passwords["coordination"],
        database="coordination",
    )
    try:
        for number in range(4):
            payload = an_envelope(event).model_dump_json().encode()
            await connection.execute(
                "INSERT INTO dead_letters (id, durable, stream, stream_sequence, nats_subject, payload, error_class,"
                " error, attempts, died_at) VALUES ($1, $2, 'EVENTS', $3, '-', $4, 'DomainError', '-', '[]', now())",
                new_id(),
                HANDLER,
                number + 1,
                payload,
            )
    finally:
        await connection.close()


def _it_says_what_runs(ssenet: Command) -> None:
    status = ssenet.status()
    assert status["ready"]
    assert {one["name"] for one in status["processes"]} >= {"postgres", "nats", "registry", "gateway"}
    assert sum(one["rss_mb"] for one in status["processes"]) < 700


def _it_is_its_owners_alone(ssenet: Command) -> None:
    # Started by root, PostgreSQL runs as another user, who must pass through to its own folder.
    assert mode_of(ssenet.data) == (0o701 if os.geteuid() == 0 else 0o700)
    assert mode_of(ssenet.data / "logs") == 0o700
    assert mode_of(ssenet.data / "postgres" / "data") == 0o700
    assert {mode_of(ssenet.data / name) for name in ("secrets.json", "nats-users.conf")} == {0o600}


def _nothing_runs(ssenet: Command) -> None:
    assert processes_of(ssenet.data) == []
    status = ssenet("status", "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout) == {"ready": False, "url": "", "processes": []}


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
        (("deadletters", "list"), "not running"),
        (("deadletters", "list", "--since", "lately"), "'lately' is not a valid time"),
        (("deadletters", "replay", "--yes"), "Which letters?"),
        (("logs",), "no log"),
        (("logs", "mail"), "no process 'mail'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    nothing: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = nothing(*arguments)

    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unwritable_data_folder_is_said_before_anything_starts(nothing: Command) -> None:
    nothing.data.write_text("a file", encoding="utf-8")

    done = nothing("up", "--detach")

    assert done.returncode == 1
    assert "cannot be written" in done.stderr
