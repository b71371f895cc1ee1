"""`partner try`: what is asked of the network, and what a person is told of its answer."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ssenet.partners.try_event import Attempt, try_event
from ssenet.terminal.errors import CommandError

ACCEPTED = {"id": "REQ-1", "status": "accepted", "http_status": 202, "dry_run": True}
PROBLEM = {
    "status": 422,
    "detail": "Nothing was stored.",
    "errors": [{"pointer": "/data/country", "code": "unknown-country", "detail": "Did you mean GB?"}],
}
KEY = "sse_abcdefghij23_secret"


@dataclass
class Network:
    """A network that answers one thing, and notes what it was asked."""

    url: str = ""
    status: int = 200
    answer: Any = field(default_factory=lambda: dict(ACCEPTED))
    path: str = ""
    headers: Message = field(default_factory=Message)
    body: bytes = b""


@pytest.fixture
def network() -> Iterator[Network]:
    told = Network()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.path, told.headers = self.path, self.headers
            told.body = self.rfile.read(int(self.headers["Content-Length"]))
            text = told.answer if isinstance(told.answer, bytes) else json.dumps(told.answer).encode()
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - the name of the base class

    server = HTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def tried(network: Network, file: Path, *headers: str, as_json: bool = False) -> int:
    attempt = Attempt(str(file), key=KEY, url=network.url, headers=headers, language="fr")
    return try_event(None, attempt, as_json=as_json)


@pytest.fixture
def event(tmp_path: Path) -> Path:
    path = tmp_path / "event.json"
    path.write_text('{"id": "REQ-1"}', encoding="utf-8")
    return path


def test_an_event_is_sent_as_it_stands_to_be_tried(
    network: Network, event: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(network, event) == 0

    assert network.path == "/events?dry_run=true"
    assert network.body == event.read_bytes()
    assert network.headers["Authorization"] == f"Bearer {KEY}"
    assert network.headers["Content-Type"] == "application/cloudevents+json"
    assert network.headers["Accept-Language"] == "fr"
    assert capsys.readouterr().out == "would be answered with 202: accepted.\nNothing was stored.\n"


def test_an_array_is_a_batch(network: Network, event: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event.write_text("\n [{}]", encoding="utf-8")
    refused = {"index": 1, "id": None, "status": "refused", "http_status": 422, "problem": PROBLEM}
    known = {"index": 2, "id": "REQ-2", "status": "already_accepted", "http_status": 202, "event_id": "0192"}
    results = [{"index": 0, **ACCEPTED}, refused, known]
    network.answer = {"accepted": 2, "refused": 1, "dry_run": True, "results": results}

    assert tried(network, event) == 1

    assert network.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert capsys.readouterr().out.splitlines() == [
        "REQ-1: would be answered with 202: accepted.",
        "number 1: would be answered with 422: Nothing was stored.",
        "    /data/country: Did you mean GB?",
        "REQ-2: would be answered with 202: it was accepted before, as 0192.",
        "2 would be accepted, 1 refused. Nothing was stored.",
    ]


def test_an_array_behind_a_byte_order_mark_is_a_batch_too(network: Network, event: Path) -> None:
    event.write_bytes(b"\xef\xbb\xbf [{}]")

    tried(network, event)

    assert network.headers["Content-Type"] == "application/cloudevents-batch+json"


def test_headers_of_its_own_are_binary_mode(network: Network, event: Path) -> None:
    assert tried(network, event, "ce-id: REQ-1", "ce-type:partner.x.v1") == 0

    assert network.headers["Content-Type"] == "application/json"
    assert (network.headers["ce-id"], network.headers["ce-type"]) == ("REQ-1", "partner.x.v1")


def test_what_is_wrong_is_told_field_by_field(
    network: Network, event: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network.status, network.answer = 422, PROBLEM

    assert tried(network, event) == 1
    assert "/data/country: Did you mean GB?" in capsys.readouterr().out
    assert tried(network, event, as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == PROBLEM


def test_what_nobody_would_read_is_told_of_an_event_that_would_be_accepted(
    network: Network, event: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ignored = {"pointer": "/data/theem", "code": "ignored", "detail": "Did you mean theme?"}
    network.answer = {**ACCEPTED, "dry_run": True, "ignored": [ignored]}

    assert tried(network, event) == 0
    assert "accepted.\n    /data/theem: Did you mean theme?\n" in capsys.readouterr().out


def test_what_an_answer_says_does_not_steer_the_terminal(
    network: Network, event: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network.status, network.answer = 422, PROBLEM | {"detail": "\x1b[2J"}

    tried(network, event)

    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": None}, "A key is needed"),
        ({"file": "/nowhere"}, "/nowhere: No such file"),
        ({"url": "ftp://x"}, "no web address"),
        ({"url": "http://127.0.0.1:1"}, "does not answer"),
        ({"headers": ("no header",)}, "is no header"),
        ({"headers": ("ce-subject: é",)}, "is no header"),
        ({"headers": ("ce-id: a", "CE-Id: b")}, "is given twice"),
    ],
)
def test_what_cannot_be_tried_is_said_in_words(
    network: Network, event: Path, change: dict[str, Any], words: str
) -> None:
    usual: dict[str, Any] = {"file": str(event), "key": KEY, "url": network.url}

    with pytest.raises(CommandError) as refused:
        try_event(None, Attempt(**(usual | change)), as_json=False)

    assert words in refused.value.what


def test_another_page_is_not_taken_for_an_answer(network: Network, event: Path) -> None:
    network.answer = b"<html>"

    with pytest.raises(CommandError, match="does not answer as the network does"):
        tried(network, event)
