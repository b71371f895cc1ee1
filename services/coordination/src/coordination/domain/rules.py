"""Rules that turn a partner's event into a task: their form as reviewed data, and what they decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from contracts.catalogue import PARTNER_EVENTS
from contracts.codes import list_name_for
from contracts.fields import parts_of
from contracts.partner import PartnerEvent
from contracts.words import CountryCode, Labels, Language, OrganisationCode, ResultCode, Title
from coordination.domain.titles import field_saying, placeholders, request_of, title_of
from coordination.domain.working_days import working_days_after


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
        if isinstance(self.place, OfficeCovering) and not _is_country(fields[self.place.office_covering]):
            raise ValueError(
                f"{self.code} asks which office covers {self.place.office_covering}, and that holds no one country"
            )
        for language in Language:
            said = placeholders(self.title.in_language(language))
            if said != placeholders(self.title.en):
                raise ValueError(f"{self.code}: the {language} title says other values than the English one")
            if unknown := [name for name in sorted(said) if field_saying(name, self.event) is None]:
                raise ValueError(
                    f"{self.code}: {self.hears} has no {', '.join(unknown)} that a title can say"
                )
        return self


def _is_country(field: FieldInfo) -> bool:
    return list_name_for(field) == "countries" and tuple not in map(get_origin, parts_of(field))


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
        title=title_of(rule.title, event),
        request=request_of(event),
        country=_country(event),
    )


def _units_for(place: OfficeCovering | Units, event: PartnerEvent, coverage: Coverage) -> tuple[str, ...]:
    if isinstance(place, Units):
        return place.units
    office = coverage.office_of.get(getattr(event, place.office_covering) or "")
    return (office,) if office else ()


def _country(event: PartnerEvent) -> str | None:
    """The one country the event is about; an event about several is about none in particular."""
    several: tuple[str, ...] = getattr(event, "countries", ())
    return getattr(event, "country", None) or (several[0] if len(several) == 1 else None)
