"""What a client may hold of a process: so large a head, so much time, so many connections, and no more."""

import threading
from collections.abc import Iterator
from time import sleep

import pytest
from prometheus_client import REGISTRY
from wire import Client, Served, eventually_true, served

from chassis.http.head_requests import answer_heads
from chassis.http.wire.connections import Connections, Limits
from chassis.http.wire.refusals import Refusal

START = b"GET /a HTTP/1.1\r\nHost: here\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
STREAM = b"GET /streams HTTP/1.1\r\nHost: here\r\n\r\n"
IMPATIENT = Limits(first=0.3, head=0.3, body=0.3, unread=0.5, goodbye=0.3, look_every=0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as server:
        yield server


@pytest.fixture
def impatient() -> Iterator[Served]:
    with served(limits=IMPATIENT) as server:
        yield server


def refused(code: str) -> float:
    return REGISTRY.get_sample_value("ssenet_http_refused_total", {"code": code}) or 0.0


@pytest.mark.parametrize(
    ("begun", "status"),
    [
        (START + b"X: " + b"a" * 33_000, 431),
        (START + b"X: " + b" " * 33_000, 431),
        (START + b"X" * 33_000, 431),
        (START + b"X: aaaaaaaa\r\n" * 101, 431),
        (START + (b"X: " + b"a" * 1000 + b"\r\n") * 34, 431),
        (b"GET /" + b"a" * 9000, 414),
        (b"GET /a?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: here\r\n", 414),
        (b"POST /a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"a" * 600_000, 400),
        (
            b"POST /a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 600_000,
            431,
        ),
        (
            b"POST /a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 9000,
            431,
        ),
    ],
    ids=["value", "spaces", "name", "count", "sum", "path", "query", "extension", "trailer", "trailers"],
)
def test_a_head_without_measure_is_refused_before_it_is_whole(
    server: Served, begun: bytes, status: int
) -> None:
    with server.client() as client:
        client.send(begun)

        [answer] = client.answers()

    assert answer.status == status
    assert answer.headers["connection"] == "close"


def test_a_head_may_have_what_it_may_have(server: Served) -> None:
    headers = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 230) for n in range(98))
    start = b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: here\r\n"

    assert [answer.status for answer in server.ask(start + headers + b"\r\n" + LAST)] == [200, 200]


def test_who_sends_a_large_head_reads_why_it_was_refused(server: Served) -> None:
    with server.client() as client:
        client.send(START + b"X: " + b"a" * 20_000_000)

        assert [answer.status for answer in client.answers()] == [431]


CHUNKED = b"POST /a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "asked",
    [
        START + b"X: " + b"a" * 60_000_000,
        START + b"X: a\r\n" * 500_000,
        b"GET /" + b"a" * 8_000_000,
        (START + b"\r\n") * 100_000,
        CHUNKED + b"1\r\nx\r\n" * 400_000 + b"0\r\n\r\n" + LAST,
        CHUNKED + b"0\r\n" + b"X: a\r\n" * 500_000,
        CHUNKED + b"5;" + b"a" * 8_000_000,
        CHUNKED + b"5" + b";a" * 4_000_000,
        b"\r\n" * 4_000_000 + LAST,
    ],
    ids=[
        "value",
        "headers",
        "address",
        "requests",
        "chunks",
        "trailers",
        "extension",
        "extensions",
        "line ends",
    ],
)
def test_nobody_else_waits_for_the_worst_that_is_sent(server: Served, asked: bytes) -> None:
    server.ask(LAST)
    server.service.loop_lag._gaps.clear()

    server.ask(asked)

    # 50 ms are promised, and a fifth of it taken where nothing else runs; how long a machine rests is not ours to say.
    assert server.service.loop_lag.longest_gap < 0.5


def test_a_head_that_trickles_is_ended_however_much_comes(impatient: Served) -> None:
    before = refused("slow-head")
    with impatient.client() as client:
        client.send(START + b"X: ")
        trickling = threading.Thread(target=_trickle, args=(client,))
        trickling.start()
        [answer] = client.answers()
    trickling.join()

    assert answer.status == 408
    assert refused("slow-head") == before + 1


