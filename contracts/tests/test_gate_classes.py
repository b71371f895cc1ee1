"""The gate hears of everything a class asks of a reader, also of what JSON Schema has no word for."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args

import pytest
from pydantic import (
    AnyUrl,
    AwareDatetime,
    ConfigDict,
    Field,
    FtpUrl,
    FutureDate,
    FutureDatetime,
    NaiveDatetime,
    PastDate,
    PastDatetime,
    StringConstraints,
)

from contracts import coordination, partner, registry
from contracts.event import Event, Sequence
from contracts.gate.comparing import compare
from contracts.gate.editions import read_history
from contracts.gate.verdicts import Status, Verdict, judge
from contracts.schema import schema_of
from contracts.words import OrganisationCode, Text

HISTORY = read_history()


def changed(base: type[Event], **fields: Any) -> type[Event]:
    """The class with these fields: an annotation, or an annotation and a default."""
    defaults = {name: value[1] for name, value in fields.items() if isinstance(value, tuple)}
    hints = {name: value[0] if isinstance(value, tuple) else value for name, value in fields.items()}
    namespace = {"__annotations__": hints, "__module__": __name__, "__doc__": base.__doc__, **defaults}
    return type(base.__name__, (base,), namespace)


def verdict_on(event: type[Event]) -> Verdict:
    [verdict] = [each for each in judge({event.type: schema_of(event)}, HISTORY) if each.type == event.type]
    return verdict


def places_broken(event: type[Event]) -> set[str]:
    return {change.field for _, changes in verdict_on(event).breaking() for change in changes}


@pytest.mark.parametrize(
    ("base", "fields", "place"),
    [
        (coordination.TaskOpenedV1, {"due_on": AwareDatetime}, "due_on"),
        (coordination.TaskOpenedV1, {"due_on": (date | None, None)}, "due_on"),
        (coordination.TaskOpenedV1, {"request": Text | None}, "request"),
        (coordination.TaskOpenedV1, {"request": (Text | None, None)}, "request.text"),
        (coordination.TaskOpenedV1, {"country": (str | None, None)}, "country"),
        (coordination.TaskOpenedV1, {"units": (tuple[OrganisationCode, ...], Field(min_length=1))}, "units"),
        (coordination.TaskOpenedV1, {"needs_routing": (bool, True)}, "needs_routing"),
        (coordination.TaskOpenedV1, {"effort": int}, "effort"),
        (partner.StatisticsReportedV1, {"reference_year": (int, Field(ge=1950, le=2100))}, "reference_year"),
        (partner.StatisticsReportedV1, {"figures": (tuple[partner.StatisticalFigure, ...], ())}, "figures"),
        (registry.MemberJoinedV1, {"label": Annotated[str, Field(max_length=80)]}, "label"),
        (registry.MemberJoinedV1, {"role": str}, "role"),
    ],
)
def test_a_class_that_would_hurt_a_reader_is_caught(
    base: type[Event], fields: dict[str, Any], place: str
) -> None:
    assert place in places_broken(changed(base, **fields))


@pytest.mark.parametrize(
    ("base", "fields"),
    [
        (partner.ResearchPublishedV1, {"address": Annotated[AnyUrl, Field(max_length=2000)]}),
        (partner.ResearchPublishedV1, {"address": Annotated[FtpUrl, Field(max_length=2000)]}),
        (partner.ResearchPublishedV1, {"published_on": Annotated[date, Field(ge=date(2020, 1, 1))]}),
        (partner.ResearchPublishedV1, {"published_on": Annotated[date, Field(le=date(2030, 1, 1))]}),
        (partner.ResearchPublishedV1, {"published_on": Annotated[date, Field(gt=date(2020, 1, 1))]}),
        (partner.ResearchPublishedV1, {"published_on": Annotated[date, Field(lt=date(2030, 1, 1))]}),
        (partner.ResearchPublishedV1, {"published_on": PastDate}),
        (coordination.TaskOpenedV1, {"due_on": FutureDate}),
        (coordination.TaskOpenedV1, {"opened_at": datetime}),
        (coordination.TaskOpenedV1, {"opened_at": PastDatetime}),
        (coordination.TaskOpenedV1, {"opened_at": FutureDatetime}),
        (coordination.TaskOpenedV1, {"opened_at": NaiveDatetime}),
        (
            coordination.TaskOpenedV1,
            {"opened_at": Annotated[AwareDatetime, Field(ge=datetime(2020, 1, 1, tzinfo=UTC))]},
        ),
        (coordination.TaskOpenedV1, {"rule": Annotated[str, StringConstraints(strip_whitespace=True)]}),
        (coordination.TaskOpenedV1, {"rule": Annotated[str, StringConstraints(to_lower=True)]}),
        (
            partner.TrainingAnnouncedV1,
            {"organiser": Annotated[str, StringConstraints(min_length=1, max_length=300)]},
        ),
    ],
)
def test_a_rule_that_json_schema_has_no_word_for_is_compared(
    base: type[Event], fields: dict[str, Any]
) -> None:
    assert places_broken(changed(base, **fields)) == set(fields)


@pytest.mark.parametrize("bounds", [Field(ge=0, lt=10**10), Field(ge=1, lt=10**9), Field(ge=2, lt=10**10)])
def test_the_bounds_of_a_number_that_travels_as_text_are_compared(bounds: Any) -> None:
    number, _, *conversions = get_args(Sequence)
    published = schema_of(changed(coordination.PlanPublishedV1, place=Sequence))

    current = schema_of(changed(coordination.PlanPublishedV1, place=Annotated[number, bounds, *conversions]))

    assert [change.field for change in compare(published, current)] == ["place", "place"]


def test_a_class_that_begins_to_refuse_unknown_fields_is_caught() -> None:
    class Closed(coordination.TaskOpenedV1):
        model_config = ConfigDict(extra="forbid")

    assert places_broken(Closed) == {"the event itself"}


def test_a_class_with_one_more_optional_field_passes() -> None:
    grown = changed(coordination.TaskOpenedV1, effort=(int | None, None))

    verdict = verdict_on(grown)

    assert verdict.status is Status.GROWN
    assert [str(change) for changes in verdict.changes.values() for change in changes] == [
        "effort: is new and optional"
    ]
