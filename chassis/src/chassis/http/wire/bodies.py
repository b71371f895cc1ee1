"""Where the body of a request ends, and what it holds: by its length, or in chunks (RFC 9112, sections 6 and 7.1).

Counted here and not left to the parser, which does not say where in what came it stopped, reads no body after the head
of an upgrade (MagicStack/httptools#124), and lets trailers decide how the connection goes on.
"""

import re
from collections.abc import Mapping
from typing import Protocol

from chassis.http.wire.refusals import HEAD_BYTES, HEAD_COUNT, LARGE_HEAD, MALFORMED, RefusedError

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_BLANKS = rb"[\t ]*+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_SIZE = re.compile(
    rb"\r\n([0-9A-Fa-f]{1,16})(?:%s;%s%s(?:%s=%s(?:%s|%s))?+)*+\r\n"
    % (_BLANKS, _BLANKS, _TOKEN, _BLANKS, _BLANKS, _TOKEN, _QUOTED)
)
"""With the blanks that may stand around the marks of an extension. The line end behind the chunk before belongs to it,
so that a chunk is one look."""
_TRAILER = re.compile(rb"(?:%s:[\t -~\x80-\xff]*)?\r\n" % _TOKEN)
_UNFINISHED = re.compile(rb"(?:\r\n)?[^\n]*")


class Body(Protocol):
    """A body that is being read."""

    @property
    def whole(self) -> bool:
        """Whether nothing of it is to come."""
        ...

    def read(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read from there to its end or that of the data: what it holds, and how far it goes."""
        ...


def body_of(once: Mapping[bytes, bytes]) -> Body:
    """Tell from a head without fault, by its headers that may stand there `ONCE`, what body follows."""
    return Chunks() if b"transfer-encoding" in once else Measured(int(once.get(b"content-length", 0)))


class Measured:
    """A body of so many bytes; of none, where nothing was said."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def whole(self) -> bool:
        """Whether so many have come."""
        return not self._left

    def read(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read no byte more than that."""
        body = data[at : at + self._left]
        self._left -= len(body)
        return body, at + len(body)


class Chunks:
    """A body in chunks. What their extensions and the trailers say is passed over, once it is well-formed."""

    def __init__(self) -> None:
        self.whole = False
        self._left = 0
        """Bytes that are still to come of the data of a chunk."""
        self._held = b"\r\n"
        """What has come of a line that is not whole."""
        self._in_trailers = False
        self._trailers = 0
        self._trailer_bytes = 0

    def read(self, data: bytes, at: int) -> tuple[bytes, int]:
        """Read as far as the line end behind the trailers."""
        held = len(self._held)
        come, self._held = self._held + data[at:], b""
        body, end = self._read_chunks(come)
        if self._in_trailers:
            end = self._read_trailers(come, end)
        return body, at + end - held

    def _read_chunks(self, come: bytes) -> tuple[bytes, int]:
        at = 0
        parts: list[bytes] = []
        while not self._in_trailers:
            if not self._left:
                size = _SIZE.match(come, at)
                if size is None:
                    at = self._hold(come, at)
                    break
                at = size.end()
                self._left = int(size[1], 16)
                self._in_trailers = not self._left
            part = come[at : at + self._left]
            parts.append(part)
            at += len(part)
            self._left -= len(part)
            if self._left:
                break
        return b"".join(parts), at

    def _read_trailers(self, come: bytes, at: int) -> int:
        while not self.whole:
            line = _TRAILER.match(come, at)
            if line is None:
                return self._hold(come, at)
            at = line.end()
            self.whole = line[0] == b"\r\n"
            self._trailers += 1
            self._trailer_bytes += len(line[0])
            if self._trailers > HEAD_COUNT or self._trailer_bytes > HEAD_BYTES:
                raise RefusedError(LARGE_HEAD)
        return at

    def _hold(self, come: bytes, at: int) -> int:
        """Keep the beginning of a line until the rest comes."""
        if _UNFINISHED.fullmatch(come, at) is None:
            raise RefusedError(MALFORMED)
        self._held = come[at:]
        if len(self._held) > HEAD_BYTES:
            raise RefusedError(LARGE_HEAD if self._in_trailers else MALFORMED)
        return len(come)
