"""Which port the network listens on, and what is said when it cannot."""

import socket
from collections.abc import Iterator

import pytest

from ssenet.processes.ports import LOOPBACK, answers, is_free, public_port
from ssenet.processes.servers import free_port
from ssenet.terminal.errors import CommandError


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
