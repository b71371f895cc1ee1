"""Where a request ends is never in doubt: what is not framed right is refused, and nothing behind it is read."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from wire import Served, answers_in, eventually_true, served
from wire.forms import FORMS, LAST, MARKER, Form

from chassis.http.wire.connections import Limits
from chassis.http.wire.framing import framed
from chassis.http.wire.heads import with_path

POST = b"POST /a HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as server:
        yield server


@pytest.fixture(autouse=True)
def forget(server: Served) -> None:
    server.service.carried.clear()
    server.service.hung_up.clear()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_request_is_read_in_one_way_or_refused(server: Served, form: Form) -> None:
    answers = server.ask(form.data + LAST)

    assert tuple(answer.status for answer in answers) == form.statuses
    assert tuple(server.service.paths) == form.carried
    if form.carried:
        assert server.service.carried[0].body == form.body
    if answers[-1].status >= 400:
        assert answers[-1].headers["connection"] == "close"
        assert answers[-1].headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
async def test_it_does_not_matter_where_the_network_cuts_a_request(form: Form) -> None:
    data = form.data + LAST
    whole = await _fed([data])

    for step in (1, 7, 64):
        assert await _fed([data[at : at + step] for at in range(0, len(data), step)]) == whole


async def test_a_request_that_comes_with_the_rest_of_another_is_judged_by_its_own_line() -> None:
    [talk] = [form for form in FORMS if form.name == "a body of request lines"]
    for data, second in ((talk.data + LAST, 200), (talk.data + LAST.replace(b"GET ", b"GET  "), 400)):
        for at in range(1, len(data)):
            assert [status for status, _ in await _fed([data[:at], data[at:]])] == [200, second], data[at:]


class _Transport(asyncio.Transport):
    """Where answers go that nobody needs a network for."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        if not self.ended:
            self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _fed(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """Feed the pieces to a connection one by one, with all that the service wants to do in between."""

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        told = [(b"content-length", b"%d" % len(scope["raw_path"] + body))]
        await send({"type": "http.response.start", "status": 200, "headers": told})
        await send({"type": "http.response.body", "body": scope["raw_path"] + body})

    config = uvicorn.Config(echo, lifespan="off", log_config=None, ws="none", http=framed(Limits()))
    config.load()
    state = uvicorn.Server(config).server_state
    protocol = cast("Any", config.http_protocol_class)(config=config, server_state=state, app_state={})
    transport = _Transport()
    protocol.connection_made(transport)
    for piece in pieces:
        if not transport.ended:
            protocol.data_received(piece)
        for _ in range(4):
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    return [(answer.status, answer.body) for answer in answers_in(transport.written)]


def test_a_trailer_is_no_header_of_the_request(server: Served) -> None:
    [trailer] = [form for form in FORMS if form.name == "a trailer"]

    server.ask(trailer.data + LAST)

    assert "ce-id" not in server.service.carried[0].headers
    assert server.service.carried[0].headers["host"] == "here"


def test_what_was_asked_first_is_answered_first_even_where_nonsense_follows(server: Served) -> None:
    with server.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\nnonsense\r\n\r\n")
        eventually_true(lambda: server.service.paths == ["/slow"])
        server.service.go_on.set()
        first, second = client.answers()
    server.service.go_on.clear()

    assert (first.status, first.body) == (200, b"/slow")
    assert second.status == 400


def test_a_body_that_was_refused_unread_is_not_taken_for_requests(server: Served) -> None:
    begun = b"POST /refuses HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n\r\n"
    with server.client() as client:
        client.send(begun)
        client.read(b"/refuses")
        client.send(MARKER + b" " * (500 - len(MARKER)) + LAST)
        [answer] = client.answers()

    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert server.service.paths == ["/refuses"]


def test_a_sender_of_much_reads_why_it_was_refused(server: Served) -> None:
    with server.client() as client:
        client.send(b"POST /refuses HTTP/1.1\r\nHost: here\r\nContent-Length: 30000000\r\n\r\n")
        # Like most clients, it writes the whole body before it looks for an answer.
        client.send(b" " * 30_000_000)

        assert [answer.status for answer in client.answers()] == [413]


def test_who_asks_before_sending_is_told_to_go_on(server: Served) -> None:
    with server.client() as client:
        client.send(POST.replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length")[:-5])
        assert client.read(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello" + LAST)
        client.read_all()

    assert server.service.paths == ["/a", "/last"]
    assert server.service.carried[0].body == b"hello"


def test_who_asks_before_sending_and_is_refused_sends_no_request_behind(server: Served) -> None:
    with server.client() as client:
        client.send(
            b"POST /refuses HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n"
        )
        client.read(b"/refuses")
        client.send(MARKER)
        [answer] = client.answers()

    assert answer.status == 413
    assert server.service.paths == ["/refuses"]


def test_a_client_of_http_1_0_is_not_told_to_go_on(server: Served) -> None:
    asked = POST.replace(b"1.1", b"1.0").replace(b"Content-Length", b"Expect: 100-continue\r\nContent-Length")

    assert [answer.status for answer in server.ask(asked)] == [200]


@pytest.mark.parametrize("kept", [b"", b"Connection: keep-alive\r\n"])
def test_what_is_answered_in_http_1_0_without_a_length_ends_with_the_connection(
    server: Served, kept: bytes
) -> None:
    with server.client() as client:
        client.send(b"GET /unmeasured HTTP/1.0\r\nHost: here\r\n" + kept + b"\r\n" + LAST)
        said = client.read_all()

    head, _, body = said.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert head.lower().count(b"connection: close") == 1
    assert body == b"in pieces: /unmeasured"
    assert server.service.paths == ["/unmeasured"]


def test_what_is_answered_in_http_1_1_without_a_length_comes_in_chunks(server: Served) -> None:
    [first, last] = server.ask(b"GET /unmeasured HTTP/1.1\r\nHost: here\r\n\r\n" + LAST)

    assert (first.headers["transfer-encoding"], first.body) == ("chunked", b"in pieces: /unmeasured")
    assert last.body == b"/last"


def test_a_head_is_answered_without_a_body_whatever_body_it_has(server: Served) -> None:
    with server.client() as client:
        client.send(b"HEAD" + POST.removeprefix(b"POST"))
        assert client.read(b"\r\n\r\n").endswith(b"\r\n\r\n")
        client.received = b""
        client.send(LAST)
        assert [answer.body for answer in client.answers()] == [b"/last"]


def test_requests_that_do_not_wait_for_answers_are_answered_in_order_and_not_without_end(
    server: Served,
) -> None:
    few = b"".join(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % n for n in range(8))
    many = b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n" * 5000

    answers = server.ask(few + LAST)
    assert [answer.body for answer in answers] == [b"/%d" % n for n in range(8)] + [b"/last"]
    assert 1 < len(server.ask(many)) < 100


@pytest.mark.parametrize("line", [b"GET  /b HTTP/1.1", b"GET /b RTSP/1.1", b"GET /b  HTTP/1.1"])
@pytest.mark.parametrize("between", [b"", b"\r\n"])
@pytest.mark.parametrize(
    "end",
    [
        b"Content-Length: 0\r\n\r\n",
        b"Content-Length: 4\r\n\r\n\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_line_that_is_none_is_found_behind_another_request_too(
    server: Served, end: bytes, between: bytes, line: bytes
) -> None:
    hidden = b"POST /a HTTP/1.1\r\nHost: here\r\nX: GET /b HTTP/1.1\r\n" + end

    answers = server.ask(hidden + between + line + b"\r\nHost: here\r\n\r\n" + LAST)

    assert [answer.status for answer in answers] == [200, 400]
    assert server.service.paths == ["/a"]


def test_bodies_of_requests_that_wait_for_the_answer_before_theirs_are_few(server: Served) -> None:
    post = b"POST /%d HTTP/1.1\r\nHost: here\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000
    with server.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        client.send(b"".join(post % number for number in range(12)))
        eventually_true(lambda: server.service.paths == ["/slow"])
        server.service.go_on.set()
        answers = client.answers()
    server.service.go_on.clear()

    assert [answer.status for answer in answers] == [200] * len(answers)
    assert server.service.paths == ["/slow", "/0", "/1"][: len(answers)]
    assert len(answers) <= 3


@pytest.mark.parametrize("before", [b"", b"\r\n", POST])
def test_who_speaks_http_0_9_is_told_so_although_no_head_follows(server: Served, before: bytes) -> None:
    answers = server.ask(before + b"GET /b\r\n")

    assert [answer.status for answer in answers][-1] == 505
    assert "/b" not in server.service.paths


def test_an_answer_ends_with_its_connection_although_another_request_waits_behind_it(server: Served) -> None:
    with server.client() as client:
        client.send(b"GET /listens HTTP/1.1\r\nHost: here\r\n\r\n")
        client.read(b"\r\n\r\n")
        client.send(b"GET /a HTTP/1.1\r\nHost: here\r\n\r\n")

    eventually_true(lambda: server.service.hung_up == ["/listens"])


def test_after_an_answer_that_came_too_early_no_request_is_read_though_the_body_came(server: Served) -> None:
    with server.client() as client:
        client.send(b"POST /begins HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\n")
        assert b"connection: close" in client.read(b"\r\n\r\n")
        client.send(b"hello" + LAST)
        server.service.go_on.set()
        answers = client.answers()
    server.service.go_on.clear()

    assert [answer.body for answer in answers] == [b"/begins"]
    assert server.service.paths == ["/begins"]


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Asks {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String body : new String[] {"first", "second"}) {
            HttpRequest post = HttpRequest.newBuilder(URI.create(arguments[0] + "/" + body))
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
            System.out.println(client.send(post, HttpResponse.BodyHandlers.ofString()).statusCode());
        }
        HttpRequest get = HttpRequest.newBuilder(URI.create(arguments[0] + "/read")).build();
        System.out.println(HttpClient.newHttpClient().send(get, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""


def test_java_as_it_comes_is_served(server: Served, tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("no Java on this machine: install the package `default-jdk-headless`")
    (tmp_path / "Asks.java").write_text(JAVA)
    command = ["java", str(tmp_path / "Asks.java"), f"http://127.0.0.1:{server.port}"]

    said = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert said.stdout.split() == ["200", "200", "/read"], said.stderr
    assert [(asked.path, asked.body) for asked in server.service.carried] == [
        ("/first", b"first"),
        ("/second", b"second"),
        ("/read", b""),
    ]
    # Otherwise it would not be what this is about.
    assert server.service.carried[0].headers["upgrade"] == "h2c"


@pytest.mark.parametrize(
    ("target", "whole"),
    [
        (b"http://ledger.test", b"http://ledger.test/"),
        (b"HTTPS://ledger.test:8080?x=1", b"HTTPS://ledger.test:8080/?x=1"),
        (b"http://ledger.test/entries", b"http://ledger.test/entries"),
        (b"/entries?at=http://ledger.test", b"/entries?at=http://ledger.test"),
        (b"*", b"*"),
    ],
)
def test_an_address_that_ends_with_its_host_is_that_of_the_root(target: bytes, whole: bytes) -> None:
    assert with_path(target) == whole
