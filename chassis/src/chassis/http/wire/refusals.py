"""What is refused before a request reaches the service: each a whole answer, after which the connection ends.

In English alone: before its head is read, nobody knows whom a request comes from or what they read.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from chassis.http.problems import PROBLEM_JSON, Problem
from chassis.telemetry import metrics

HEAD_BYTES = 32 * 1024
HEAD_COUNT = 100
TARGET_BYTES = 8 * 1024
_UNREAD = "unread-answer"


@dataclass(frozen=True)
class Refusal:
    """Why a request, or a connection, is let go; `code` is also what it is counted under."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of the answer; one of them says that the connection ends with it."""
        found = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        if self.retry_after is not None:
            found.append((b"retry-after", b"%d" % self.retry_after))
        return found

    @property
    def body(self) -> bytes:
        """The problem document."""
        return json.dumps(Problem(self.status, self.code, self.detail).as_json()).encode()

    def answer(self, more_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The whole answer as it goes over the wire."""
        status = HTTPStatus(self.status)
        lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode())]
        lines += [b"%s: %s" % header for header in (*more_headers, *self.headers)]
        return b"\r\n".join([*lines, b"", self.body])

    def count(self) -> None:
        """Count it for whoever operates the service."""
        metrics.http_refused.labels(self.code).inc()


class RefusedError(Exception):
    """Ends the reading of a connection in the midst of what came."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


MALFORMED = Refusal(
    400, "malformed-request", "This is not a well-formed HTTP/1.1 request. Nothing behind it was read."
)
WRONG_HOST = Refusal(
    400, "wrong-host", "A request names one host: in one Host header, and by the same name in its address."
)
SLOW_HEAD = Refusal(408, "slow-head", "The head of the request took too long to come.")
SLOW_BODY = Refusal(408, "slow-body", "The body of the request took too long to come.")
LONG_TARGET = Refusal(414, "long-address", f"An address has at most {TARGET_BYTES} bytes here.")
LARGE_HEAD = Refusal(
    431, "large-head", f"A request has at most {HEAD_COUNT} headers here, of {HEAD_BYTES} bytes in all."
)
UNKNOWN_CODING = Refusal(
    501, "unknown-coding", "The one transfer coding that is read here is `chunked`, given once."
)
NO_TUNNEL = Refusal(501, "no-tunnel", "This server passes no connections on.")
UNKNOWN_VERSION = Refusal(505, "unknown-http-version", "This server speaks HTTP/1.1 and HTTP/1.0.")
FULL = Refusal(
    503, "too-many-requests-at-once", "The service has its hands full. Repeat the request in a moment.", 2
)

ALL = (
    MALFORMED,
    WRONG_HOST,
    SLOW_HEAD,
    SLOW_BODY,
    LONG_TARGET,
    LARGE_HEAD,
    UNKNOWN_CODING,
    NO_TUNNEL,
    UNKNOWN_VERSION,
    FULL,
)


def expect() -> None:
    """Begin every count at nothing: what is absent until it first happens cannot be seen to rise."""
    for code in (*(refusal.code for refusal in ALL), _UNREAD):
        metrics.http_refused.labels(code)


def count_unread() -> None:
    """Count an answer that was cut off because nobody took it."""
    metrics.http_refused.labels(_UNREAD).inc()
