"""The words of JSON Schema, by what they say of a value."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

Schema = Mapping[str, Any]

KINDS: Final = ("null", "boolean", "number", "string", "array", "object")

WORDS: Final = frozenset(
    (
        "$anchor",
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "discriminator",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    )
)
"""Keywords that refuse no value. `default` has a meaning of its own, which `reading` looks at."""

LOWER: Final = frozenset(("exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"))
UPPER: Final = frozenset(
    (
        "exclusiveMaximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "x-decimal-places",
        "x-max-digits",
    )
)
BOUNDS: Final = LOWER | UPPER

_KEYWORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"),
    "string": (
        "contentEncoding",
        "contentMediaType",
        "format",
        "maxLength",
        "minLength",
        "pattern",
        "x-ascii-only",
        "x-code-list",
        "x-exclusive-maximum",
        "x-exclusive-minimum",
        "x-host-required",
        "x-maximum",
        "x-minimum",
        "x-now",
        "x-number",
        "x-offset",
        "x-to-lower",
        "x-to-upper",
        "x-url-schemes",
        "x-white-space",
    ),
    "array": (
        "contains",
        "items",
        "maxContains",
        "maxItems",
        "minContains",
        "minItems",
        "prefixItems",
        "unevaluatedItems",
        "uniqueItems",
    ),
    "object": (
        "additionalProperties",
        "dependentRequired",
        "dependentSchemas",
        "maxProperties",
        "minProperties",
        "patternProperties",
        "properties",
        "propertyNames",
        "required",
        "unevaluatedProperties",
    ),
}
KIND_OF: Final[Mapping[str, str]] = {
    keyword: kind for kind, keywords in _KEYWORDS.items() for keyword in keywords
}
"""Which kind of value a keyword speaks of; the others speak of all."""

NOTHING_SAID: Final[Mapping[str, Any]] = {
    "minItems": 0,
    "minLength": 0,
    "minProperties": 0,
    "uniqueItems": False,
}
"""Keywords whose default is as good as their absence."""

IN_WORDS: Final[Mapping[str, str]] = {
    "exclusiveMaximum": "maximum (itself excluded)",
    "exclusiveMinimum": "minimum (itself excluded)",
    "maxItems": "greatest number of items",
    "maxLength": "greatest length",
    "minItems": "least number of items",
    "minLength": "least length",
    "multipleOf": "step",
    "x-code-list": "code list",
    "x-decimal-places": "greatest number of decimal places",
    "x-exclusive-maximum": "end (itself excluded)",
    "x-exclusive-minimum": "beginning (itself excluded)",
    "x-max-digits": "greatest number of digits",
    "x-maximum": "end",
    "x-minimum": "beginning",
    "x-now": "side of the present",
    "x-number": "number within",
    "x-offset": "offset from UTC",
    "x-url-schemes": "address schemes",
    "x-white-space": "white space around it",
}
"""What a rule is called in a sentence, where its keyword does not say it."""

ORDERLESS: Final = frozenset(("anyOf", "enum", "oneOf", "required"))
"""Keywords whose list says the same in any order."""


def is_word(keyword: str, value: Any) -> bool:
    """Whether this refuses no value: words for people, marks of tools, and what goes without saying."""
    mark = keyword.startswith("x-") and keyword not in KIND_OF and keyword not in BOUNDS
    return mark or keyword in WORDS or NOTHING_SAID.get(keyword, ...) == value


def key_of(value: Any) -> str:
    """Tell JSON values apart as JSON Schema does: `1` is not `true`, and is `1.0`."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in cast("Sequence[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value; a whole number is an integer."""
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    kinds = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array"}
    return kinds.get(type(value), "object")


def is_of(kind: str, wanted: Iterable[str]) -> bool:
    """Whether a value of this kind is of one of the wanted ones: a whole number is a number."""
    return kind in wanted or (kind == "integer" and "number" in wanted)


def family(kind: str) -> str:
    """Give the kind whose keywords speak of it."""
    return "number" if kind == "integer" else kind
