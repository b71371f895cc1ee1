"""A batch taken apart into its events, without reading any of them: each is then read for itself, and as it was sent.

A parser holds up everything else in the process while it reads: over four megabytes that is half a second, over one
event a few milliseconds.
"""

import re
from typing import NamedTuple, cast

from gateway.http.faults import Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.json_text import not_json, parse_json
from gateway.partners.domain.refusals import (
    BATCH_EVENTS,
    BATCH_PARTS,
    EVENT_BYTES,
    malformed,
    too_large,
    too_many_parts,
)

_LEVELS = 4
"""Of arrays and objects within one another that are skipped at once: an event of the network has no more."""
_WINDOW = 64 * 1024
"""Bytes of an event that is skipped at once: nothing else runs while a pattern matches."""


def _nested(levels: int) -> bytes:
    text = rb'[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
    inner = b"|" + _nested(levels - 1) if levels > 1 else b""
    return rb"[\[{](?:%b%b)*+[\]}]" % (text, inner)


_COMMON = re.compile(_nested(_LEVELS), re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*+")
# All that stands before the next bracket, strings skipped; bounded as well.
_UP_TO_BRACKET = re.compile(
    rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+){0,500}+"){0,500}+([\[\]{}]?)', re.DOTALL
)
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+){0,500}+("?)', re.DOTALL)
_SCALAR = re.compile(rb"[^\[\]{},\" \t\r\n]*+")
_SCALAR_OF_JSON = re.compile(
    rb"true|false|null|-?(?:0|[1-9][0-9]{0,4299})(?:\.[0-9]{1,4300})?(?:[eE][+-]?[0-9]{1,4300})?"
)
_BEGINS_A_VALUE = b'{"-0123456789tfn'


class Unread(NamedTuple):
    """The text of one event of a batch, and where in the body it begins."""

    text: bytes
    at: int


def batch_in(body: bytes) -> list[object]:
    """Give the events of a batch: read where the whole is small, else as `Unread`; raises what makes it no batch."""
    if len(body) <= EVENT_BYTES:
        try:
            whole = parse_json(body)
        except RefusalError:
            # The others may be good: let each be read for itself, and told the same as in a large one.
            pass
        else:
            return _counted(whole)
    if body.count(b"{") + body.count(b"[") > BATCH_PARTS:
        raise too_many_parts()
    return _Slicing(body).events()


def _counted(events: object) -> list[object]:
    if not isinstance(events, list):
        raise _no_array()
    if len(cast("list[object]", events)) > BATCH_EVENTS:
        raise too_large()
    return cast("list[object]", events)


def _no_array() -> RefusalError:
    return malformed(Fault("", "not-an-array", Sentence("A batch is a JSON array of events.")))


class _Slicing:
    """Goes through the text of an array once."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 3 if body.startswith(b"\xef\xbb\xbf") else 0

    def events(self) -> list[object]:
        if self._next() != b"[":
            begins = self._next()
            raise _no_array() if begins and begins in _BEGINS_A_VALUE else self._unlike_json("expected value")
        self._at += 1
        found: list[object] = []
        closed = self._next() == b"]"
        while not closed:
            start = self._at
            self._skip_value(len(found))
            found.append(Unread(self._body[start : self._at], start))
            if len(found) > BATCH_EVENTS:
                raise too_large()
            mark = self._next()
            if mark not in {b",", b"]"}:
                raise self._unlike_json("EOF" if not mark else "expected `,` or `]`")
            closed = mark == b"]"
            self._at += not closed
            self._next()
        self._at += 1
        if self._next():
            raise self._unlike_json("trailing characters")
        return found

    def _next(self) -> bytes:
        """Skip blanks; gives the next byte, or nothing at the end."""
        blank = _BLANK.match(self._body, self._at)
        self._at = blank.end() if blank else self._at
        return self._body[self._at : self._at + 1]

    def _skip_value(self, index: int) -> None:
        first = self._next()
        if first and first in b"{[":
            common = _COMMON.match(self._body, self._at, self._at + _WINDOW)
            if common:
                self._at = common.end()
            else:
                self._skip_brackets()
        elif first == b'"':
            self._skip_string()
        else:
            if first == b"]":
                raise self._unlike_json("trailing comma", pointer(index))
            scalar = _SCALAR.match(self._body, self._at)
            if scalar is None or not _SCALAR_OF_JSON.fullmatch(scalar[0]):
                raise self._unlike_json("EOF" if not first else "expected value", pointer(index))
            self._at = scalar.end()

    def _skip_brackets(self) -> None:
        depth = 0
        while True:
            run = _UP_TO_BRACKET.match(self._body, self._at)
            bracket = run[1] if run else b""
            if run and run.end() > self._at:
                self._at = run.end()
            elif self._body[self._at : self._at + 1] == b'"':
                self._skip_string()
            else:
                raise self._unlike_json("EOF")
            depth += (bracket in b"{[") - (bracket in b"}]") if bracket else 0
            if bracket and depth == 0:
                return

    def _skip_string(self) -> None:
        self._at += 1
        while True:
            run = _IN_STRING.match(self._body, self._at)
            if run is None or run.end() == self._at:
                raise self._unlike_json("EOF")
            self._at = run.end()
            if run[1]:
                return

    def _unlike_json(self, what: str, within: str = "") -> RefusalError:
        if what == "EOF":
            return not_json(self._body, f"{what} at line 1 column 1", at=0, within=within)
        rest = self._body[self._at : self._at + 1000]
        return not_json(rest, f"{what} at line 1 column 1", at=self._at, within=within)
