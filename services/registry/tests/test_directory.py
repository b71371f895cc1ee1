"""The packaged directory is what the network's sources say, and a request finds one office in it."""

from collections import Counter
from zoneinfo import available_timezones

import pytest

from contracts import codes
from contracts.words import Language, OrganisationKind, Role
from registry.directory import OrganisationRow, packaged
from registry.domain.organisations import folded

ROWS = {row.code: row for row in packaged().organisations}


def _office_of(country: str) -> OrganisationRow:
    [row] = [row for row in ROWS.values() if country in row.covers]
    return row


def test_the_directory_has_every_unit_and_office_of_the_sources() -> None:
    kinds = Counter(row.kind for row in ROWS.values())

    assert kinds == {OrganisationKind.UNIT: 6, OrganisationKind.OFFICE: 56}
    assert {"COOP", "ENT", "ACT/EMP", "ACTRAV", "ITC-ILO"} <= ROWS.keys()


def test_a_country_is_covered_by_one_office_at_most() -> None:
    covered = Counter(country for row in ROWS.values() for country in row.covers)

    assert [country for country, offices in covered.items() if offices > 1] == []
    assert len(covered) == 165


def test_a_regional_office_covers_no_country_itself() -> None:
    assert [code for code, row in ROWS.items() if code.startswith("RO-") and row.covers] == []


@pytest.mark.parametrize(
    ("country", "office"),
    [
        ("SN", "DWT/CO-Dakar"),
        ("BJ", "CO-Abidjan"),
        ("TZ", "CO-Dar es Salaam"),
        ("GT", "DWT/CO-San José"),
        ("JM", "DWT/CO-Port of Spain"),
        ("WS", "CO-Suva"),
        ("JO", "ILO-Amman"),
        ("LB", "DWT-Beirut"),
        ("RS", "DWT/CO-Budapest"),
        ("SM", "ILO-Rome"),
    ],
)
def test_a_country_finds_its_office(country: str, office: str) -> None:
    assert _office_of(country).code == office


def test_countries_and_time_zones_are_on_the_code_lists() -> None:
    countries = {row.country for row in ROWS.values() if row.country}
    countries |= {country for row in ROWS.values() for country in row.covers}
    zones = {row.focal_point.time_zone for row in ROWS.values()}

    assert [country for country in countries if not codes.known("countries", country)] == []
    assert zones <= available_timezones()


def test_every_parent_is_in_the_directory() -> None:
    assert {row.parent for row in ROWS.values() if row.parent} <= ROWS.keys()


def test_no_two_codes_are_the_same_to_people() -> None:
    assert len({folded(code) for code in ROWS}) == len(ROWS)


def test_a_row_from_memory_is_never_confirmed() -> None:
    assert [row.code for row in ROWS.values() if row.confirmed and "memory" in row.basis] == []
    assert sum(row.confirmed for row in ROWS.values()) == 23


def test_every_unit_and_office_has_one_focal_point_account() -> None:
    members = packaged().every_member()
    focal_points = Counter(member.organisation for member in members if member.role is Role.FOCAL_POINT)

    assert focal_points == dict.fromkeys(ROWS, 1)
    assert len({member.member_id for member in members}) == len(members) == 64


def test_the_dakar_focal_point_is_known_by_its_office_and_works_in_french() -> None:
    [member] = [each for each in packaged().every_member() if each.organisation == "DWT/CO-Dakar"]

    assert member.label == "focal point, CO-Dakar"
    assert (member.language, member.time_zone) == (Language.FR, "Africa/Dakar")


def test_ids_stay_the_same_for_ever() -> None:
    [dakar] = [each for each in packaged().every_organisation() if each.code == "DWT/CO-Dakar"]
    [coordinator] = [each for each in packaged().every_member() if each.role is Role.COORDINATOR]

    assert str(dakar.organisation_id) == "33865229-590e-5195-9ef6-a2ab7b1d6787"
    assert str(coordinator.member_id) == "cb662653-0767-53ce-b62e-e846fda1100d"


def test_every_name_is_there_in_four_languages() -> None:
    for organisation in packaged().every_organisation():
        assert [name.language for name in organisation.names] == ["en", "fr", "es", "ar"]
