"""What is wrong with a partner's event although its types are right; asked by the gateway before it accepts.

Pure: no clock and no network. `today` is passed in where a date is to be compared with the present.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from contracts import codes
from contracts.partner import (
    AssistanceRequestedV1,
    PartnerEvent,
    PartnershipProposedV1,
    ResearchPublishedV1,
    StatisticsReportedV1,
    TrainingAnnouncedV1,
)
from contracts.words import InList

MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown-country": "There is no country with the code %(value)s in ISO 3166-1.",
        "unknown-country-near": (
            "There is no country with the code %(value)s in ISO 3166-1. Did you mean %(suggestion)s?"
        ),
        "unknown-language": "There is no language with the code %(value)s in ISO 639.",
        "unknown-language-near": "There is no language with the code %(value)s. Did you mean %(suggestion)s?",
        "ends-before-it-starts": "The end, %(value)s, lies before the start, %(start)s.",
        "renewed-before-it-starts": "The renewal, %(value)s, lies before the start, %(start)s.",
        "validated-before-published": (
            "The validation is wanted by %(value)s, before the publication on %(start)s."
        ),
        "date-out-of-range": "The year of %(value)s does not lie between %(first)s and %(last)s.",
        "date-in-the-past": "The date %(value)s has passed.",
        "year-in-the-future": "The year %(value)s has not begun.",
        "figure-repeated": (
            "The figure %(value)s stands twice with the same unit and breakdown, at positions %(first)s "
            "and %(second)s."
        ),
        "nothing-to-read": "The text holds no letter, figure or sign that could be read.",
        "control-character": "The text holds the control character %(value)s, which cannot be stored.",
    }
)
"""Every sentence of this module, as a msgid for the catalogues of whoever shows it."""

# Tab, line feed and carriage return are text; lone surrogates are not.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2100
DAY_OF_GRACE: Final = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, by a JSON pointer into the CloudEvent, and what.

    `message` is an English msgid, and `params` fills its `%(name)s` places in whatever language it is
    shown; `str()` gives the English sentence.
    """

    pointer: str
    code: str
    message: str
    params: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.message % self.params


def problems_of(event: PartnerEvent, *, today: date | None = None) -> list[Finding]:
    """List everything that is wrong with the event, in the order of its fields, or nothing.

    With `today`, what cannot be in the past or in the future is checked as well. A day of grace on each
    side is left for partners who live ahead of us or behind.
    """
    findings = list(_in_fields(event, "/data"))
    for event_type, rule in _RULES:
        if isinstance(event, event_type):
            findings.extend(rule(event))
    if today is not None:
        findings.extend(_against_the_calendar(event, today))
    return findings


def _in_fields(value: BaseModel, pointer: str) -> Iterator[Finding]:
    for name, code_list in _fields_to_check(type(value)).items():
        yield from _in_value(getattr(value, name), code_list, f"{pointer}/{name}")


@cache
def _fields_to_check(model: type[BaseModel]) -> Mapping[str, str | None]:
    """Name the fields of a model and the code list of each, if it has one."""
    # `origin` is the gateway's own stamp; nobody who posts an event can put it right.
    return {name: _list_of(about) for name, about in model.model_fields.items() if name != "origin"}


def _in_value(value: object, code_list: str | None, pointer: str) -> Iterator[Finding]:
    match value:
        case BaseModel():
            yield from _in_fields(value, pointer)
        case tuple():
            items: tuple[object, ...] = value
            for index, item in enumerate(items):
                yield from _in_value(item, code_list, f"{pointer}/{index}")
        case str():
            yield from _CHECKS.get(code_list, _text)(value, pointer)
        case date() if not FIRST_YEAR <= value.year <= LAST_YEAR:
            yield _finding(
                pointer, "date-out-of-range", value=str(value), first=str(FIRST_YEAR), last=str(LAST_YEAR)
            )
        case _:
            return


def _list_of(field_info: FieldInfo) -> str | None:
    """Name the code list of a field's values, whether it holds one, several or perhaps none."""
    marks = (*field_info.metadata, *_marks_within(field_info.annotation))
    return next((mark.name for mark in marks if isinstance(mark, InList)), None)


