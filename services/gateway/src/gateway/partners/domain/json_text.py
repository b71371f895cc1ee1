"""JSON as partners send it, read exactly: no number is rounded, no name stands twice, a fault is said where it is."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import NamedTuple, cast

import jiter

from gateway.http.faults import MANY, Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.refusals import malformed

MOST_LEVELS = 100
"""Objects and arrays within one another, the event itself counted; no event of the network comes near."""

_BOM = b"\xef\xbb\xbf"
WHOLE_DOUBLES = 2**53
"""Up to here a double holds every whole number."""
_ALWAYS_EXACT = 15
"""Digits that a double always holds."""
_LONGEST_DOUBLE = 24
"""Characters of the longest double as it is written shortest."""

_PLACE = re.compile(r"(?P<what>.*) at line (?P<line>\d+) column (?P<column>\d+)", re.DOTALL)
_TWICE = re.compile(r'Detected duplicate key "(?P<name>.*)"', re.DOTALL)
_WORDS = re.compile(rb"(?:NaN|Infinity|None|True|False|undefined)")
_FORM = re.compile(rb"--\S|[\w.%+~-]+=[^\s{}\[\]\"]*(?:&|\Z)")


class Inexact(str):
    """The text of a number that no double holds: it stays as it was written."""

    __slots__ = ()


class UnreadableError(RefusalError):
    """It is JSON, and yet not read: a name stands twice in one object, or the nesting goes too deep."""

    def __init__(self, fault: Fault) -> None:
        refusal = malformed(fault)
        super().__init__(refusal.status, refusal.code, refusal.detail, refusal.faults)


def parse_json(body: bytes, *, at: int = 0, within: str = "") -> object:
    """Read JSON as the standard has it, or say where it stops being JSON.

    Of a part of a body, `at` is where it begins and `within` what points to it.
    """
    skipped = len(_BOM) if body.startswith(_BOM) else 0
    try:
        return jiter.from_json(
            body[skipped:] if skipped else body,
            allow_inf_nan=False,
            catch_duplicate_keys=True,
            float_mode="lossless-float",
        )
    except ValueError as error:
        raise not_json(body[skipped:], str(error), at=at + skipped, within=within) from error


def not_json(text: bytes, told: str, *, at: int, within: str = "") -> RefusalError:
    """Say what was found instead of JSON, and at which byte of the body; `told` is the parser's own message."""
    found = _PLACE.fullmatch(told)
    what, place = (
        (found["what"], _offset(text, int(found["line"]), int(found["column"]))) if found else ("", 0)
    )
    offset = at + place
    if twice := _TWICE.fullmatch(what):
        sentence = Sentence(
            "The name %(name)s stands twice in one object, the second time before byte %(offset)s.",
            name=twice["name"][:100],
            offset=offset,
        )
        return UnreadableError(Fault(within, "name-twice", sentence))
    if what == "recursion limit exceeded":
        return UnreadableError(Fault(within, "too-deep", _too_deep()))
    sentence = _something_else(text) or _in_words(what, text, place, at)
    return malformed(Fault(within, "malformed-json", sentence))


class Settled(NamedTuple):
    """What was found out about a document while its numbers were read."""

    inexact: tuple[tuple[str | int, ...], ...]
    """Where there are numbers that no double holds."""
    is_plain: bool
    """Whether it says what it says in one way: it holds no null, and no number but whole ones that a double holds."""


def settle(document: object) -> Settled:
    """Put numbers in the places of their texts, as exactly as they were sent; raises where the nesting is too deep.

    What a double does not hold stays its text, as an `Inexact`.
    """
    inexact: list[tuple[str | int, ...]] = []
    is_plain = True
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(document, ())]
    while waiting:
        found, path = waiting.pop()
        # Whichever of the two it is, each place in it is known by a name or a number.
        value = cast("dict[str | int, object]", found)
        if isinstance(found, dict):
            inner: Iterable[tuple[str | int, object]] = value.items()
        elif isinstance(found, list):
            inner = enumerate(cast("list[object]", found))
        else:
            continue
        if len(path) >= MOST_LEVELS:
            raise malformed(Fault(pointer(*path), "too-deep", _too_deep()))
        for name, one in inner:
            kind = type(one)
            if kind is dict or kind is list:
                waiting.append((one, (*path, name)))
            elif kind is jiter.LosslessFloat:
                number = _number(str(one))
                # The names stay the same, so the walk goes on undisturbed.
                value[name] = number
                if isinstance(number, Inexact) and len(inexact) < MANY:
                    inexact.append((*path, name))
                is_plain = False
            elif one is None or (kind is int and abs(cast("int", one)) > WHOLE_DOUBLES):
                is_plain = False
    return Settled(tuple(inexact), is_plain)


