"""What an event says that nobody reads: allowed, for senders may know more than we do, and often a misspelt name."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast

from pydantic import BaseModel

from contracts.codes import Guesses
from gateway.http.faults import MANY, Fault, Sentence, pointer

_LONGEST = 100
"""Characters of a name that is compared with those there are."""


def ignored_fields(data: Mapping[str, Any], typed: BaseModel, guesses: Guesses) -> list[Fault]:
    """Name the fields of the sender's own data that the contract has not, each with the one that was probably meant."""
    return list(islice(_in_object(data, typed, ("data",), guesses), MANY))


def _in_object(
    sent: Mapping[str, Any], typed: BaseModel, at: tuple[str | int, ...], guesses: Guesses
) -> Iterator[Fault]:
    fields = type(typed).model_fields
    for name, value in sent.items():
        if name in fields:
            yield from _in_value(value, getattr(typed, name), (*at, name), guesses)
        else:
            unsaid = [each for each in fields if each not in sent and each != "origin"]
            near = get_close_matches(name[:_LONGEST], unsaid, n=1) if guesses.spend() else []
            yield Fault(pointer(*at, name), "ignored", _sentence(near))


def _in_value(sent: Any, typed: Any, at: tuple[str | int, ...], guesses: Guesses) -> Iterator[Fault]:
    if isinstance(typed, BaseModel) and isinstance(sent, dict):
        yield from _in_object(cast("dict[str, Any]", sent), typed, at, guesses)
    elif isinstance(typed, tuple) and isinstance(sent, list):
        pairs = zip(cast("list[Any]", sent), cast("tuple[Any, ...]", typed), strict=False)
        for index, (one, read) in enumerate(pairs):
            yield from _in_value(one, read, (*at, index), guesses)


def _sentence(near: list[str]) -> Sentence:
    if near:
        return Sentence(
            "This event has no such field, so it is ignored. Did you mean %(suggestion)s?", suggestion=near[0]
        )
    return Sentence("This event has no such field, so it is ignored.")
