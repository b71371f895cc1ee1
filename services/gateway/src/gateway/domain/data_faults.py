"""What pydantic found wrong with an event's data, said so that the sender can mend it, in any language."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from contracts import codes
from gateway.domain.words import Fault, Words, pointer

_PATTERNS: Mapping[str, Words] = {
    r"^[A-Z]{2}$": Words("A country is its two capital letters in ISO 3166-1, such as SN."),
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": Words("A language is its BCP 47 tag, such as fr or pt-BR."),
    r"^[A-V]$": Words("An ISIC section is one capital letter from A to V."),
    r"^[A-Z0-9][A-Z0-9-]{1,39}$": Words(
        "A scheme is written in capital letters, digits and hyphens, such as FR-SIREN."
    ),
}

_NEAR: Mapping[str, tuple[Callable[[str], str | None], Callable[[str], Words]]] = {
    r"^[A-Z]{2}$": (
        codes.countries.suggest,
        lambda suggestion: Words(
            "A country is its two capital letters in ISO 3166-1. Did you mean %(suggestion)s?",
            suggestion=suggestion,
        ),
    ),
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": (
        # A locale of an operating system, such as pt_BR, is a tag but for its line.
        lambda tag: codes.suggest_language(tag.replace("_", "-")),
        lambda suggestion: Words(
            "A language is its BCP 47 tag. Did you mean %(suggestion)s?", suggestion=suggestion
        ),
    ),
    r"^[A-V]$": (
        codes.isic_sections.suggest,
        lambda suggestion: Words(
            "An ISIC section is one capital letter from A to V. Did you mean %(suggestion)s?",
            suggestion=suggestion,
        ),
    ),
}
"""For the shape of a list's codes: what was probably meant by something else, and the sentence that says so."""

_LONGEST_GUESS = 100

_PLAIN: Mapping[str, Words] = {
    "missing": Words("This field is required."),
    "string_type": Words("This must be a string."),
    "bool_type": Words("This must be true or false."),
    "bool_parsing": Words("This must be true or false."),
    "int_type": Words("This must be a whole number."),
    "int_from_float": Words("This must be a whole number."),
    "int_parsing": Words("This must be a whole number."),
    "int_parsing_size": Words("This number is too large."),
    "decimal_type": Words("This must be a number, or a number in a string."),
    "decimal_parsing": Words("This must be a number, or a number in a string."),
    "finite_number": Words("This must be a finite number."),
    "date_type": Words("This must be a date such as 2026-03-31."),
    "date_parsing": Words("This must be a date such as 2026-03-31."),
    "date_from_datetime_parsing": Words("This must be a date such as 2026-03-31."),
    "date_from_datetime_inexact": Words("This must be a date such as 2026-03-31."),
    "model_type": Words("This must be an object."),
    "model_attributes_type": Words("This must be an object."),
    "dict_type": Words("This must be an object."),
    "tuple_type": Words("This must be an array."),
    "list_type": Words("This must be an array."),
    "url_type": Words("This must be a web address that begins with https:// or http://."),
    "url_parsing": Words("This must be a web address that begins with https:// or http://."),
    "url_syntax_violation": Words("This must be a web address that begins with https:// or http://."),
    "url_scheme": Words("This must be a web address that begins with https:// or http://."),
    "recursion_loop": Words("This value is not accepted."),
}

_WITH_VALUES: Mapping[str, Callable[[Mapping[str, Any]], Words]] = {
    "string_too_short": lambda context: Words(
        "Too short: the minimum length is %(limit)s.", limit=context["min_length"]
    ),
    "string_too_long": lambda context: Words(
        "Too long: the maximum length is %(limit)s.", limit=context["max_length"]
    ),
    "url_too_long": lambda context: Words(
        "Too long: the maximum length is %(limit)s.", limit=context["max_length"]
    ),
    "too_short": lambda context: Words(
        "Too few entries: the minimum is %(limit)s.", limit=context["min_length"]
    ),
    "too_long": lambda context: Words(
        "Too many entries: the maximum is %(limit)s.", limit=context["max_length"]
    ),
    "greater_than_equal": lambda context: Words("Too small: the minimum is %(limit)s.", limit=context["ge"]),
    "less_than_equal": lambda context: Words("Too large: the maximum is %(limit)s.", limit=context["le"]),
    "enum": lambda context: Words("This must be one of: %(choices)s.", choices=_choices(context["expected"])),
    "literal_error": lambda context: Words(
        "This must be one of: %(choices)s.", choices=_choices(context["expected"])
    ),
    "decimal_max_digits": lambda context: Words(
        "Too many digits: the maximum is %(limit)s.", limit=context["max_digits"]
    ),
    "decimal_max_places": lambda context: Words(
        "Too many decimal places: the maximum is %(limit)s.", limit=context["decimal_places"]
    ),
    "decimal_whole_digits": lambda context: Words(
        "Too many digits before the decimal point: the maximum is %(limit)s.", limit=context["whole_digits"]
    ),
    "string_pattern_mismatch": lambda context: _PATTERNS.get(
        context["pattern"], Words("This must match the pattern %(pattern)s.", pattern=context["pattern"])
    ),
}

KNOWN_KINDS = frozenset(_PLAIN) | frozenset(_WITH_VALUES)


def faults_of(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """Name each fault once, at its place in `/data`."""
    return [
        Fault(
            pointer("data", *error["loc"]),
            error["type"].replace("_", "-"),
            _meant(error) or words_of(error["type"], error.get("ctx")),
        )
        for error in errors
        if not _is_consequence(error, errors)
    ]


def _meant(error: ErrorDetails) -> Words | None:
    """Suggest the code that was probably meant, where a code of a list has not even its shape."""
    pattern = str(error.get("ctx", {}).get("pattern", ""))
    sent: object = error.get("input")
    if pattern not in _NEAR or not isinstance(sent, str) or len(sent) > _LONGEST_GUESS:
        return None
    suggest, words = _NEAR[pattern]
    suggestion = suggest(sent)
    return words(suggestion) if suggestion and re.fullmatch(pattern, suggestion) else None


def words_of(kind: str, context: Mapping[str, Any] | None) -> Words:
    """Say what a kind of fault means, with the values of its context."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WITH_VALUES:
        return _WITH_VALUES[kind](context or {})
    return Words("This value is not accepted.")


def _is_consequence(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Tell whether an array counts as too short only because its entries have faults of their own."""
    depth = len(error["loc"])
    return error["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == error["loc"] for other in errors
    )


def _choices(expected: str) -> str:
    """Take pydantic's English list apart, for the sentence around it to be in any language."""
    return ", ".join(json.loads(f"[{expected.replace(' or ', ', ').replace(chr(39), chr(34))}]"))
