"""What `up`, `down`, `status` and the partners' commands say when something is not as it should be."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import locked
from ssenet.data_folder.secrets_file import check_secrets, secrets_of
from ssenet.data_folder.state_file import ProcessState, State, started_at, write_state
from ssenet.main import cli
from ssenet.network import up
from ssenet.network.client import Network, RefusedError, the_network
from ssenet.network.down import bring_down
from ssenet.network.logs import show_logs
from ssenet.network.status import show_status
from ssenet.network.up import bring_up
from ssenet.partners import grants_and_keys
from ssenet.processes.ports import LOOPBACK, public_port
from ssenet.processes.shutdown import DATA_MARK
from ssenet.terminal.errors import CommandError

LISTEN = (
    "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
    "print(s.getsockname()[1], flush=True); input()"
)
NO_PROCESS = 2**22 + 1
"""Above the largest process number."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.path.mkdir()
    return made


@pytest.fixture
def with_database(folder: DataFolder) -> DataFolder:
    (folder.postgres / "data").mkdir(parents=True)
    (folder.postgres / "data" / "PG_VERSION").write_text("18", encoding="utf-8")
    return folder


def test_broken_secrets_of_a_database_are_to_be_restored_and_never_moved_away(
    with_database: DataFolder,
) -> None:
    with_database.secrets.write_text("{", encoding="utf-8")

    with pytest.raises(CommandError) as refused:
        secrets_of(with_database.secrets)

    assert "Restore the file" in refused.value.hint
    assert "move it away" not in refused.value.hint
    assert "empty data folder" in refused.value.hint


def test_lost_secrets_of_a_database_are_not_made_anew(
    with_database: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError) as refused:
        bring_up(with_database, port=0, detach=True)

    assert "is missing" in refused.value.what
    assert "first start" not in capsys.readouterr().out
    assert not with_database.secrets.exists()


def test_a_folder_without_a_database_needs_no_secrets_yet(folder: DataFolder) -> None:
    check_secrets(folder)


def test_a_folder_that_holds_something_else_is_left_as_it_is(folder: DataFolder) -> None:
    (folder.path / "thesis.odt").touch()

    with pytest.raises(CommandError) as refused:
        bring_up(folder, port=0, detach=True)
    bring_down(folder)

    assert "other things" in refused.value.what
    assert [one.name for one in folder.path.iterdir()] == ["thesis.odt"]


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


@pytest.mark.parametrize(
    "words",
    ["logs", "link", "partner add", "deadletters replay", "deadletters discard", "bench", "contracts diff"],
)
def test_help_brackets_what_may_be_left_out_only_once(words: str) -> None:
    said = CliRunner().invoke(cli, [*words.split(), "--help"]).stdout

    assert f"{words} [OPTIONS]" in said
    assert "[[" not in said


def test_a_command_that_is_interrupted_while_it_loads_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "ssenet", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert ended.stderr == b""
    assert ended.returncode == -signal.SIGINT


@pytest.fixture
def listener() -> Iterator["subprocess.Popen[str]"]:
    environment = {**os.environ, DATA_MARK: "/where/the/other/is"}
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_port_held_by_another_network_is_said_to_be_so(listener: "subprocess.Popen[str]") -> None:
    assert listener.stdout is not None

    with pytest.raises(CommandError) as refused:
        public_port(int(listener.stdout.readline()))

    assert "another network of ours (data folder /where/the/other/is)" in refused.value.what


def test_a_port_held_by_a_program_is_said_with_its_whole_name() -> None:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        with pytest.raises(CommandError) as refused:
            public_port(holder.getsockname()[1])

    assert f"(process {os.getpid()})" in refused.value.what


@pytest.mark.parametrize("code", ["bad code!", "fao", "", "A/B", "É", "A" * 41])
def test_a_code_that_no_partner_can_have_is_refused_in_words(folder: DataFolder, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        grants_and_keys.add(folder, code, name="Name", grants=[], language="en")

    assert "begins with a capital letter or a digit" in refused.value.hint


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("deadletters list", "--handler"),
        ("deadletters list", "--type"),
        ("deadletters list", "--error"),
        ("deadletters replay --all", "--by"),
        ("deadletters discard --all", "--reason"),
        ("events replay", "--handler"),
        ("partner add FAO", "--grant"),
        ("partner add FAO --grant partner.research.published.v1", "--name"),
        ("partner add FAO --grant partner.research.published.v1", "--language"),
        ("partner revoke FAO", "--key"),
        ("link coordinator", "--organisation"),
    ],
)
def test_words_that_are_no_text_are_refused_with_their_option(command: str, option: str) -> None:
    said = CliRunner().invoke(cli, [*command.split(), option, "caf\udce9"])

    assert isinstance(said.exception, CommandError)
    assert said.exception.what == f"{option}: 'caf\\udce9' is not UTF-8."
    assert said.exception.exit_code == 2


def test_a_reader_that_has_had_enough_is_no_failure(folder: DataFolder) -> None:
    code = (
        "import sys; from ssenet.terminal.output import tell; sys.stdin.readline();"
        "[tell('line') for _ in range(9)]; print('more')"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.path,
    ) as speaker:
        assert speaker.stdin is not None
        assert speaker.stdout is not None
        assert speaker.stderr is not None
        speaker.stdout.close()
        speaker.stdin.write("go\n")
        speaker.stdin.close()
        assert speaker.wait(timeout=30) == 0
        assert speaker.stderr.read() == ""
