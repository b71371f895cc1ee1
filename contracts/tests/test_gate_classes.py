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
    PlainSerializer,
    StringConstraints,
    WrapSerializer,
    computed_field,
    field_serializer,
    model_serializer,
)

from contracts import coordination, registry
from contracts.event import Event, Sequence
from contracts.gate.comparing import compare, unlike
from contracts.gate.editions import read_history
from contracts.gate.verdicts import Status, Verdict, judge
from contracts.partner import research, statistics, training
from contracts.schema import schema_of
from contracts.words import OrganisationCode, Text

HISTORY = read_history()
OPENED = coordination.TaskOpenedV1.type


def changed(base: type[Event], **fields: Any) -> type[Event]:
    """The class with these fields: an annotation, or an annotation and a default."""
    defaults = {name: value[1] for name, value in fields.items() if isinstance(value, tuple)}
    hints = {name: value[0] if isinstance(value, tuple) else value for name, value in fields.items()}
    namespace = {"__annotations__": hints, "__module__": __name__, "__doc__": base.__doc__, **defaults}
    return type(base.__name__, (base,), namespace)


def verdict_on(event: type[Event]) -> Verdict:
    read, written = schema_of(event), schema_of(event, "serialization")
    verdicts = judge({event.type: read}, {event.type: unlike(written, read)}, HISTORY)
    [verdict] = [each for each in verdicts if each.type == event.type]
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
        (
            coordination.TaskOpenedV1,
            {"needs_routing": (bool, Field(default_factory=lambda: True))},
            "needs_routing",
        ),
        (
            coordination.TaskOpenedV1,
            {"needs_routing": (bool, Field(default_factory=lambda data: data["state"] == "opened"))},
            "needs_routing",
        ),
        (coordination.TaskOpenedV1, {"of_the_tests": int}, "of_the_tests"),
        (
            statistics.StatisticsReportedV1,
            {"reference_year": (int, Field(ge=1950, le=2100))},
            "reference_year",
        ),
        (
            statistics.StatisticsReportedV1,
            {"figures": (tuple[statistics.StatisticalFigure, ...], ())},
            "figures",
        ),
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
        (research.ResearchPublishedV1, {"address": Annotated[AnyUrl, Field(max_length=2000)]}),
        (research.ResearchPublishedV1, {"address": Annotated[FtpUrl, Field(max_length=2000)]}),
        (research.ResearchPublishedV1, {"published_on": Annotated[date, Field(ge=date(2020, 1, 1))]}),
        (research.ResearchPublishedV1, {"published_on": Annotated[date, Field(le=date(2030, 1, 1))]}),
        (research.ResearchPublishedV1, {"published_on": Annotated[date, Field(gt=date(2020, 1, 1))]}),
        (research.ResearchPublishedV1, {"published_on": Annotated[date, Field(lt=date(2030, 1, 1))]}),
        (research.ResearchPublishedV1, {"published_on": PastDate}),
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
            training.TrainingAnnouncedV1,
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


class ActorOfFewWords(coordination.Actor):
    label: str = Field(exclude=True)


class TaskOpenedComputed(coordination.TaskOpenedV1):
    @computed_field
    def is_urgent(self) -> bool:
        return False


class TaskOpenedSerialized(coordination.TaskOpenedV1):
    @field_serializer("due_on")
    def _as_a_week(self, due_on: date) -> str:
        return f"{due_on:%G-W%V}"


class TaskOpenedWhole(coordination.TaskOpenedV1):
    @model_serializer
    def _as_its_id(self) -> dict[str, Any]:
        return {"task_id": self.task_id}


def with_opened(**fields: Any) -> type[Event]:
    return changed(coordination.TaskOpenedV1, **fields)


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (with_opened(due_on=(date, Field(exclude=True))), "due_on"),
        (with_opened(reason=(str | None, Field(default=None, exclude=True))), "reason"),
        (with_opened(reason=(str | None, Field(default=None, exclude_if=lambda said: said == ""))), "reason"),
        (with_opened(due_on=Annotated[date, PlainSerializer(lambda day: f"{day:%d.%m.%Y}")]), "due_on"),
        (with_opened(due_on=Annotated[date, PlainSerializer(date.isoformat, return_type=date)]), "due_on"),
        (with_opened(rule=Annotated[str, PlainSerializer(str.upper, return_type=str)]), "rule"),
        (with_opened(rule=Annotated[str, WrapSerializer(lambda rule, write: write(rule))]), "rule"),
        (with_opened(of_the_tests=(str | None, Field(default=None, alias="ofTheTests"))), "of_the_tests"),
        (with_opened(actor=(ActorOfFewWords | None, None)), "actor.label"),
        (TaskOpenedComputed, "is_urgent"),
        (TaskOpenedSerialized, "due_on"),
        (TaskOpenedWhole, "due_on"),
    ],
)
def test_a_class_that_writes_something_else_than_it_reads_is_caught(event: type[Event], place: str) -> None:
    verdict = verdict_on(event)

    assert verdict.status is Status.BREAKING
    assert place in {change.field for change in verdict.unlike}
    assert f"{OPENED} is not written as it is read:" in str(verdict)


def test_a_class_that_begins_to_refuse_unknown_fields_is_caught() -> None:
    class Closed(coordination.TaskOpenedV1):
        model_config = ConfigDict(extra="forbid")

    assert places_broken(Closed) == {"the event itself"}


def test_a_default_that_a_factory_makes_is_as_good_as_the_value() -> None:
    made = with_opened(
        waiting_for=(tuple[OrganisationCode, ...], Field(default_factory=tuple, max_length=20))
    )

    assert verdict_on(made).status is Status.PUBLISHED


def test_a_class_with_one_more_optional_field_passes() -> None:
    verdict = verdict_on(with_opened(of_the_tests=(int | None, None)))

    assert verdict.status is Status.GROWN
    assert [str(change) for change in verdict.changes[HISTORY.events[OPENED].latest]] == [
        "of_the_tests: is new and optional"
    ]
