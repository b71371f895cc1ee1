"""What an event says, and what tells it from another that came under the same name: the data as they were sent."""

import hashlib
import json
from collections.abc import Mapping
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    Context,
    DecimalException,
    InvalidOperation,
    Overflow,
    Underflow,
)
from math import inf
from typing import Any, cast

import orjson

from gateway.partners.domain.json_text import WHOLE_DOUBLES, Inexact, is_of_64_bits

_KIND = "2:"
"""Marks what is computed as below; what is stored without it was computed before, otherwise."""
_EXACTLY = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation, Overflow, Underflow])

_PIECE = 2047
"""Bytes up to which `hashlib` keeps the interpreter's lock. For more it lets go of it and takes it back at once, at
each event of a batch; a loop that waits for the lock is woken each time, finds it taken, and never gets to insist."""


def content_sha256(event: Mapping[str, object], *, is_plain: bool = False) -> str:
    """Tell two events with one id apart by what they say: type, subject and data, however the JSON was laid out.

    `time` and extensions such as `traceparent` are left out: senders stamp them anew on every attempt. A field that is
    null says no more than one that is not there, and a number is its value, whichever way it is written. Data that are
    `is_plain` hold neither.
    """
    data = own_data(event)
    return _KIND + _sha256_of(event, data if is_plain else _said(data))


def former_sha256s(event: Mapping[str, object], content_sha256: str, *, is_plain: bool) -> frozenset[str]:
    """Give what an event may be stored under from before, when numbers were doubles and null a value like another."""
    alike = content_sha256.removeprefix(_KIND)
    return frozenset((alike,) if is_plain else (alike, _sha256_of(event, _in_doubles(own_data(event)))))


def own_data(event: Mapping[str, object]) -> object:
    """Give the data without `origin`, which is not the sender's to say."""
    data = event.get("data")
    if not isinstance(data, dict) or "origin" not in data:
        return cast("object", data)
    return {name: value for name, value in cast("dict[str, object]", data).items() if name != "origin"}


def without_nulls(value: object) -> object:
    """Leave out the fields that are null, as serialisers write what there is not; an entry of a list stays."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: without_nulls(one) for name, one in fields.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in cast("list[object]", value)]
    return value


def as_json(value: object, option: int = 0) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except orjson.JSONEncodeError:
        # A whole number of more than 64 bits.
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _sha256_of(event: Mapping[str, object], data: object) -> str:
    content = as_json([event.get("type"), event.get("subject"), data], orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256()
    for start in range(0, len(content), _PIECE):
        digest.update(content[start : start + _PIECE])
    return digest.hexdigest()


def _said(value: Any) -> object:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: _said(one) for name, one in fields.items() if one is not None}
    if isinstance(value, list):
        return [_said(one) for one in cast("list[Any]", value)]
    if isinstance(value, float | Inexact) or (type(value) is int and abs(value) > WHOLE_DOUBLES):
        return _number(value)
    return value


def _number(value: float | Inexact) -> int | float | orjson.Fragment:
    """Write a number in the one way that its value has, as far as that is known."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= WHOLE_DOUBLES:
        return int(value)
    written = str(value)
    try:
        exact = _EXACTLY.create_decimal(written)
    except DecimalException:
        # Its exponent has more digits than can be counted with. It stays as it is written.
        return orjson.Fragment(written)
    return orjson.Fragment(str(exact.normalize(_EXACTLY)) if exact else "0")


def _in_doubles(value: Any) -> object:
    if isinstance(value, dict):
        return {name: _in_doubles(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_in_doubles(one) for one in cast("list[Any]", value)]
    is_rounded = isinstance(value, Inexact) or (type(value) is int and not is_of_64_bits(value))
    try:
        return float(value) if is_rounded else value
    except OverflowError:
        # A whole number beyond every double.
        return inf
