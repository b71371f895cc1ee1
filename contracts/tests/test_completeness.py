"""What a partner event lacks is said by name, with the place where it belongs."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import AwareDatetime

from contracts.completeness import gaps, gaps_of, gaps_of_module
from contracts.data_rules import InAnyOrder, InOrder
from contracts.generate import HOME
from contracts.partner import Example, PartnerEvent
from contracts.words import InList, LabelledBy, Model, Theme, Title

CHANGELOG = HOME / "CHANGELOG.md"


def test_no_partner_event_lacks_anything() -> None:
    assert gaps(CHANGELOG) == []


def test_an_event_that_the_changelog_does_not_name_is_said_to_be_missing_there(tmp_path: Path) -> None:
    told = CHANGELOG.read_text(encoding="utf-8").replace("training\n  announced", "nothing")
    (tmp_path / "CHANGELOG.md").write_text(told, encoding="utf-8")

    [said] = gaps(tmp_path / "CHANGELOG.md")

    assert said.startswith("partner.training.announced.v1 is not in contracts/CHANGELOG.md")


def a_module(**values: object) -> ModuleType:
    module = ModuleType("contracts.partner.weather")
    for name, value in values.items():
        setattr(module, name, value)
        if isinstance(value, type):
            value.__module__ = module.__name__
    return module


def test_a_module_of_no_event_and_an_event_of_no_type_are_named() -> None:
    class WeatherChangedV1(PartnerEvent):
        """Its type was forgotten."""

    place = "contracts/src/contracts/partner/weather.py"

    assert list(gaps_of_module(a_module(LIMIT=3))) == [
        f"{place} defines no event: whatever stands in contracts/partner is one"
    ]
    assert list(gaps_of_module(a_module(PartnerEvent=an_event()))) == []
    assert list(gaps_of_module(a_module(WeatherChangedV1=WeatherChangedV1))) == [
        f'WeatherChangedV1 has no type: write `type: ClassVar[str] = "partner.…"` in {place}'
    ]


class Reach(StrEnum):
    FAR = "far"


class Level(Model):
    first_year: int = 2000
    last_year: int = 2001


def an_event(*languages: str, says: tuple[str, ...] = ("title",), **attributes: Any) -> type[PartnerEvent]:
    """A whole event of one title, but for what the test says."""
    examples = tuple(
        Example(
            language,
            "1",
            "x",
            "2026-11-01T00:00:00Z",
            {name: {"language": language, "text": "x"} for name in says},
        )
        for language in languages or ("en", "fr", "ar")
    )
    hints = attributes.pop("hints", {})
    defaults = dict.fromkeys(hints)
    namespace = {
        "__module__": __name__,
        "__doc__": "It happened.",
        "__annotations__": {"type": ClassVar[str], "title": Title | None, **hints},
        "type": "partner.test.made.v1",
        "event_name": "Test made",
        "title": None,
        "examples": examples,
        # What the examples say is for a test of its own.
        "not_shown": {"origin": "", **dict.fromkeys(hints, "")},
        **defaults,
    }
    return type("TestMadeV1", (PartnerEvent,), namespace | attributes)


def said_of(event: type[PartnerEvent]) -> str:
    return "\n".join(gaps_of(event))


def test_a_whole_event_lacks_nothing() -> None:
    assert said_of(an_event()) == ""


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            an_event(type="partner.Test.made"),
            "partner.Test.made is no type of partners: it reads partner.<noun>.",
        ),
        (an_event(type="partner.test.un__made.v1"), "partner.test.un__made.v1 is no type of partners"),
        (an_event(type="registry.test.made.v1"), "registry.test.made.v1 is no type of partners"),
        (
            an_event(type="partner.test.taken_back.v2"),
            "TestMadeV1 is not named as its type reads: call it TestTakenBackV2, in contracts/src/",
        ),
        (an_event(event_name=""), "has no name: write `event_name`"),
        (an_event(__doc__=""), "does not say what happened"),
        (an_event(examples=()), "has no example: write `examples`"),
        (an_event("en", "fr"), "has 2 examples, in en, fr: three at least"),
        (an_event("en", "en-GB", "fr"), "has 3 examples, in en, fr: three at least, in three languages"),
        (an_event(says=()), "no example says 'title'"),
        (an_event("en", "fr", "xx"), "example 'xx': /data/title/language: There is no language"),
        (an_event("en", "fr", "?"), "example '?': title/language: String should match pattern"),
        (an_event(hints={"reach": Reach | None}), "write contracts/src/contracts/data/reaches.json"),
        (an_event(hints={"reach": Annotated[str | None, InList("reaches")]}), "data/reaches.json"),
        (
            an_event(hints={"reach": Literal["far"] | None}),
            "reach holds codes without labels: make it an enum",
        ),
        (
            an_event(hints={"theme": Annotated[Literal["crisis", "moon"] | None, LabelledBy("themes")]}),
            "theme may be moon, which contracts/src/contracts/data/themes.json has not",
        ),
        (
            an_event(data_rules=(InOrder("start", "end"),)),
            "a rule speaks of start, end, which TestMadeV1 has not",
        ),
    ],
)
def test_what_is_lacking_is_said_with_its_place(event: type[PartnerEvent], said: str) -> None:
    assert said in said_of(event)
    assert said_of(event).count("\n") <= 1


@pytest.mark.parametrize(
    "hints",
    [
        {"opens_on": date | None, "decided_on": date | None},
        {"opens_on": date | None, "decided_at": AwareDatetime | None},
        {"opens_on": date | None, "days": tuple[date, ...] | None},
        {"from_age": int | None, "to_age": int | None},
        {"staff_min": float | None, "staff_max": float | None},
        {"levels": tuple[Level, ...] | None},
    ],
)
def test_two_dates_or_the_ends_of_a_span_need_a_rule(hints: dict[str, Any]) -> None:
    assert "nothing says whether" in said_of(an_event(hints=hints))


THREE_DATES = {"opens_on": date | None, "closes_on": date | None, "decided_on": date | None}


@pytest.mark.parametrize(
    "rules",
    [
        (InOrder("opens_on", "closes_on"), InOrder("closes_on", "decided_on")),
        (
            InOrder("opens_on", "closes_on"),
            InOrder("opens_on", "decided_on"),
            InAnyOrder("closes_on", "decided_on", why="some decide early"),
        ),
    ],
)
def test_dates_in_a_row_or_in_any_order_with_its_reason_are_thought_about(rules: tuple[Any, ...]) -> None:
    assert said_of(an_event(hints=THREE_DATES, data_rules=rules)) == ""


def test_dates_that_a_third_one_precedes_still_need_a_rule_between_them() -> None:
    rules = (InOrder("opens_on", "closes_on"), InOrder("opens_on", "decided_on"))

    assert said_of(an_event(hints=THREE_DATES, data_rules=rules)).startswith(
        "partner.test.made.v1: nothing says whether 'decided_on' may lie before 'closes_on': write "
        "InOrder('closes_on', 'decided_on')"
    )


@pytest.mark.parametrize(
    "hints",
    [
        {"opens_on": date | None},
        {"from_place": str | None, "to_place": str | None},
        {"from_here": bool | None, "to_here": bool | None},
        {"first_year": int | None, "last_month": int | None},
        {"staff": int | None, "members": int | None},
    ],
)
def test_a_lone_date_and_what_is_no_span_of_numbers_need_no_rule(hints: dict[str, Any]) -> None:
    assert said_of(an_event(hints=hints)) == ""


def test_an_enum_whose_values_have_labels_lacks_nothing() -> None:
    assert said_of(an_event(hints={"theme": Theme | None, "themes": tuple[Theme, ...] | None})) == ""
