"""How long a session lasts, and what its secrets give away."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from gateway.sessions.domain import (
    csrf_token_of,
    hashed,
    masked,
    new_token,
    secrets_match,
    session_ends_at,
    unmasked,
)

SIGNED_IN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_session_is_over_after_twelve_idle_hours_and_after_a_week_at_the_latest() -> None:
    assert session_ends_at(SIGNED_IN, SIGNED_IN) == SIGNED_IN + 12 * HOUR
    assert session_ends_at(SIGNED_IN, SIGNED_IN + 5 * HOUR) == SIGNED_IN + 17 * HOUR
    assert session_ends_at(SIGNED_IN, SIGNED_IN + 7 * 24 * HOUR - HOUR) == SIGNED_IN + 7 * 24 * HOUR


@given(visits=st.lists(st.timedeltas(timedelta(0), timedelta(days=8)), min_size=1).map(sorted))
def test_no_visit_ends_a_session_sooner_and_none_carries_it_beyond_a_week(visits: list[timedelta]) -> None:
    ends = [session_ends_at(SIGNED_IN, SIGNED_IN + visit) for visit in visits]

    assert ends == sorted(ends)
    assert all(end - SIGNED_IN <= timedelta(days=7) for end in ends)


def test_a_token_has_256_bits_of_its_own() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(urlsafe_b64decode(f"{token}=")) for token in tokens} == {32}


def test_what_is_stored_of_a_token_does_not_let_anybody_in() -> None:
    assert hashed("token") == sha256(b"token").hexdigest()


@given(token=st.binary(min_size=1, max_size=40).map(bytes.hex))
def test_a_masked_token_is_read_back_and_looks_like_itself_nowhere(token: str) -> None:
    one = masked(token)

    assert unmasked(one) == token
    assert len(one) == 2 * len(token)


def test_no_two_pages_hold_the_same_masked_token() -> None:
    assert len({masked("00" * 32) for _ in range(100)}) == 100


def test_what_was_never_masked_is_no_token() -> None:
    for text in (None, "", "xyz", "abc", "abcdef"):
        assert unmasked(text) is None


def test_forms_carry_a_token_of_the_cookies_own() -> None:
    tokens = {csrf_token_of(cookie) for cookie in ("one", "other")}

    assert len(tokens) == 2
    assert csrf_token_of("one") in tokens
    assert all(len(bytes.fromhex(token)) == 32 for token in tokens)
    assert hashed("one") not in tokens


def test_only_the_secret_itself_matches() -> None:
    assert secrets_match("sécret", "sécret")
    assert not secrets_match("sécret", "secret")
    assert not secrets_match("", "secret")
    assert not secrets_match(None, "")