def _marks_within(annotation: Any) -> Iterator[object]:
    if get_origin(annotation) is None:
        return
    for argument in get_args(annotation):
        yield argument
        yield from _marks_within(argument)


def _country(code: str, pointer: str) -> Iterator[Finding]:
    if not codes.known("countries", code):
        yield _unknown(pointer, "unknown-country", code, codes.suggest("countries", code))


def _language(tag: str, pointer: str) -> Iterator[Finding]:
    if not codes.known_language(tag):
        yield _unknown(pointer, "unknown-language", tag, codes.suggest_language(tag))


def _unknown(pointer: str, code: str, value: str, suggestion: str | None) -> Finding:
    if suggestion is None:
        return _finding(pointer, code, value=value)
    params = {"value": value, "suggestion": suggestion}
    return Finding(pointer, code, MESSAGES[f"{code}-near"], params)


def _text(text: str, pointer: str) -> Iterator[Finding]:
    """Refuse what PostgreSQL cannot hold (U+0000) and what no page should show (the other controls)."""
    if found := _CONTROLS.search(text):
        yield _finding(pointer, "control-character", value=f"U+{ord(found.group()):04X}")
    # Categories Z (separators) and C (format characters such as U+200B) leave nothing on a page.
    elif all(unicodedata.category(character)[0] in "ZC" for character in text):
        yield _finding(pointer, "nothing-to-read")


_CHECKS: Final[Mapping[str | None, Callable[[str, str], Iterator[Finding]]]] = {
    "countries": _country,
    "languages": _language,
}


def _training(event: TrainingAnnouncedV1) -> Iterator[Finding]:
    return _in_order("/data/ends_on", "ends-before-it-starts", event.starts_on, event.ends_on)


def _partnership(event: PartnershipProposedV1) -> Iterator[Finding]:
    return _in_order("/data/renews_on", "renewed-before-it-starts", event.starts_on, event.renews_on)


def _research(event: ResearchPublishedV1) -> Iterator[Finding]:
    return _in_order(
        "/data/validation_wanted_by",
        "validated-before-published",
        event.published_on,
        event.validation_wanted_by,
    )


def _in_order(pointer: str, code: str, start: date | None, end: date | None) -> Iterator[Finding]:
    if start is not None and end is not None and end < start:
        yield _finding(pointer, code, value=str(end), start=str(start))


def _statistics(event: StatisticsReportedV1) -> Iterator[Finding]:
    """Two values for one cell of the table leave the reader without any."""
    cells = sorted(
        (
            (
                figure.indicator.casefold(),
                figure.unit.casefold(),
                figure.entity_type or "",
                figure.isic_section or "",
                figure.sex or "total",
            ),
            index,
        )
        for index, figure in enumerate(event.figures)
    )
    for (cell, first), (next_cell, second) in pairwise(cells):
        if cell == next_cell:
            yield _finding(
                f"/data/figures/{second}",
                "figure-repeated",
                value=event.figures[second].indicator,
                first=str(first),
                second=str(second),
            )


_RULES: Final[tuple[tuple[type[PartnerEvent], Callable[[Any], Iterator[Finding]]], ...]] = (
    (TrainingAnnouncedV1, _training),
    (PartnershipProposedV1, _partnership),
    (ResearchPublishedV1, _research),
    (StatisticsReportedV1, _statistics),
)


def _against_the_calendar(event: PartnerEvent, today: date) -> Iterator[Finding]:
    match event:
        case AssistanceRequestedV1(needed_by=date() as needed_by) if needed_by < today - DAY_OF_GRACE:
            yield _finding("/data/needed_by", "date-in-the-past", value=str(needed_by))
        case StatisticsReportedV1(reference_year=year) if year > (today + DAY_OF_GRACE).year:
            yield _finding("/data/reference_year", "year-in-the-future", value=str(year))
        case _:
            return


def _finding(pointer: str, code: str, **params: str) -> Finding:
    return Finding(pointer, code, MESSAGES[code], params)
