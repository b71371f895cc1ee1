"""The registry's decisions, without a database."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.words import Role
from registry.domain.findings import unknown_countries, unknown_time_zone
from registry.domain.members import label
from registry.domain.organisations import covered_twice, folded
from registry.domain.partners import KeyState, is_key_id, new_key, unknown_grants

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


def test_a_grant_nobody_may_send_is_named_with_the_one_that_was_meant() -> None:
    [finding] = unknown_grants(["partner.research.published.v1", "partner.asistance.requested.v1"])

    assert finding.pointer == "/grants/1"
    assert str(finding).endswith("Did you mean partner.assistance.requested.v1?")


def test_a_task_event_can_never_be_granted() -> None:
    [finding] = unknown_grants(["coordination.task.opened.v1"])

    assert finding.code == "unknown-event-type"


def test_a_country_off_the_list_is_pointed_at() -> None:
    [finding] = unknown_countries(["SN", "XX"], lambda place: f"/covers/{place}")

    assert (finding.pointer, finding.code) == ("/covers/1", "unknown-country")


def test_a_country_that_another_office_has_is_named_with_that_office() -> None:
    [finding] = covered_twice(["ML", "SN"], {"SN": "DWT/CO-Dakar"})

    assert finding.pointer == "/covers/1"
    assert str(finding) == "SN is covered by DWT/CO-Dakar."


def test_a_misspelt_time_zone_gets_the_nearest_one() -> None:
    assert unknown_time_zone("Africa/Dakar") == []
    [finding] = unknown_time_zone("Africa/Dakkar")
    assert finding.params["suggestion"] == "Africa/Dakar"


@given(st.binary(min_size=8, max_size=8), st.text(min_size=1))
def test_a_keys_text_holds_its_id_and_its_secret(id_bytes: bytes, secret: str) -> None:
    key = new_key(id_bytes, secret)

    assert is_key_id(key.key_id)
    assert key.text.split("_", 2) == ["sse", key.key_id, secret]
    assert key.secret_sha256 == sha256(secret.encode()).hexdigest()


def _state(**changes: datetime | None) -> KeyState:
    times: dict[str, datetime | None] = {"expires_at": None, "revoked_at": None, "last_used_at": None}
    return KeyState(secret_sha256="a" * 64, created_at=NOW, **(times | changes))  # type: ignore[arg-type]


def test_a_key_opens_by_its_secret_until_it_is_revoked_or_expires() -> None:
    assert _state().opens("a" * 64, NOW)
    assert not _state().opens("b" * 64, NOW)
    assert not _state().opens("é", NOW)
    assert not _state(revoked_at=NOW).opens("a" * 64, NOW)
    assert not _state(expires_at=NOW).opens("a" * 64, NOW)
    assert _state(expires_at=NOW + timedelta(seconds=1)).opens("a" * 64, NOW)


def test_a_keys_use_is_recorded_once_a_minute() -> None:
    assert _state().use_is_news(NOW)
    assert not _state(last_used_at=NOW - timedelta(seconds=59)).use_is_news(NOW)
    assert _state(last_used_at=NOW - timedelta(minutes=1)).use_is_news(NOW)