def is_of_64_bits(number: int) -> bool:
    return -(2**63) <= number < 2**64


def _number(written: str) -> float | Inexact:
    value = float(written)
    plain = "e" not in written and "E" not in written
    if plain and len(written) <= _ALWAYS_EXACT:
        return value
    if len(written) > _LONGEST_DOUBLE or not isfinite(value):
        return Inexact(written)
    try:
        return value if Decimal(repr(value)) == Decimal(written) else Inexact(written)
    except InvalidOperation:
        return Inexact(written)


def _too_deep() -> Sentence:
    return Sentence("Nested too deeply: the maximum is %(limit)s levels.", limit=MOST_LEVELS)


def _offset(text: bytes, line: int, column: int) -> int:
    before = text.split(b"\n", line - 1)[: line - 1]
    return max(0, sum(map(len, before)) + len(before) + column - 1)


def _something_else(text: bytes) -> Sentence | None:
    """Tell what is no JSON from its first bytes on."""
    head = text[:1000].lstrip()
    if not head and not text.strip():
        return Sentence("The body is empty.")
    if text[:2] == b"\x1f\x8b":
        return Sentence("The body is compressed. Send it as it is.")
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in text[:4]:
        return Sentence("The body is in UTF-16 or UTF-32. Send it in UTF-8.")
    if head.startswith(b"<"):
        return Sentence("The body is HTML or XML. Send JSON.")
    if _FORM.match(head):
        return Sentence("The body is form data. Send JSON.")
    return None


_FOUND: Mapping[str, Callable[[int], Sentence]] = {
    "hex escape": lambda offset: Sentence(
        "Half a character (a lone surrogate) is escaped before byte %(offset)s.", offset=offset
    ),
    "surrogate": lambda offset: Sentence(
        "Half a character (a lone surrogate) is escaped before byte %(offset)s.", offset=offset
    ),
    "trailing comma": lambda offset: Sentence(
        "Before byte %(offset)s stands a comma after which nothing follows.", offset=offset
    ),
    "trailing characters": lambda offset: Sentence(
        "The JSON ends before byte %(offset)s, and more follows. Several events are sent as a batch, in an array.",
        offset=offset,
    ),
    "control character": lambda offset: Sentence(
        "An unescaped control character stands in the string at byte %(offset)s.", offset=offset
    ),
    "number out of range": lambda offset: Sentence(
        "The number before byte %(offset)s has too many digits.", offset=offset
    ),
}
"""By words of the parser's message: what a sender can act upon."""


def _in_words(what: str, text: bytes, place: int, at: int) -> Sentence:
    offset = at + place
    for words, sentence in _FOUND.items():
        if words in what:
            return sentence(offset)
    if what.startswith("EOF"):
        return Sentence(
            "The JSON breaks off after %(count)s bytes, where more has to follow.", count=at + len(text)
        )
    not_utf8 = _not_utf8(text, at) if what.startswith("invalid unicode") else None
    return not_utf8 or _of_another_language(text, place, offset)


def _of_another_language(text: bytes, place: int, offset: int) -> Sentence:
    """Tell what is none of JSON's from the words and quotes of the languages it is often mistaken for."""
    if text[place : place + 1] == b"'":
        return Sentence("JSON has strings in double quotes only: see byte %(offset)s.", offset=offset)
    if word := _WORDS.match(text, place):
        return Sentence("JSON has no %(word)s: see byte %(offset)s.", word=word[0].decode(), offset=offset)
    return Sentence("This is not valid JSON at byte %(offset)s.", offset=offset)


def _not_utf8(text: bytes, at: int) -> Sentence | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return Sentence(
            "The byte %(byte)s at %(offset)s is not UTF-8. Is the text in Latin-1 or Windows-1252? Send it in UTF-8.",
            byte=f"{text[error.start]:02X}",
            offset=at + error.start,
        )
    return None
