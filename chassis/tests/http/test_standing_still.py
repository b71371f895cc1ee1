"""A process that stood still, with its machine or by a signal, holds that time against nobody."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import sleep

import pytest
from wire import Client

LIMIT, PAUSE = 2.5, 4
SERVER = f"""
import sys
sys.path.insert(0, sys.argv[1])
from wire import served
from chassis.http.wire.connections import Limits
limits = Limits(first={LIMIT}, head={LIMIT}, body={LIMIT}, look_every=0.1)
with served(limits=limits, idle=2) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""
GET = b"GET /a HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
SENT = {
    "nothing": (b"", GET),
    "the half of a head": (GET[:20], GET[20:]),
    "the half of a body": (POST % (5, b"hel"), b"lo"),
    "a head, and a body that the system does not hold": (POST % (8_000_000, b""), b"a" * 8_000_000),
    "a whole request": (GET.replace(b"close", b"keep-alive"), GET),
}
"""What is sent before the process stands still, and meanwhile."""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.send_signal(signal.SIGCONT)
        assert process.stdin is not None
        process.stdin.close()


def test_who_asked_while_the_process_stood_still_is_answered(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with ExitStack() as stack:
        clients = {name: stack.enter_context(closing(Client(port))) for name in SENT}
        for name, (before, _) in SENT.items():
            clients[name].send(before)
        clients["a whole request"].read(b"/a")
        os.kill(process.pid, signal.SIGSTOP)
        sending = [
            threading.Thread(target=clients[name].send, args=(meanwhile,))
            for name, (_, meanwhile) in SENT.items()
        ]
        for thread in sending:
            thread.start()
        sleep(PAUSE)
        os.kill(process.pid, signal.SIGCONT)
        answered = {name: [answer.status for answer in client.answers()] for name, client in clients.items()}
        for thread in sending:
            thread.join()

    assert answered.pop("a whole request") == [200, 200]
    assert all(statuses == [200] for statuses in answered.values()), answered
