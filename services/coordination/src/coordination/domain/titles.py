"""What a task is called: the rule's sentence filled with what the event says; and the partner's own words in a line."""

import unicodedata
from collections.abc import Mapping
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, get_origin

from pydantic.fields import FieldInfo

from contracts import codes
from contracts.codes import CodeList
from contracts.fields import parts_of
from contracts.partner import PartnerEvent
from contracts.words import Labels, Language, Named, Text, Title

NOT_SAID: Final = "—"
TITLE_LENGTH: Final = 300
_SHORTEST_CUT: Final = TITLE_LENGTH // 2

# What a title may say beside fields by their own names, and which of them say it; the first that the event has counts.
_VALUES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "partner": ("origin",),
        "country": ("country",),
        "sender": ("requested_by", "reported_by", "organiser"),
        "entity": ("entity_name", "names"),
        "year": ("reference_year",),
    }
)


@cache
def placeholders(template: str) -> frozenset[str]:
    """Name the values a title template says."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def request_of(event: PartnerEvent) -> Title | None:
    """The partner's own words in one line: its title, else its text, else the first of its names."""
    said = [getattr(event, field) for field in type(event).model_fields]
    if title := next((one for one in said if isinstance(one, Title)), None):
        return title
    if text := next((one for one in said if isinstance(one, Text)), None):
        return Title(language=text.language, text=_shortened(text.text))
    named = (one[0] for one in said if isinstance(one, tuple) and one and isinstance(one[0], Named))
    name = next(named, None)
    return Title(language=name.language, text=name.name) if name else None


def title_of(templates: Labels, event: PartnerEvent) -> Labels:
    """Fill a title in each language with what the event says."""
    said = placeholders(templates.en)

    def in_language(language: Language) -> str:
        values = {name: _isolated(_value(name, event, language), language) for name in said}
        return templates.in_language(language).format(**values)

    return Labels(**{language: in_language(language) for language in Language})


def _value(name: str, event: PartnerEvent, language: str) -> str:
    field = field_saying(name, type(event))
    found: Any = getattr(event, field) if field else None
    if not field or not found:
        return NOT_SAID
    if name == "partner":
        return _one_line(found.partner_name)
    if isinstance(found, tuple):
        return _one_line(_name_for(language, found))
    code_list = _labels_of(field, type(event))
    return code_list.label(found, language) if code_list and found in code_list else _one_line(str(found))


@cache
def field_saying(name: str, event: type[PartnerEvent]) -> str | None:
    """Name the field of an event that says this value of a title, if any does."""
    if name in _VALUES:
        return next((field for field in _VALUES[name] if field in event.model_fields), None)
    return name if name in event.model_fields and _is_one_word(event.model_fields[name]) else None


def _is_one_word(field: FieldInfo) -> bool:
    """Tell whether a field holds one short text, number or code."""
    parts = list(parts_of(field))
    is_word = any(
        isinstance(part, type) and issubclass(part, str | int) and part is not bool for part in parts
    )
    return is_word and not any(get_origin(part) is tuple for part in parts)


@cache
def _labels_of(field: str, event: type[PartnerEvent]) -> CodeList | None:
    return codes.list_for(event.model_fields[field])


def _name_for(language: str, names: tuple[Named, ...]) -> str:
    """The name in the reader's language, else in English, else as the partner put it first."""
    by_language = {each.language.split("-")[0].lower(): each.name for each in reversed(names)}
    return by_language.get(language) or by_language.get(Language.EN) or names[0].name


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shortened(text: str) -> str:
    """One line that fits a title: cut between words, or between characters where the script has no spaces."""
    line = _one_line(text)
    if len(line) <= TITLE_LENGTH:
        return line
    end = TITLE_LENGTH - len(" …")
    word_end = line.rfind(" ", _SHORTEST_CUT, end + 1)
    if word_end > 0:
        return f"{line[:word_end]} …"
    # A vowel sign or an accent belongs to the letter before it.
    while end > _SHORTEST_CUT and unicodedata.category(line[end]).startswith("M"):
        end -= 1
    return f"{line[:end]}…"


def _isolated(value: str, language: str) -> str:
    """Put a value that runs against the title's direction into isolates: neither then scrambles the other."""
    against = {"L"} if language == Language.AR else {"R", "AL"}
    # Most values are ASCII, and none of its characters runs from right to left.
    if value.isascii() and language != Language.AR:
        return value
    if any(unicodedata.bidirectional(character) in against for character in value):
        return f"\N{FIRST STRONG ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}"
    return value