def test_a_body_that_trickles_is_ended_and_its_reader_told(impatient: Served) -> None:
    with impatient.client() as client:
        client.send(b"POST /a HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n")
        trickling = threading.Thread(target=_trickle, args=(client,))
        trickling.start()
        [answer] = client.answers()
    trickling.join()

    assert answer.status == 408
    assert impatient.service.hung_up == ["/a"]
    assert impatient.service.paths == []


def _trickle(client: Client) -> None:
    for _ in range(200):
        try:
            client.send(b"a")
        except OSError:
            return
        sleep(0.02)


def test_a_connection_that_asks_for_nothing_is_ended_without_a_word(impatient: Served) -> None:
    with impatient.client() as client:
        assert client.read_all() == b""


def test_between_requests_a_connection_may_be_silent_for_longer(impatient: Served) -> None:
    with impatient.client() as client:
        client.send(START + b"\r\n")
        client.read(b"/a")
        sleep(1)
        client.send(LAST)

        assert [answer.status for answer in client.answers()] == [200, 200]


def test_an_idle_connection_ends_some_time() -> None:
    with served(limits=IMPATIENT, idle=1) as server, server.client() as client:
        client.send(START + b"\r\n")

        assert [answer.status for answer in client.answers()] == [200]


def test_a_sender_is_not_charged_for_the_time_in_which_nobody_read(impatient: Served) -> None:
    with impatient.client() as client:
        client.send(b"POST /waits HTTP/1.1\r\nHost: here\r\nContent-Length: 5000000\r\n\r\n")
        sending = threading.Thread(target=client.send, args=(b"a" * 5_000_000 + LAST,))
        sending.start()
        sleep(1)
        impatient.service.go_on.set()
        answers = client.answers()
    sending.join()

    assert [answer.status for answer in answers] == [200, 200]
    assert len(impatient.service.carried[0].body) == 5_000_000


def test_a_stream_that_nobody_reads_is_cut(impatient: Served) -> None:
    before = refused("unread-answer")
    with impatient.client() as client:
        client.send(STREAM)
        eventually_true(lambda: impatient.service.streaming == 1)

        eventually_true(lambda: impatient.service.hung_up == ["/streams"])

    assert impatient.service.streaming == 0
    assert refused("unread-answer") == before + 1


def test_a_stream_that_is_read_lives_on(impatient: Served) -> None:
    with impatient.client() as client:
        client.send(STREAM)
        for _ in range(60):
            client.socket.recv(1 << 20)
            sleep(0.03)

        assert impatient.service.streaming == 1


def test_a_stream_that_is_read_slowly_lives_on(impatient: Served) -> None:
    with impatient.client(window=4096) as client:
        client.send(STREAM)
        for _ in range(60):
            client.socket.recv(2000)
            sleep(0.03)

        assert impatient.service.streaming == 1


def test_who_was_refused_and_does_not_hang_up_is_hung_up_on(impatient: Served) -> None:
    with impatient.client() as client:
        client.send(b"nonsense\r\n\r\n")
        assert [answer.status for answer in client.answers()] == [400]

        eventually_true(lambda: impatient.connections == 0)


def test_an_answer_that_nobody_reads_holds_no_stop_up() -> None:
    with served(limits=IMPATIENT) as server, server.client() as client:
        client.send(STREAM)
        eventually_true(lambda: server.service.streaming == 1)
    # `served` waits for the server to end.


def test_where_all_connections_are_taken_the_one_silent_for_longest_gives_way() -> None:
    with served(limits=Limits(connections=16)) as server:
        slow = [Client(server.port) for _ in range(15)]
        for client in slow:
            client.send(START + b"X: a")
        idle = Client(server.port)
        idle.send(START + b"\r\n")
        idle.read(b"/a")

        for _ in range(40):
            assert [answer.status for answer in server.ask(LAST)] == [200]

        [told] = slow[0].answers()
        assert (told.status, told.headers["retry-after"]) == (503, "2")
        for client in (*slow, idle):
            client.close()


