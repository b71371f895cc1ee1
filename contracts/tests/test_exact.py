"""What is sent is what is kept: figures to their last digit, addresses letter by letter."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from contracts.exact import Day, Figure, WebAddress, WholeNumber
from contracts.partner.statistics import StatisticsReportedV1
from contracts.schema import schema_of


class Sent(BaseModel):
    figure: Figure = Decimal(0)
    whole: WholeNumber = 0
    day: Day = date(2026, 1, 1)
    address: WebAddress = "https://partner.example"


def read(written: str, name: str = "figure") -> Any:
    return getattr(Sent.model_validate_json(f'{{"{name}": {written}}}', strict=True), name)


def refused(written: str, name: str = "figure") -> str:
    with pytest.raises(ValidationError) as refusal:
        read(written, name)
    [error] = refusal.value.errors()
    return error["type"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("9007199254740993", "9007199254740993"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("1E17", "100000000000000000"),
        ("-0", "0"),
        ("-0.0", "0"),
        ('"-0.00"', "0.00"),
        ('"123456789012345678.123456"', "123456789012345678.123456"),
        ('"1.50"', "1.50"),
        ('"0.000001"', "0.000001"),
        ("0.000001", "0.000001"),
    ],
)
def test_a_figure_is_kept_to_its_last_digit(written: str, kept: str) -> None:
    figure = read(written)

    assert str(figure) == kept
    assert json.loads(Sent(figure=figure).model_dump_json())["figure"] == kept


@pytest.mark.parametrize(
    "written",
    [
        "1_000",
        "١٢٣",
        "１２",
        " 12 ",
        "1e3",
        "1E+20",
        "Infinity",
        "+5",
        "0x10",
        "12,5",
        "",
        "1.",
        ".5",
        "007",
        "--1",
        "1\n",
    ],
)
def test_a_figure_in_a_string_has_one_notation(written: str) -> None:
    assert refused(json.dumps(written)) == "figure_notation"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("true", "decimal_type"),
        ("null", "decimal_type"),
        ("[1]", "decimal_type"),
        ("1e400", "finite_number"),
        ("1e18", "decimal_whole_digits"),
        ("1e300", "decimal_max_digits"),
        ("0.0000001", "decimal_max_places"),
    ],
)
def test_what_is_no_figure_is_not_made_one(written: str, kind: str) -> None:
    assert refused(written) == kind


def test_a_decimal_of_ours_is_a_figure_too() -> None:
    assert str(Sent(figure=Decimal("1E+3")).figure) == "1000"
    with pytest.raises(ValidationError):
        Sent(figure=Decimal("1E+999999"))
    with pytest.raises(ValidationError):
        Sent(figure=Decimal("NaN"))


@given(figure=st.decimals(min_value=-(10**18) + 1, max_value=10**18 - 1, places=6))
def test_a_figure_is_written_so_that_it_reads_as_it_was(figure: Decimal) -> None:
    written = Sent(figure=figure).model_dump_json()

    assert Sent.model_validate_json(written, strict=True).figure == figure


def test_the_schema_says_how_a_figure_in_a_string_is_written() -> None:
    value = schema_of(StatisticsReportedV1)["$defs"]["StatisticalFigure"]["properties"]["value"]

    assert value["anyOf"] == [
        {"type": "number"},
        {"type": "string", "pattern": r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"},
    ]


@pytest.mark.parametrize("written", ["2025", "2025.0", "2025e0", "2.025e3"])
def test_a_whole_number_may_be_written_with_a_point(written: str) -> None:
    assert read(written, "whole") == 2025


@pytest.mark.parametrize("written", ["2025.5", '"2025"', "true", "1e400"])
def test_what_is_no_whole_number_is_not_made_one(written: str) -> None:
    assert refused(written, "whole") == "int_type"


@pytest.mark.parametrize(
    "written",
    ["1774915200", "1774915200000", "20260331", "2026-3-31", "2026-03-31T00:00:00", " 2026-03-31", ""],
)
def test_a_day_is_no_number_of_seconds(written: str) -> None:
    assert read('"2026-03-31"', "day") == date(2026, 3, 31)
    assert refused(json.dumps(written), "day") == "date_parsing"


@pytest.mark.parametrize(
    "address",
    [
        "https://partner.example",
        "HTTPS://PARTNER.EXAMPLE/A",
        "https://partner.example:443/%7Ea/../b",
        "https://partner.example/موارد",
        "https://例え.jp/パス?q=1#x",
        "https://partner.example/%zz",
        "https://partner.example/" + "م" * 1976,
    ],
)
def test_an_address_stays_as_it_was_written(address: str) -> None:
    assert read(json.dumps(address), "address") == address


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://partner.example/" + "م" * 1977, "string_too_long"),
        ("ftp://partner.example", "string_pattern_mismatch"),
        ("https:partner.example", "string_pattern_mismatch"),
        ("https:///partner.example", "string_pattern_mismatch"),
        (" https://partner.example", "string_pattern_mismatch"),
        ("https://xn--", "url_parsing"),
        ("https://partner.example/a b", "address_character"),
        ("https://partner.example/\u202eevil", "address_character"),
        ("https://partner.example/\u200b", "address_character"),
        ("https://partner.example/\n", "address_character"),
        ("https://partner.example\\@evil.example", "address_character"),
        ('https://partner.example/"x', "address_character"),
    ],
)
def test_what_leads_nowhere_or_hides_something_is_no_address(address: str, kind: str) -> None:
    assert refused(json.dumps(address), "address") == kind
