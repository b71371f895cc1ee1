"""What an event says, and what tells it from another that came under the same name: the data as they were sent."""

import hashlib
import json
from collections.abc import Mapping
from math import inf
from typing import Any, cast

import orjson

from gateway.partners.domain.json_text import Inexact, is_of_64_bits

_PIECE = 2047
"""Bytes up to which `hashlib` keeps the interpreter's lock. For more it lets go of it and takes it back at once, at
each event of a batch; a loop that waits for the lock is woken each time, finds it taken, and never gets to insist."""


def content_sha256(event: Mapping[str, object], *, may_hold_nulls: bool = True) -> str:
    """Tell two events with one id apart by what they say: type, subject and data, however the JSON was laid out.

    `time` and extensions such as `traceparent` are left out: senders stamp them anew on every attempt. A field that is
    null says no more than one that is not there.
    """
    data = own_data(event)
    return _sha256_of(event, _said(data) if may_hold_nulls else data)


def former_sha256(event: Mapping[str, object]) -> str:
    """Give the `content_sha256` of before: numbers are doubles, and null is a value like another."""
    return _sha256_of(event, _in_doubles(own_data(event)))


def own_data(event: Mapping[str, object]) -> object:
    """Give the data without `origin`, which is not the sender's to say."""
    data = event.get("data")
    if not isinstance(data, Mapping):
        return data
    return {name: value for name, value in cast("Mapping[str, object]", data).items() if name != "origin"}


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
    return [_said(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


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
