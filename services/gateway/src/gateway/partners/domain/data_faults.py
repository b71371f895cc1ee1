"""What pydantic found wrong with an event's data, said so that the sender can mend it, in any language."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts import codes
from contracts.codes import Guesses
from contracts.words import LANGUAGE_TAG_PATTERN
from gateway.http.faults import MANY, Fault, Sentence, pointer
from gateway.http.validation import sentence_for

Suggest = Callable[[str, Guesses], str | None]

_NEAR: Mapping[str, tuple[Suggest, Callable[[str], Sentence]]] = {
    r"^[A-Z]{2}$": (
        codes.countries.suggest,
        lambda suggestion: Sentence(
            "A country is its two capital letters in ISO 3166-1. Did you mean %(suggestion)s?",
            suggestion=suggestion,
        ),
    ),
    LANGUAGE_TAG_PATTERN: (
        # A locale of an operating system, such as pt_BR, is a tag but for its line.
        lambda tag, guesses: codes.suggest_language(tag.replace("_", "-"), guesses),
        lambda suggestion: Sentence(
            "A language is its BCP 47 tag. Did you mean %(suggestion)s?", suggestion=suggestion
        ),
    ),
    r"^[A-V]$": (
        codes.isic_sections.suggest,
        lambda suggestion: Sentence(
            "An ISIC section is one capital letter from A to V. Did you mean %(suggestion)s?",
            suggestion=suggestion,
        ),
    ),
}
"""For the shape of a list's codes: what was probably meant by something else, and the sentence that says so."""


def faults_of(error: ValidationError, data: object, guesses: Guesses) -> list[Fault]:
    """Name each fault once, at its place in `/data`; no more of them than an answer names."""
    # Thousands may be wrong: what was sent is looked up for those alone that are named.
    errors = error.errors(include_url=False, include_input=False)
    wholes = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    # A whole may be faulty only because a part is: without its faulty entries an array is too short.
    own: Iterator[ErrorDetails] = (one for one in errors if one["loc"] not in wholes)
    return [
        Fault(
            pointer("data", *one["loc"]),
            one["type"].replace("_", "-"),
            _meant(one, data, guesses) or sentence_for(one["type"], one.get("ctx")),
        )
        for one in islice(own, MANY)
    ]


def _meant(error: ErrorDetails, data: Any, guesses: Guesses) -> Sentence | None:
    """Suggest the code that was probably meant, where a code of a list has not even its shape."""
    pattern = str(error.get("ctx", {}).get("pattern", ""))
    if pattern not in _NEAR:
        return None
    sent = data
    for step in error["loc"]:
        sent = sent[step]
    suggest, sentence = _NEAR[pattern]
    suggestion = suggest(sent, guesses)
    return sentence(suggestion) if suggestion and re.fullmatch(pattern, suggestion) else None
