"""What the gateway can tell a partner beyond wrong types: where, what, and what was probably meant."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalogue import PARTNER_EVENTS
from contracts.checks import MESSAGES, problems_of
from contracts.partner import PartnerEvent
from contracts.testing import Golden, golden_events
from contracts.words import Title

TODAY = date(2026, 11, 23)


def found(event_type: str, *, today: date | None = None, **changes: Any) -> list[tuple[str, str]]:
    return [
        (finding.pointer, finding.code) for finding in problems_of(an(event_type, **changes), today=today)
    ]


def an(event_type: str, **changes: Any) -> PartnerEvent:
    golden = golden_events(event_type)[0]
    return PARTNER_EVENTS[event_type].model_validate(golden.cloudevent["data"] | changes)


def test_a_partner_learns_which_country_is_unknown_and_which_was_meant() -> None:
    [finding] = problems_of(an("partner.research.published.v1", countries=["SN", "UK"]))

    assert finding.pointer == "/data/countries/1"
    assert finding.code == "unknown-country"
    assert finding.params == {"value": "UK", "suggestion": "GB"}
    assert str(finding) == "There is no country with the code UK in ISO 3166-1. Did you mean GB?"


def test_a_partner_learns_that_nothing_is_near_an_unknown_country() -> None:
    [finding] = problems_of(an("partner.assistance.requested.v1", country="XX"))

    assert finding.pointer == "/data/country"
    assert str(finding) == "There is no country with the code XX in ISO 3166-1."


def test_a_language_is_looked_up_wherever_it_stands() -> None:
    assert found(
        "partner.knowledge.shared.v1",
        title={"language": "fra", "text": "Guide"},
        languages=["fr", "zz"],
    ) == [("/data/title/language", "unknown-language"), ("/data/languages/1", "unknown-language")]
    assert found("partner.entity.reported.v1", names=[{"language": "xx", "name": "Ujala"}]) == [
        ("/data/names/0/language", "unknown-language")
    ]


@pytest.mark.parametrize(
    ("event_type", "changes", "finding"),
    [
        (
            "partner.training.announced.v1",
            {"starts_on": "2027-02-02", "ends_on": "2027-02-01"},
            ("/data/ends_on", "ends-before-it-starts"),
        ),
        (
            "partner.partnership.proposed.v1",
            {"starts_on": "2027-02-02", "renews_on": "2026-02-02"},
            ("/data/renews_on", "renewed-before-it-starts"),
        ),
        (
            "partner.research.published.v1",
            {"published_on": "2026-10-01", "validation_wanted_by": "2026-09-01"},
            ("/data/validation_wanted_by", "validated-before-published"),
        ),
        (
            "partner.research.published.v1",
            {"published_on": "0206-10-01"},
            ("/data/published_on", "date-out-of-range"),
        ),
        (
            "partner.assistance.requested.v1",
            {"title": {"language": "en", "text": "Advice\x00"}},
            ("/data/title/text", "control-character"),
        ),
        (
            "partner.assistance.requested.v1",
            {"title": {"language": "en", "text": "\u200b\u200b"}},
            ("/data/title/text", "nothing-to-read"),
        ),
    ],
)
def test_a_partner_learns_which_field_cannot_be(
    event_type: str, changes: dict[str, Any], finding: tuple[str, str]
) -> None:
    assert found(event_type, **changes) == [finding]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://user:secret@partner.example/", "address-with-credentials"),
        ("https://secret@partner.example/?x", "address-with-credentials"),
        ("https://@partner.example", "address-with-credentials"),
        ("http://localhost:5432/x", "address-not-public"),
        ("http://intranet/x", "address-not-public"),
        ("http://files.local/x", "address-not-public"),
        ("https://partner..example/", "address-not-public"),
        ("http://169.254.169.254/latest", "address-not-public"),
        ("http://[::1]/", "address-not-public"),
        ("http://10.0.0.1/", "address-not-public"),
        ("https://[::127.0.0.1]/", "address-not-public"),
        ("https://[64:ff9b:1::7f00:1]/", "address-not-public"),
        ("https://[::ffff:0:127.0.0.1]/", "address-not-public"),
        ("https://[4000::1]/", "address-not-public"),
        ("https://[fec0::1]/", "address-not-public"),
        ("https://[2002:a00:1::]/", "address-not-public"),
        ("https://[64:ff9b::a00:1]/", "address-not-public"),
        ("https://[::ffff:10.0.0.1]/", "address-not-public"),
        ("https://224.0.0.1/", "address-not-public"),
        ("https://[ff0e::1]/", "address-not-public"),
        # As a browser reads it: 127.0.0.1.
        ("https://0x7f.1/", "address-not-public"),
    ],
)
def test_an_address_shows_no_secret_and_leads_all_readers_to_one_place(address: str, code: str) -> None:
    assert found("partner.concern.raised.v1", evidence=["https://partner.example/@a?b=c@d", address]) == [
        ("/data/evidence/1", code)
    ]


def test_a_public_number_is_an_address_too() -> None:
    assert (
        found(
            "partner.concern.raised.v1",
            evidence=["http://8.8.8.8/", "https://partner.example./", "https://[2606:4700::1111]/"],
        )
        == []
    )


def test_no_more_is_found_than_is_asked_for() -> None:
    event = an("partner.research.published.v1", countries=["UK", "XX", "EL"])

    assert [finding.pointer for finding in problems_of(event, most=2)] == [
        "/data/countries/0",
        "/data/countries/1",
    ]


@pytest.mark.parametrize(
    ("event_type", "changes", "said"),
    [
        (
            "partner.research.published.v1",
            {"languages": ["fra"]},
            "There is no language with the code fra. Did you mean fr?",
        ),
        (
            "partner.research.published.v1",
            {"languages": ["zz"]},
            "There is no language with the code zz in ISO 639.",
        ),
        (
            "partner.research.published.v1",
            {"published_on": "1899-12-31"},
            "The year of 1899-12-31 does not lie between 1900 and 2100.",
        ),
        (
            "partner.concern.raised.v1",
            {"entity_name": "a\x1bb"},
            "The text holds the control character U+001B, which cannot be stored.",
        ),
        (
            "partner.concern.raised.v1",
            {"entity_name": "\u200b"},
            "The text holds no letter, figure or sign that could be read.",
        ),
        (
            "partner.training.announced.v1",
            {"starts_on": "2027-02-02", "ends_on": "2027-02-01"},
            "The end, 2027-02-01, lies before the start, 2027-02-02.",
        ),
        (
            "partner.partnership.proposed.v1",
            {"starts_on": "2027-02-02", "renews_on": "2026-02-02"},
            "The renewal, 2026-02-02, lies before the start, 2027-02-02.",
        ),
        (
            "partner.research.published.v1",
            {"published_on": "2026-10-01", "validation_wanted_by": "2026-09-01"},
            "The validation is wanted by 2026-09-01, before the publication on 2026-10-01.",
        ),
        ("partner.assistance.requested.v1", {"needed_by": "2026-11-01"}, "The date 2026-11-01 has passed."),
        ("partner.statistics.reported.v1", {"reference_year": 2027}, "The year 2027 has not begun."),
    ],
)
def test_a_partner_reads_what_is_wrong_in_a_sentence(
    event_type: str, changes: dict[str, Any], said: str
) -> None:
    assert [str(finding) for finding in problems_of(an(event_type, **changes), today=TODAY)] == [said]


@pytest.mark.parametrize("day", ["1900-01-01", "2100-12-31"])
def test_the_first_and_the_last_year_lie_within_the_range(day: str) -> None:
    assert found("partner.research.published.v1", published_on=day, validation_wanted_by=None) == []


def test_one_day_of_training_is_not_too_short() -> None:
    assert found("partner.training.announced.v1", starts_on="2027-02-02", ends_on="2027-02-02") == []


def test_two_figures_for_one_cell_of_the_table_are_refused() -> None:
    members = {"indicator": "Members", "unit": "persons", "entity_type": "cooperative"}
    figures = [
        members | {"value": "10", "sex": "female"},
        members | {"value": "12", "sex": "male"},
        members | {"value": "11", "sex": "female", "indicator": "members"},
    ]

    assert found("partner.statistics.reported.v1", figures=figures) == [
        ("/data/figures/2", "figure-repeated")
    ]


def test_the_calendar_is_asked_only_with_a_day_to_compare() -> None:
    requested, reported = "partner.assistance.requested.v1", "partner.statistics.reported.v1"

    assert found(requested, needed_by="2026-11-21") == []
    assert found(requested, needed_by="2026-11-21", today=TODAY) == [("/data/needed_by", "date-in-the-past")]
    assert found(reported, reference_year=2027, today=TODAY) == [
        ("/data/reference_year", "year-in-the-future")
    ]


def test_a_partner_a_day_behind_or_ahead_of_us_is_neither_late_nor_early() -> None:
    assert found("partner.assistance.requested.v1", needed_by="2026-11-22", today=TODAY) == []
    new_years_eve = date(2026, 12, 31)
    assert found("partner.statistics.reported.v1", reference_year=2027, today=new_years_eve) == []


def test_a_partner_is_not_held_to_account_for_the_gateways_stamp() -> None:
    stamp = {"partner": "SN-ESS", "partner_name": "\x00", "event_id": "1", "source": "x"}

    assert found("partner.assistance.requested.v1", origin=stamp) == []


@pytest.mark.parametrize("golden", golden_events(*PARTNER_EVENTS), ids=str)
def test_every_sentence_is_filled_by_its_parameters(golden: Golden) -> None:
    wrong: dict[str, Any] = {"country": "UK", "countries": ["XX"], "languages": ["zz"]}
    data = golden.cloudevent["data"]
    event = PARTNER_EVENTS[golden.type].model_validate(
        data | {name: value for name, value in wrong.items() if name in data}
    )

    for finding in problems_of(event):
        assert finding.message in MESSAGES.values()
        assert set(re.findall(r"%\((\w+)\)s", finding.message)) == set(finding.params)


def test_no_sentence_has_a_place_without_a_name() -> None:
    for message in MESSAGES.values():
        assert re.findall(r"%(?!\(\w+\)s)", message) == []


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_without_controls_can_be_sent(text: str) -> None:
    printable = "".join(character for character in text if character.isprintable()).strip() or "x"

    title = Title(language="en", text=printable).model_dump()

    assert found("partner.assistance.requested.v1", title=title) == []
