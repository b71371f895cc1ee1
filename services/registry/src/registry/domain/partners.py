"""Partners: what they may be granted, and the life of their keys."""

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from contracts.catalogue import PARTNER_EVENTS
from contracts.findings import Finding
from registry.domain.findings import unknown

LIVE_KEYS = 2
"""Keys a partner may have at once: the one in use, and the one it changes over to."""

LAST_USED_PRECISION = timedelta(minutes=1)
"""How exactly a key's last use is recorded; finer would make every verification a write."""


class NoSuchPartnerError(LookupError):
    """No partner has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no partner with the code {code}.")


class NoSuchKeyError(LookupError):
    """The key is unknown or revoked, or its secret is another: never told apart."""

    def __init__(self) -> None:
        super().__init__("There is no such key.")


class KeyExpiredError(LookupError):
    """The key is the right one, and its time is over: said to nobody who has not its secret."""

    def __init__(self) -> None:
        super().__init__("This key has expired.")


class TooManyKeysError(ValueError):
    """The partner has as many live keys as it may have."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} has {LIVE_KEYS} live keys already; rotate them, or revoke one first.")


def partner_id(namespace: UUID, code: str) -> UUID:
    """Give a partner's rights an id of their own: its organisation announces, they change in silence."""
    return uuid5(namespace, f"partner:{code}")


def unknown_grants(grants: Sequence[str]) -> list[Finding]:
    """Name each granted type that no partner may send, with the one that was probably meant."""
    message = "%(value)s is not a partner event."
    return [
        unknown(f"/grants/{place}", "unknown-event-type", message, grant, PARTNER_EVENTS)
        for place, grant in enumerate(grants)
        if grant not in PARTNER_EVENTS
    ]


_KEY_ID = re.compile(r"[a-z2-7]{12}")


@dataclass(frozen=True)
class NewKey:
    """A partner's key at the only moment its secret exists in the registry."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        """What the partner keeps and sends."""
        return f"sse_{self.key_id}_{self.secret}"

    @property
    def secret_sha256(self) -> str:
        """What the registry keeps: of 256 random bits a plain digest gives nothing back."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


def new_key(id_bytes: bytes, secret: str) -> NewKey:
    """Shape random bytes into a key: the id is twelve lower-case base32 characters, easy to read out."""
    return NewKey(b32encode(id_bytes).decode().lower()[:12], secret)


def is_key_id(text: str) -> bool:
    """Tell whether any key could have this id."""
    return _KEY_ID.fullmatch(text) is not None


@dataclass(frozen=True)
class KeyState:
    """What is stored of a key."""

    secret_sha256: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_known_by(self, secret_sha256: str) -> bool:
        """Tell whether this is its secret, unless it is revoked; an answer's delay tells nothing of the secret."""
        same = hmac.compare_digest(self.secret_sha256.encode(), secret_sha256.encode())
        return same and self.revoked_at is None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the key's time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def use_is_news(self, now: datetime) -> bool:
        """Tell whether this use is worth a write."""
        return self.last_used_at is None or now - self.last_used_at >= LAST_USED_PRECISION
