"""The registry's decisions, without a database."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.findings import Finding
from contracts.words import Role
from registry.domain.findings import (
    RefusedError,
    unknown_countries,
    unknown_organisation,
    unknown_time_zone,
)
from registry.domain.members import label, member_id, misplaced_coordinator
from registry.domain.organisations import covered_twice, folded, organisation_id
from registry.domain.partners import KeyState, is_key_id, new_key, partner_id, unknown_grants

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CODES = st.from_regex(r"\A[A-Z0-9][A-Za-z0-9/ ._À-ÿ-]{0,39}\Z")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CO-Dakar", "DWT/CO-Dakar"),
        ("co-dakar", "DWT/CO-Dakar"),
        ("DWT/CO-San Jose", "DWT/CO-San José"),
        ("CO-Yaounde", "DWT/CO-Yaoundé"),
        ("ILO-Sana'a", "ILO-Sanaa"),
        ("ACTEMP", "ACT/EMP"),
    ],
)
def test_people_find_an_office_as_they_write_it(written: str, meant: str) -> None:
    assert folded(written) == folded(meant)


def test_an_office_is_found_by_its_own_letters_and_not_by_another_offices() -> None:
    assert folded("DWT/CO-San José") == "cosanjose"
    assert folded("  ACT_EMP. ") == "actemp"
    # Only the team that an office shares its house with is left out, and only before the office.
    assert folded("CO-DWT/") == "codwt"
    assert folded("مكتب القاهرة") == "مكتبالقاهرة"


def test_a_team_and_its_regions_office_in_one_city_are_told_apart() -> None:
    assert len({folded(code) for code in ("DWT-Bangkok", "CO-Bangkok", "RO-Bangkok", "DWT/CO-Bangkok")}) == 3


@given(CODES)
def test_case_never_makes_another_code(code: str) -> None:
    assert folded(code.upper()) == folded(code.lower()) == folded(code)


@pytest.mark.parametrize(
    ("role", "organisation", "expected"),
    [
        (Role.FOCAL_POINT, "DWT/CO-Dakar", "focal point, CO-Dakar"),
        (Role.FOCAL_POINT, "ACT/EMP", "focal point, ACT/EMP"),
        (Role.COORDINATOR, "COOP", "coordinator, COOP"),
        (Role.OPERATOR, "COOP", "operator"),
    ],
)
def test_an_account_is_named_by_role_and_place(role: Role, organisation: str, expected: str) -> None:
    assert label(role, organisation) == expected


SPACE = UUID("20cc5d88-ec83-4bb0-971f-2eda6acb3c6e")


def test_what_has_one_code_has_the_same_ids_in_every_installation() -> None:
    """Written out: these ids stand in databases and events, and no change of ours may move them."""
    assert str(organisation_id(SPACE, "COOP")) == "ee0b343c-dbb8-5eb3-92b4-638cfef0f143"
    assert str(partner_id(SPACE, "COOP")) == "e6ed188f-d614-59ba-b574-07c55f4308f3"
    assert str(member_id(SPACE, Role.FOCAL_POINT, "COOP")) == "3956c20c-d553-5b9a-b791-77585d5c69cd"
    assert str(member_id(SPACE, Role.COORDINATOR, "COOP")) == "cb662653-0767-53ce-b62e-e846fda1100d"


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.pointer, finding.code, str(finding)) for finding in findings]


def test_grants_nobody_may_send_are_named_with_those_that_were_meant() -> None:
    grants = [
        "partner.research.published.v1",
        "partner.asistance.requested.v1",
        "coordination.task.opened.v1",
        "x",
    ]

    assert said(unknown_grants(grants)) == [
        (
            "/grants/1",
            "unknown-event-type",
            "partner.asistance.requested.v1 is not a partner event. Did you mean partner.assistance.requested.v1?",
        ),
        # A task's event can never be granted, and is near none that can.
        ("/grants/2", "unknown-event-type", "coordination.task.opened.v1 is not a partner event."),
        ("/grants/3", "unknown-event-type", "x is not a partner event."),
    ]


def test_countries_off_the_list_are_pointed_at() -> None:
    assert said(unknown_countries(["SN", "XX", "ML", "YY"], lambda place: f"/covers/{place}")) == [
        ("/covers/1", "unknown-country", "There is no country with the code XX in ISO 3166-1."),
        ("/covers/3", "unknown-country", "There is no country with the code YY in ISO 3166-1."),
    ]


def test_countries_that_other_offices_have_are_named_with_those_offices() -> None:
    held = {"SN": "DWT/CO-Dakar", "EG": "DWT/CO-Cairo"}

    assert said(covered_twice(["ML", "SN", "EG"], held)) == [
        ("/covers/1", "country-covered", "SN is covered by DWT/CO-Dakar."),
        ("/covers/2", "country-covered", "EG is covered by DWT/CO-Cairo."),
    ]


def test_a_misspelt_time_zone_gets_the_nearest_one_and_a_strange_one_none() -> None:
    assert unknown_time_zone("Africa/Dakar") == []
    assert said(unknown_time_zone("Africa/Dakkar")) == [
        (
            "/time_zone",
            "unknown-time-zone",
            "Africa/Dakkar is not an IANA time zone. Did you mean Africa/Dakar?",
        )
    ]
    assert said(unknown_time_zone("?", "/members/3/time_zone")) == [
        ("/members/3/time_zone", "unknown-time-zone", "? is not an IANA time zone.")
    ]


def test_only_the_coordinating_unit_has_coordinators() -> None:
    assert misplaced_coordinator(Role.COORDINATOR, "COOP") == []
    assert misplaced_coordinator(Role.FOCAL_POINT, "DWT/CO-Dakar") == []
    assert said(misplaced_coordinator(Role.COORDINATOR, "DWT/CO-Dakar")) == [
        (
            "/role",
            "misplaced-coordinator",
            "DWT/CO-Dakar has no coordinator: the network's coordinators stand at COOP.",
        )
    ]


def test_a_refusal_names_everything_that_is_wrong() -> None:
    findings = [unknown_organisation("/parent", "NOBODY"), *unknown_time_zone("?")]

    refusal = RefusedError(findings)

    assert refusal.findings == tuple(findings)
    assert str(refusal) == "There is no organisation NOBODY. ? is not an IANA time zone."
    assert said(findings[:1]) == [("/parent", "unknown-organisation", "There is no organisation NOBODY.")]


@given(st.binary(min_size=8, max_size=8), st.text(min_size=1))
def test_a_keys_text_holds_its_id_and_its_secret(id_bytes: bytes, secret: str) -> None:
    key = new_key(id_bytes, secret)

    assert is_key_id(key.key_id)
    assert key.text.split("_", 2) == ["sse", key.key_id, secret]
    assert key.secret_sha256 == sha256(secret.encode()).hexdigest()


@pytest.mark.parametrize(
    "text", ["abcdefghij2", "abcdefghij234", "ABCDEFGHIJ23", "abcdefghij21", "abcdefghij2\n", ""]
)
def test_what_no_key_can_be_named_by_is_no_keys_id(text: str) -> None:
    assert is_key_id("abcdefghij23")
    assert not is_key_id(text)


def _state(**changes: datetime | None) -> KeyState:
    times: dict[str, datetime | None] = {"expires_at": None, "revoked_at": None, "last_used_at": None}
    return KeyState(secret_sha256="a" * 64, created_at=NOW, **(times | changes))  # type: ignore[arg-type]


def test_a_key_opens_by_its_secret_until_it_is_revoked_or_expires() -> None:
    assert _state().is_known_by("a" * 64)
    assert not _state().is_known_by("b" * 64)
    assert not _state().is_known_by("é")
    assert not _state(revoked_at=NOW).is_known_by("a" * 64)
    assert not _state().has_expired(NOW)
    assert _state(expires_at=NOW).has_expired(NOW)
    assert not _state(expires_at=NOW + timedelta(seconds=1)).has_expired(NOW)


def test_a_keys_use_is_recorded_once_a_minute() -> None:
    assert _state().use_is_news(NOW)
    assert not _state(last_used_at=NOW - timedelta(seconds=59)).use_is_news(NOW)
    assert _state(last_used_at=NOW - timedelta(minutes=1)).use_is_news(NOW)
