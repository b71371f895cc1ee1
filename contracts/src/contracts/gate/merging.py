"""Two schemas as one: what both of them accept."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.gate.keywords import LOWER, UPPER, WORDS, Schema, is_of, key_of


def both(one: Schema, other: Schema) -> dict[str, Any]:
    """Give the schema of what both accept."""
    one, other = _with_others_names(one, other), _with_others_names(other, one)
    merged = dict(one)
    for keyword, value in other.items():
        if keyword not in merged or key_of(merged[keyword]) == key_of(value):
            merged[keyword] = value
        else:
            merged[keyword] = _of_both(keyword, merged[keyword], value)
    return merged


def _with_others_names(one: Schema, other: Schema) -> Schema:
    """Say of each field that one alone names what the other asks of the names that it has not."""
    rest = other.get("additionalProperties", True)
    patterns = other.get("patternProperties", ())
    unnamed = {
        name: {"allOf": [about, rest]}
        for name, about in one.get("properties", {}).items()
        if name not in other.get("properties", {}) and not any(re.search(each, name) for each in patterns)
    }
    return one if rest is True or not unnamed else {**one, "properties": {**one["properties"], **unnamed}}


def _of_both(keyword: str, one: Any, other: Any) -> Any:
    if keyword in WORDS:
        return other
    if keyword in LOWER:
        return max(one, other)
    if keyword in UPPER:
        return min(one, other)
    if keyword in _TOGETHER:
        return _TOGETHER[keyword](one, other)
    # Two patterns, two formats: both hold, and no reader of one alone can tell.
    return {"all of": sorted((one, other), key=key_of)}


def _fields(one: Schema, other: Schema) -> dict[str, Any]:
    shared = {name: {"allOf": [one[name], other[name]]} for name in one if name in other}
    return {**one, **other, **shared}


def _each_with_each(one: list[Schema], other: list[Schema]) -> list[Schema]:
    return [{"allOf": [first, second]} for first in one for second in other]


def _common_types(one: str | list[str], other: str | list[str]) -> list[str]:
    first, second = ([one] if isinstance(one, str) else one), ([other] if isinstance(other, str) else other)
    common = [kind for kind in first if is_of(kind, second)]
    return common + [kind for kind in second if is_of(kind, first) and kind not in common]


_TOGETHER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "anyOf": _each_with_each,
    "oneOf": _each_with_each,
    "required": lambda one, other: sorted({*one, *other}),
    "properties": _fields,
    "type": _common_types,
    "enum": lambda one, other: [value for value in one if key_of(value) in map(key_of, other)],
    "items": lambda one, other: {"allOf": [one, other]},
    "additionalProperties": lambda one, other: {"allOf": [one, other]},
}