def test_who_sends_a_byte_of_a_body_on_every_connection_shuts_the_door_to_nobody() -> None:
    with served(limits=Limits(connections=16)) as server:
        silent = [Client(server.port) for _ in range(40)]
        for client in silent:
            client.send(b"POST /a HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nx")

        for _ in range(20):
            assert [answer.status for answer in server.ask(LAST)] == [200]

        [told] = silent[0].answers()
        assert (told.status, told.headers["retry-after"]) == (503, "2")
        for client in silent:
            client.close()


def test_nor_who_has_it_wait_behind_an_answer() -> None:
    with served(limits=Limits(connections=16)) as server:
        silent = [Client(server.port) for _ in range(16)]
        for client in silent:
            client.send(START + b"\r\nPOST /a HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n")
        for client in silent:
            client.read(b"/a")
        sleep(0.2)

        for _ in range(20):
            assert [answer.status for answer in server.ask(LAST)] == [200]
        for client in silent:
            client.close()


def test_behind_an_answer_that_does_not_end_wait_no_more_heads_than_there_is_room_for() -> None:
    large = START + b"X: " + b"x" * 10_000 + b"\r\n\r\n"
    with served() as server, server.client() as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n" + large * 12)
        eventually_true(lambda: len(server.service.carried) == 1)
        server.service.go_on.set()

        # Two are more than is to wait; whoever sent the others sends them again.
        assert [answer.status for answer in client.answers()] == [200, 200, 200]


class Caller:
    """A connection as far as the room of all of them knows it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.gave_way = False

    def look(self, now: float, stood_still: float) -> None:
        pass

    def give_way(self, refusal: Refusal) -> None:  # noqa: ARG002 - as the others are told
        self.gave_way = True


async def test_of_all_addresses_the_one_that_has_most_gives_way() -> None:
    room = Connections(Limits(connections=10))
    few, many = [Caller("192.0.2.1") for _ in range(2)], [Caller("192.0.2.2") for _ in range(20)]
    for caller in (*few, *many):
        room.arrived(caller)

    assert [one.gave_way for one in few] == [False, False]
    assert [one.gave_way for one in many] == [True] * 12 + [False] * 8

    # Who sends something is not the one that has been silent for longest any more.
    room.waits(many[12])
    room.arrived(Caller("192.0.2.3"))
    assert [one.gave_way for one in many[12:14]] == [False, True]
    for caller in (*few, *many):
        room.left(caller)


def test_a_process_with_its_hands_full_says_so_and_when_to_come_back() -> None:
    with served(limits=Limits(connections=16)) as server:
        waiting = [Client(server.port) for _ in range(14)]
        for client in waiting:
            client.send(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        eventually_true(lambda: len(server.service.carried) == 14)

        [answer] = server.ask(START + b"\r\n")
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert answer.headers["connection"] == "close"

        server.service.go_on.set()
        for client in waiting:
            client.read(b"/slow")
            client.close()
        eventually_true(lambda: server.ask(LAST)[0].status == 200)


def test_who_asks_and_hangs_up_again_and_again_is_told_to_come_back() -> None:
    with served(limits=Limits(abandoned=5)) as server:
        for _ in range(5):
            with server.client() as client:
                client.send(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        eventually_true(lambda: len(server.service.carried) == 5)
        eventually_true(lambda: server.ask(LAST)[0].status == 503)

        server.service.go_on.set()
        eventually_true(lambda: server.ask(LAST)[0].status == 200)


def test_head_of_a_stream_ends_where_the_stream_would_begin() -> None:
    with served(answer_heads) as server, server.client() as client:
        client.send(b"HEAD" + STREAM.removeprefix(b"GET"))
        client.read(b"\r\n\r\n")
        eventually_true(lambda: server.service.hung_up == ["/streams"])
        client.send(LAST)
        head, last = client.read_all().split(b"\r\n\r\n", 1)

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert last.startswith(b"HTTP/1.1 200 OK")
    assert last.endswith(b"/last")
    assert server.service.carried[0].method == "GET"
