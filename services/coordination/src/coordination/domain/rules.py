"""Rules that turn a partner's event into a task: their form as reviewed data, and what they decide."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any, Final, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.codes import CodeList
from contracts.fields import parts_of
from contracts.partner import PartnerEvent
from contracts.words import CountryCode, Labels, Language, Named, OrganisationCode, ResultCode, Text, Title
from coordination.domain.working_days import working_days_after

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


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(_Strict):
    """A result chosen by what a field of the event says."""

    by: str
    of: dict[str, ResultCode] = Field(min_length=1)


class OfficeCovering(_Strict):
    """The office that covers the country which this field names."""

    office_covering: str


class Units(_Strict):
    """These units, each with a part of its own to finish."""

    units: tuple[OrganisationCode, ...] = Field(min_length=1)


class Rule(_Strict):
    """One way from an event type to a task."""

    code: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    hears: str
    durable: str = Field(pattern=r"^coordination-[a-z]+(-[a-z]+)*$")
    result: ResultCode | Choice
    place: OfficeCovering | Units
    due: int = Field(ge=1, le=260)
    title: Labels

    @property
    def event(self) -> type[PartnerEvent]:
        """The event class this rule hears."""
        return PARTNER_EVENTS[self.hears]

    def results(self) -> tuple[str, ...]:
        """Every result a task of this rule may serve."""
        return tuple(self.result.of.values()) if isinstance(self.result, Choice) else (self.result,)

    @model_validator(mode="after")
    def _speaks_of_its_event(self) -> Self:
        if self.hears not in PARTNER_EVENTS:
            raise ValueError(f"{self.code} hears {self.hears}, which no partner can send")
        fields = self.event.model_fields
        named = [self.result.by] if isinstance(self.result, Choice) else []
        named += [self.place.office_covering] if isinstance(self.place, OfficeCovering) else []
        if missing := [field for field in named if field not in fields]:
            raise ValueError(f"{self.code} reads {', '.join(missing)}, which {self.hears} has not")
        for language in Language:
            said = placeholders(self.title.in_language(language))
            if said != placeholders(self.title.en):
                raise ValueError(f"{self.code}: the {language} title says other values than the English one")
            if unknown := [name for name in sorted(said) if _field_saying(name, self.event) is None]:
                raise ValueError(
                    f"{self.code}: {self.hears} has no {', '.join(unknown)} that a title can say"
                )
        return self


class RuleBook(_Strict):
    """All rules, and the unit that gets what they cannot place."""

    routing: OrganisationCode
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _codes_differ(self) -> Self:
        if len({rule.code for rule in self.rules}) != len(self.rules):
            raise ValueError("two rules share one code: the code is what keeps a task from opening twice")
        return self

    @model_validator(mode="after")
    def _a_durable_hears_one_type(self) -> Self:
        pairs = {(rule.durable, rule.hears) for rule in self.rules}
        for durable, event_type in pairs:
            if any((durable == other) != (event_type == heard) for other, heard in pairs):
                raise ValueError(
                    f"{event_type} and {durable} belong to each other alone: one durable for each type"
                )
        return self

    def durables(self) -> dict[str, type[PartnerEvent]]:
        """Give what brings events here, in the order of the rules, and the event of each."""
        return {rule.durable: rule.event for rule in self.rules}

    def hearing(self, event_type: str) -> tuple[Rule, ...]:
        """Give the rules for one event type."""
        return tuple(rule for rule in self.rules if rule.hears == event_type)


@dataclass(frozen=True)
class Coverage:
    """Which office covers which country."""

    office_of: Mapping[str, str]

    @classmethod
    def of(cls, offices: Iterable[tuple[str, Iterable[CountryCode]]]) -> "Coverage":
        """Work it out from the offices' own lists.

        Where a regional office and a nearer one both name a country, the one that names fewer has it; ties
        break on the code, so that the same directory always gives the same answer.
        """
        by_reach = sorted(
            ((code, tuple(covers)) for code, covers in offices), key=lambda o: (len(o[1]), o[0])
        )
        office_of: dict[str, str] = {}
        for code, covers in by_reach:
            for country in covers:
                office_of.setdefault(country, code)
        return cls(MappingProxyType(office_of))


@dataclass(frozen=True)
class Opening:
    """A task that a rule asks for."""

    rule: str
    result: str
    units: tuple[str, ...]
    needs_routing: bool
    due_on: date
    title: Labels
    request: Title | None
    country: str | None


def opening(
    rule: Rule,
    event: PartnerEvent,
    *,
    coverage: Coverage,
    routing: str,
    today: date,
) -> Opening:
    """Decide the task that this event becomes; what cannot be placed goes to the routing unit, marked so."""
    units = _units_for(rule.place, event, coverage)
    result = (
        rule.result.of.get(getattr(event, rule.result.by)) if isinstance(rule.result, Choice) else rule.result
    )
    return Opening(
        rule=rule.code,
        result=result or rule.results()[0],
        units=units or (routing,),
        # A result that the rule does not know how to choose is for a person to look at, too.
        needs_routing=not units or result is None,
        due_on=working_days_after(today, rule.due),
        title=_title(rule.title, event),
        request=_request(event),
        country=_country(event),
    )


@cache
def placeholders(template: str) -> frozenset[str]:
    """Name the values a title template says."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def _units_for(place: OfficeCovering | Units, event: PartnerEvent, coverage: Coverage) -> tuple[str, ...]:
    if isinstance(place, Units):
        return place.units
    office = coverage.office_of.get(getattr(event, place.office_covering) or "")
    return (office,) if office else ()


def _country(event: PartnerEvent) -> str | None:
    """The one country the event is about; an event about several is about none in particular."""
    several: tuple[str, ...] = getattr(event, "countries", ())
    return getattr(event, "country", None) or (several[0] if len(several) == 1 else None)


def _request(event: PartnerEvent) -> Title | None:
    """The partner's own words in one line: its title, else its text, else the first of its names."""
    said = [getattr(event, field) for field in type(event).model_fields]
    if title := next((one for one in said if isinstance(one, Title)), None):
        return title
    if text := next((one for one in said if isinstance(one, Text)), None):
        return Title(language=text.language, text=_shortened(text.text))
    named = (one[0] for one in said if isinstance(one, tuple) and one and isinstance(one[0], Named))
    name = next(named, None)
    return Title(language=name.language, text=name.name) if name else None


def _title(templates: Labels, event: PartnerEvent) -> Labels:
    said = placeholders(templates.en)

    def in_language(language: Language) -> str:
        values = {name: _isolated(_value(name, event, language), language) for name in said}
        return templates.in_language(language).format(**values)

    return Labels(**{language: in_language(language) for language in Language})


def _value(name: str, event: PartnerEvent, language: str) -> str:
    field = _field_saying(name, type(event))
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
def _field_saying(name: str, event: type[PartnerEvent]) -> str | None:
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
    by_language = {each.language.split("-")[0]: each.name for each in reversed(names)}
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
