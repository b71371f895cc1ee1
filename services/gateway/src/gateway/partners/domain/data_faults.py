"""What pydantic found wrong with an event's data, said so that the sender can mend it, in any language."""

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic_core import ErrorDetails

from contracts import codes
from gateway.http.faults import Fault, Sentence, pointer
from gateway.http.validation import sentence_for

_NEAR: Mapping[str, tuple[Callable[[str], str | None], Callable[[str], Sentence]]] = {
    r"^[A-Z]{2}$": (
        codes.countries.suggest,
        lambda suggestion: Sentence(
            "A country is its two capital letters in ISO 3166-1. Did you mean %(suggestion)s?",
            suggestion=suggestion,
        ),
    ),
    r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": (
        # A locale of an operating system, such as pt_BR, is a tag but for its line.
        lambda tag: codes.suggest_language(tag.replace("_", "-")),
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

_LONGEST_GUESS = 100


def faults_of(errors: Sequence[ErrorDetails]) -> list[Fault]:
    """Name each fault once, at its place in `/data`."""
    return [
        Fault(
            pointer("data", *error["loc"]),
            error["type"].replace("_", "-"),
            _meant(error) or sentence_for(error["type"], error.get("ctx")),
        )
        for error in errors
        if not _is_consequence(error, errors)
    ]


def _meant(error: ErrorDetails) -> Sentence | None:
    """Suggest the code that was probably meant, where a code of a list has not even its shape."""
    pattern = str(error.get("ctx", {}).get("pattern", ""))
    sent: object = error.get("input")
    if pattern not in _NEAR or not isinstance(sent, str) or len(sent) > _LONGEST_GUESS:
        return None
    suggest, sentence = _NEAR[pattern]
    suggestion = suggest(sent)
    return sentence(suggestion) if suggestion and re.fullmatch(pattern, suggestion) else None


def _is_consequence(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Tell whether a whole is faulty only because a part is: without its faulty entries an array is too short."""
    depth = len(error["loc"])
    return any(len(other["loc"]) > depth and other["loc"][:depth] == error["loc"] for other in errors)
