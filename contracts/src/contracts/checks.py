"""What is wrong with a partner's event although its types are right; asked by the gateway before it accepts.

Pure: no clock and no network. `today` is passed in where a date is to be compared with the present.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, partial
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.data_rules import DataRule, InOrder, NotAhead, NotPast
from contracts.fields import mark_of, models_in
from contracts.findings import Finding
from contracts.partner import PartnerEvent
from contracts.words import InList, Model

_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown-country": "There is no country with the code %(value)s in ISO 3166-1.",
        "unknown-country-near": (
            "There is no country with the code %(value)s in ISO 3166-1. Did you mean %(suggestion)s?"
        ),
        "unknown-language": "There is no language with the code %(value)s in ISO 639.",
        "unknown-language-near": "There is no language with the code %(value)s. Did you mean %(suggestion)s?",
        "unknown-code": "The list %(list)s has no code %(value)s.",
        "unknown-code-near": "The list %(list)s has no code %(value)s. Did you mean %(suggestion)s?",
        "date-out-of-range": "The year of %(value)s does not lie between %(first)s and %(last)s.",
        "nothing-to-read": "The text holds no letter, figure or sign that could be read.",
        "control-character": "The text holds the control character %(value)s, which cannot be stored.",
    }
)

# Tab, line feed and carriage return are text; lone surrogates are not.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2100


def problems_of(event: PartnerEvent, *, today: date | None = None) -> list[Finding]:
    """List everything that is wrong with the event, in the order of its fields, or nothing.

    With `today`, what cannot be in the past or in the future is checked as well.
    """
    return list(_in_value(event, None, "/data", today))


def _in_fields(value: BaseModel, pointer: str, today: date | None) -> Iterator[Finding]:
    for name, code_list in _fields_to_check(type(value)).items():
        yield from _in_value(getattr(value, name), code_list, f"{pointer}/{name}", today)
    for rule in _rules_of(type(value)):
        yield from rule.findings(value, pointer, today)


@cache
def _fields_to_check(model: type[BaseModel]) -> Mapping[str, str | None]:
    """Name the fields of a model and the code list of each, if it has one."""
    lists = {name: mark_of(about, InList) for name, about in model.model_fields.items()}
    # `origin` is the gateway's own stamp; nobody who posts an event can put it right.
    return {name: code_list and code_list.name for name, code_list in lists.items() if name != "origin"}


@cache
def _rules_of(model: type[BaseModel]) -> tuple[DataRule, ...]:
    declared = model.data_rules if issubclass(model, PartnerEvent | Model) else ()
    return tuple(rule for rule in declared if isinstance(rule, DataRule))


def _in_value(value: object, code_list: str | None, pointer: str, today: date | None) -> Iterator[Finding]:
    match value:
        case BaseModel():
            yield from _in_fields(value, pointer, today)
        case tuple():
            items: tuple[object, ...] = value
            for index, item in enumerate(items):
                yield from _in_value(item, code_list, f"{pointer}/{index}", today)
        case str():
            yield from _check_of(code_list)(value, pointer)
        case date() if not FIRST_YEAR <= value.year <= LAST_YEAR:
            yield _finding(
                pointer, "date-out-of-range", value=str(value), first=str(FIRST_YEAR), last=str(LAST_YEAR)
            )
        case _:
            return


def _country(code: str, pointer: str) -> Iterator[Finding]:
    if not codes.known("countries", code):
        yield _unknown(pointer, "unknown-country", code, codes.suggest("countries", code))


def _language(tag: str, pointer: str) -> Iterator[Finding]:
    if not codes.known_language(tag):
        yield _unknown(pointer, "unknown-language", tag, codes.suggest_language(tag))


def _unknown(pointer: str, code: str, value: str, suggestion: str | None, **more: str) -> Finding:
    if suggestion is None:
        return Finding(pointer, code, _SENTENCES[code], {"value": value, **more})
    params = {"value": value, "suggestion": suggestion, **more}
    return Finding(pointer, code, _SENTENCES[f"{code}-near"], params)


def _text(text: str, pointer: str) -> Iterator[Finding]:
    """Refuse what PostgreSQL cannot hold (U+0000) and what no page should show (the other controls)."""
    if found := _CONTROLS.search(text):
        yield _finding(pointer, "control-character", value=f"U+{ord(found.group()):04X}")
    # Categories Z (separators) and C (format characters such as U+200B) leave nothing on a page.
    elif all(unicodedata.category(character)[0] in "ZC" for character in text):
        yield _finding(pointer, "nothing-to-read")


def _code_of(name: str, code: str, pointer: str) -> Iterator[Finding]:
    if not codes.known(name, code):
        yield _unknown(pointer, "unknown-code", code, codes.suggest(name, code), list=name)


_CHECKS: Final[Mapping[str | None, Callable[[str, str], Iterator[Finding]]]] = {
    None: _text,
    "countries": _country,
    "languages": _language,
}


def _check_of(code_list: str | None) -> Callable[[str, str], Iterator[Finding]]:
    return _CHECKS.get(code_list) or partial(_code_of, code_list or "")


def _finding(pointer: str, code: str, **params: str) -> Finding:
    return Finding(pointer, code, _SENTENCES[code], params)


MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    dict(_SENTENCES)
    | {rule.code: rule.message for rule in (InOrder, NotPast, NotAhead)}
    | {
        rule.code: rule.message
        for event in PARTNER_EVENTS.values()
        for model in models_in(event)
        for rule in _rules_of(model)
    }
)
"""Every sentence a partner may be shown by its code, as a msgid for the catalogues of whoever shows it."""
