"""What pydantic finds wrong, each kind in a sentence by which the sender can mend it, in any language."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from contracts.exact import WEB_ADDRESS_PATTERN
from contracts.words import LANGUAGE_TAG_PATTERN
from gateway.http.faults import Sentence

_PATTERNS: Mapping[str, Sentence] = {
    r"^[A-Z]{2}$": Sentence("A country is its two capital letters in ISO 3166-1, such as SN."),
    LANGUAGE_TAG_PATTERN: Sentence("A language is its BCP 47 tag, such as fr or pt-BR."),
    r"^[A-V]$": Sentence("An ISIC section is one capital letter from A to V."),
    WEB_ADDRESS_PATTERN: Sentence("This must be a web address that begins with https:// or http://."),
    r"^[A-Z0-9][A-Z0-9-]{1,39}$": Sentence(
        "A scheme is written in capital letters, digits and hyphens, such as FR-SIREN."
    ),
}

_PLAIN: Mapping[str, Sentence] = {
    "missing": Sentence("This field is required."),
    "string_type": Sentence("This must be a string."),
    "bool_type": Sentence("This must be true or false."),
    "bool_parsing": Sentence("This must be true or false."),
    "int_type": Sentence("This must be a whole number."),
    "int_from_float": Sentence("This must be a whole number."),
    "int_parsing": Sentence("This must be a whole number."),
    "int_parsing_size": Sentence("This number is too large."),
    "decimal_type": Sentence("This must be a number, or a number in a string."),
    "decimal_parsing": Sentence("This must be a number, or a number in a string."),
    "figure_notation": Sentence(
        "A number in a string is in plain decimal notation, such as -1234.5: digits, at most one point, no blanks."
    ),
    "finite_number": Sentence("This must be a finite number."),
    "date_type": Sentence("This must be a date such as 2026-03-31."),
    "date_parsing": Sentence("This must be a date such as 2026-03-31."),
    "date_from_datetime_parsing": Sentence("This must be a date such as 2026-03-31."),
    "date_from_datetime_inexact": Sentence("This must be a date such as 2026-03-31."),
    "model_type": Sentence("This must be an object."),
    "model_attributes_type": Sentence("This must be an object."),
    "dict_type": Sentence("This must be an object."),
    "tuple_type": Sentence("This must be an array."),
    "list_type": Sentence("This must be an array."),
    "url_parsing": Sentence("This web address leads nowhere: there is no such host or port."),
    "uuid_parsing": Sentence("This must be a UUID, such as an event_id that you were told."),
    "recursion_loop": Sentence("This value is not accepted."),
}

_WITH_VALUES: Mapping[str, Callable[[Mapping[str, Any]], Sentence]] = {
    "string_too_short": lambda context: Sentence(
        "Too short: the minimum length is %(limit)s.", limit=context["min_length"]
    ),
    "string_too_long": lambda context: Sentence(
        "Too long: the maximum length is %(limit)s.", limit=context["max_length"]
    ),
    "too_short": lambda context: Sentence(
        "Too few entries: the minimum is %(limit)s.", limit=context["min_length"]
    ),
    "too_long": lambda context: Sentence(
        "Too many entries: the maximum is %(limit)s.", limit=context["max_length"]
    ),
    "address_character": lambda context: Sentence(
        "Percent-encode the character %(character)s in a web address.", character=context["character"]
    ),
    "greater_than_equal": lambda context: Sentence(
        "Too small: the minimum is %(limit)s.", limit=context["ge"]
    ),
    "less_than_equal": lambda context: Sentence("Too large: the maximum is %(limit)s.", limit=context["le"]),
    "enum": lambda context: Sentence(
        "This must be one of: %(choices)s.", choices=_choices(context["expected"])
    ),
    "literal_error": lambda context: Sentence(
        "This must be one of: %(choices)s.", choices=_choices(context["expected"])
    ),
    "decimal_max_digits": lambda context: Sentence(
        "Too many digits: the maximum is %(limit)s.", limit=context["max_digits"]
    ),
    "decimal_max_places": lambda context: Sentence(
        "Too many decimal places: the maximum is %(limit)s.", limit=context["decimal_places"]
    ),
    "decimal_whole_digits": lambda context: Sentence(
        "Too many digits before the decimal point: the maximum is %(limit)s.", limit=context["whole_digits"]
    ),
    "string_pattern_mismatch": lambda context: _PATTERNS.get(
        context["pattern"], Sentence("This must match the pattern %(pattern)s.", pattern=context["pattern"])
    ),
}

KNOWN_KINDS = frozenset(_PLAIN) | frozenset(_WITH_VALUES)


def sentence_for(kind: str, context: Mapping[str, Any] | None) -> Sentence:
    """Say what a kind of fault means, with the values of its context."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WITH_VALUES:
        return _WITH_VALUES[kind](context or {})
    return Sentence("This value is not accepted.")


def _choices(expected: str) -> str:
    """Take pydantic's English list apart, for the sentence around it to be in any language."""
    return ", ".join(json.loads(f"[{expected.replace(' or ', ', ').replace(chr(39), chr(34))}]"))
