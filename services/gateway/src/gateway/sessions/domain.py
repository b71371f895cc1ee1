"""A session: what it holds, how long it lasts, and how its secrets are made, shown and kept."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from contracts.words import Language, MemberId, OrganisationCode, Role

IDLE_LIFE = timedelta(hours=12)
"""A session that nobody used for this long is over."""
WHOLE_LIFE = timedelta(days=7)
"""No session outlives this, however busy."""
SEEN_STEP = timedelta(minutes=5)
"""How exact `seen_at` is kept: a page view is not worth a write."""


@dataclass(frozen=True)
class Session:
    """A signed-in member, as every page may know them. `id` is the session's, not the cookie's secret."""

    id: UUID
    member_id: MemberId
    organisation: OrganisationCode
    role: Role
    label: str
    language: Language
    time_zone: str
    csrf_token: str


def new_token() -> str:
    """256 random bits, for a cookie or a link."""
    return secrets.token_urlsafe(32)


def masked(token: str) -> str:
    """Write a token of hexadecimal digits so that no two pages hold the same: a random mask, and the token under it."""
    secret = bytes.fromhex(token)
    mask = secrets.token_bytes(len(secret))
    return (mask + _xor(mask, secret)).hex()


def unmasked(text: str | None) -> str | None:
    """Read a token that was masked; anything else is none."""
    try:
        whole = bytes.fromhex(text or "")
    except ValueError:
        return None
    half = len(whole) // 2
    return _xor(whole[:half], whole[half:]).hex() if whole and len(whole) == 2 * half else None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def hashed(token: str) -> str:
    """Turn a token into the only form in which it is stored: a look at the database lets nobody in."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token_of(cookie_token: str) -> str:
    """Derive the token that forms carry from the cookie's secret: it is neither stored nor guessed."""
    return hmac.new(cookie_token.encode(), b"csrf", hashlib.sha256).hexdigest()


def secrets_match(given: str | None, expected: str) -> bool:
    """Compare two secrets in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def session_ends_at(created_at: datetime, seen_at: datetime) -> datetime:
    """Tell when a session is over: idle too long, or simply old."""
    return min(created_at + WHOLE_LIFE, seen_at + IDLE_LIFE)
