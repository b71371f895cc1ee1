"""Which port the network listens on, and what is said when it cannot."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ssenet.processes.ports import LOOPBACK, answers, is_free, public_port
from ssenet.processes.servers import free_port
from ssenet.processes.shutdown import DATA_MARK
from ssenet.terminal.errors import CommandError

LISTEN = (
    "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
    "print(s.getsockname()[1], flush=True); input()"
)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_taken_port_is_refused_by_number_with_the_way_out(taken: int) -> None:
    with pytest.raises(CommandError) as refused:
        public_port(taken)

    assert str(taken) in refused.value.what
    assert "--port 0" in refused.value.hint


def test_zero_finds_a_free_port() -> None:
    assert is_free(public_port(0))


def test_a_free_port_is_taken_as_asked() -> None:
    port = free_port()

    assert public_port(port) == port


def test_a_port_answers_once_something_listens(taken: int) -> None:
    assert answers(taken)
    assert not answers(free_port())


def test_a_port_that_only_the_newer_protocol_holds_is_not_free() -> None:
    try:
        holder = socket.socket(socket.AF_INET6)
        holder.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with holder:
        holder.listen()
        assert not is_free(holder.getsockname()[1])


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
