"""What is said of wrong data: one fault a field, in a sentence to mend it by, and nothing guessed in its place."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from partner_kit import PARTNER, examples

from gateway.http.faults import RefusalError
from gateway.http.validation import sentence_for
from gateway.partners.domain.cloudevents import read_event
from gateway.partners.domain.refusals import malformed

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EXAMPLES = {name.split(".")[1]: event for name, event in examples()}
"""An event of each kind, by its noun."""


def an(noun: str, **data: Any) -> dict[str, Any]:
    event = deepcopy(EXAMPLES[noun])
    event["data"] |= data
    return event


def a_return(**figure: Any) -> dict[str, Any]:
    """A statistical return of one figure."""
    return an("statistics", figures=[EXAMPLES["statistics"]["data"]["figures"][0] | figure])


def said_of(event: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(RefusalError) as refusal:
        read_event(event, now=NOW, sender=PARTNER)
    return [(fault.pointer, str(fault.sentence)) for fault in refusal.value.faults]


@pytest.mark.parametrize(
    ("event", "pointer", "sentence"),
    [
        (
            an("assistance", constituency="press"),
            "constituency",
            "one of: government, employers, workers, sse_body.",
        ),
        (an("statistics", scope="all"), "scope", "one of: cooperatives, sse."),
        (an("statistics", figures=[]), "figures", "Too few entries: the minimum is 1."),
        (an("statistics", reference_year=1989), "reference_year", "Too small: the minimum is 1990."),
        (an("statistics", reference_year=2101), "reference_year", "Too large: the maximum is 2100."),
        (an("statistics", reference_year=2025.5), "reference_year", "a whole number."),
        (a_return(value="1_000"), "figures/0/value", "digits, at most one point, no blanks."),
        (a_return(value="Infinity"), "figures/0/value", "digits, at most one point, no blanks."),
        (a_return(value=True), "figures/0/value", "a number, or a number in a string."),
        (a_return(value=10**30), "figures/0/value", "Too many digits: the maximum is 24."),
        (a_return(value="0.0000001"), "figures/0/value", "Too many decimal places: the maximum is 6."),
        (
            a_return(value="9" * 19),
            "figures/0/value",
            "Too many digits before the decimal point: the maximum is 18.",
        ),
        (a_return(value="1" * 18 + "." + "1" * 7), "figures/0/value", "Too many digits: the maximum is 24."),
        (a_return(isic_section="ab"), "figures/0/isic_section", "one capital letter from A to V."),
        (a_return(isic_section="mining"), "figures/0/isic_section", "one capital letter from A to V."),
        (an("training", starts_on="31 March"), "starts_on", "a date such as 2026-03-31."),
        (an("training", address="ftp://x.example"), "address", "begins with https:// or http://."),
        (
            an("training", address="https://x.example/" + "x" * 2000),
            "address",
            "Too long: the maximum length is 2000.",
        ),
        (an("training", address="https://x.example/a b"), "address", "U+0020 in a web address."),
        (an("training", themes=["care_economy"] * 6), "themes", "Too many entries: the maximum is 5."),
        (an("training", organiser=""), "organiser", "Too short: the minimum length is 1."),
        (an("training", organiser="x" * 301), "organiser", "Too long: the maximum length is 300."),
        (an("training", title="Academy"), "title", "an object."),
        (an("training", languages="fr"), "languages", "an array."),
        (an("partnership", parties=["x"] * 51), "parties", "Too many entries: the maximum is 50."),
        (
            an("entity", identifiers=[{"scheme": "siren", "value": "1"}]),
            "identifiers/0/scheme",
            "such as FR-SIREN.",
        ),
    ],
)
def test_a_fault_is_named_at_its_place_and_by_what_would_be_right(
    event: dict[str, Any], pointer: str, sentence: str
) -> None:
    [(at, said)] = said_of(event)

    assert at == f"/data/{pointer}"
    assert said.endswith(sentence)


@pytest.mark.parametrize(
    ("event", "pointer", "sentence"),
    [
        (an("statistics", reference_year="2025"), "reference_year", "a whole number."),
        (an("statistics", reference_year=True), "reference_year", "a whole number."),
        (an("training", online="true"), "online", "true or false."),
        (an("training", online=1), "online", "true or false."),
        (an("training", starts_on=1774915200), "starts_on", "a date such as 2026-03-31."),
        (an("training", starts_on="2026-03-31T00:00:00"), "starts_on", "a date such as 2026-03-31."),
        (an("training", organiser=7), "organiser", "a string."),
        (an("training", languages={"fr": True}), "languages", "an array."),
        (an("training", country=None, title=None), "title", "This field is required."),
    ],
)
def test_nothing_is_guessed_from_a_value_of_another_kind(
    event: dict[str, Any], pointer: str, sentence: str
) -> None:
    [(at, said)] = said_of(event)

    assert at == f"/data/{pointer}"
    assert said.endswith(sentence)


def test_a_figure_may_be_a_number_in_a_string() -> None:
    exact = "123456789012345678.123456"

    sent = read_event(a_return(value=exact), now=NOW, sender=PARTNER)

    assert str(sent.data.model_dump()["figures"][0]["value"]) == exact


def test_only_faulty_entries_are_named_and_not_the_list_they_leave_too_short() -> None:
    good, bad = "Care workers' union", 7

    assert [at for at, _ in said_of(an("partnership", parties=[bad, bad]))] == [
        "/data/parties/0",
        "/data/parties/1",
    ]
    assert [at for at, _ in said_of(an("partnership", parties=[good, bad]))] == ["/data/parties/1"]
    assert [at for at, _ in said_of(an("partnership", parties=[], level="world"))] == [
        "/data/level",
        "/data/parties",
    ]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("Senegal", "Did you mean SN?"),
        ("Senegal".ljust(100), "Did you mean SN?"),
        # Nothing that is longer than any name was meant as one.
        ("Senegal".ljust(101), "such as SN."),
        ("Atlantis", "such as SN."),
    ],
)
def test_a_country_is_guessed_from_its_name_alone(sent: str, said: str) -> None:
    [(_, sentence)] = said_of(an("assistance", country=sent))

    assert sentence.endswith(said)


def test_a_request_has_a_few_guesses_and_names_all_its_faults() -> None:
    sent = an("research", countries=["Republic of nowhere"] * 20 + ["Kazakstan", "Senegal"])

    said = said_of(sent)

    assert len(said) == 22
    # A near miss is no longer looked for; what everybody writes for a country is found all the same.
    assert said[20][1].endswith("such as SN.")
    assert said[21][1].endswith("Did you mean SN?")


def test_of_thousands_of_faults_fifty_are_named() -> None:
    figure = {"indicator": 1, "value": "x", "unit": 1, "entity_type": 1, "isic_section": 1, "sex": 1}

    said = said_of(an("statistics", figures=[figure] * 2000))

    assert [at for at, _ in said[:2]] == ["/data/figures/0/indicator", "/data/figures/0/value"]
    assert len(said) == 50


def test_a_list_without_an_end_is_not_read_to_its_end() -> None:
    assert said_of(an("research", countries=["SN"] * 60_000)) == [
        ("/data/countries", "Too many entries: the maximum is 250.")
    ]
    assert len(said_of(an("statistics", figures=[{}] * 60_000))) == 50


def test_a_guess_is_made_only_where_a_lists_codes_are_asked_for() -> None:
    [(_, said)] = said_of(a_return(isic_section="Education"))
    assert said.endswith("Did you mean Q?")

    [(_, said)] = said_of(an("entity", identifiers=[{"scheme": "Senegal", "value": "1"}]))
    assert "Did you mean" not in said


@pytest.mark.parametrize("kind", ["int_type", "int_from_float", "int_parsing"])
def test_whatever_is_no_whole_number_is_told_so(kind: str) -> None:
    assert str(sentence_for(kind, None)) == "This must be a whole number."


def test_a_refused_event_is_told_that_nothing_was_stored() -> None:
    assert str(malformed().detail) == "Nothing was stored. Mend what `errors` names and send it again."
