"""Decisions about who is who: names that mean one code, what may cover what, keys, what a field may hold."""

import hashlib
import hmac
import re
import unicodedata
from base64 import b32encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from uuid import UUID, uuid5
from zoneinfo import available_timezones

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.checks import MESSAGES, Finding
from contracts.words import COORDINATING_UNIT, OrganisationKind, Role

LIVE_KEYS = 2
"""Keys a partner may have at once: the one in use, and the one it changes over to."""

LAST_USED_PRECISION = timedelta(minutes=1)
"""How exactly a key's last use is recorded; finer would make every verification a write."""


class Region(StrEnum):
    """The five regions of the field structure."""

    AFRICA = "africa"
    AMERICAS = "americas"
    ARAB_STATES = "arab_states"
    ASIA_AND_THE_PACIFIC = "asia_and_the_pacific"
    EUROPE_AND_CENTRAL_ASIA = "europe_and_central_asia"


class RefusedError(Exception):
    """The request contradicts the code lists or the directory; every refused field is named."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class NoSuchOrganisationError(LookupError):
    """No organisation has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no organisation with the code {code}.")


class NoSuchMemberError(LookupError):
    """No open member account has this id."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"There is no member account with the id {member_id}.")


class NoSuchPartnerError(LookupError):
    """No partner has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no partner with the code {code}.")


class NoSuchKeyError(LookupError):
    """The key is unknown, revoked, expired, or its secret is another: never told apart."""

    def __init__(self) -> None:
        super().__init__("There is no such key.")


class KindIsFixedError(ValueError):
    """A unit or office does not turn into a partner, nor the other way round."""

    def __init__(self, code: str, kind: OrganisationKind) -> None:
        super().__init__(
            f"{code} is in the registry as {kind.value}; units, offices and partners do not change sides."
        )


class TooManyKeysError(ValueError):
    """The partner has as many live keys as it may have."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code} has {LIVE_KEYS} live keys already; rotate them, or revoke one first.")


def folded(code: str) -> str:
    """Reduce a code to what people agree on when they type it.

    Case, accents and punctuation do not count, nor does the team an office shares its house with, so
    `co-dakar`, `CO-Dakar` and `DWT/CO-Dakar` all find the same office. No two organisations share one.
    """
    plain = unicodedata.normalize("NFKD", code.strip()).casefold().removeprefix("dwt/")
    return re.sub(r"[\W_]", "", "".join(sign for sign in plain if not unicodedata.combining(sign)))


def label(role: Role, organisation: str) -> str:
    """Name a member account by its role and place, which is all that is known of whoever holds it."""
    if role is Role.OPERATOR:
        return "operator"
    return f"{role.value.replace('_', ' ')}, {organisation.removeprefix('DWT/')}"


def organisation_id(namespace: UUID, code: str) -> UUID:
    """Give an organisation the same id in every installation."""
    return uuid5(namespace, f"organisation:{code}")


def partner_id(namespace: UUID, code: str) -> UUID:
    """Give a partner's rights an id of their own: its organisation announces, they change in silence."""
    return uuid5(namespace, f"partner:{code}")


def member_id(namespace: UUID, role: Role, organisation: str) -> UUID:
    """Give a role account the same id in every installation."""
    return uuid5(namespace, f"member:{role.value}:{organisation}")


def unknown_countries(countries: Iterable[str], pointer: Callable[[int], str]) -> list[Finding]:
    """Name each code that is not a country's."""
    return [
        Finding(pointer(place), "unknown-country", MESSAGES["unknown-country"], {"value": country})
        for place, country in enumerate(countries)
        if not codes.known("countries", country)
    ]


def unknown_grants(grants: Sequence[str]) -> list[Finding]:
    """Name each granted type that no partner may send, with the one that was probably meant."""
    return [
        _unknown(
            f"/grants/{place}",
            "unknown-event-type",
            "%(value)s is not a partner event.",
            grant,
            PARTNER_EVENTS,
        )
        for place, grant in enumerate(grants)
        if grant not in PARTNER_EVENTS
    ]


def unknown_time_zone(time_zone: str, pointer: str = "/time_zone") -> list[Finding]:
    """Accept only zones of the IANA database."""
    zones = _time_zones()
    if time_zone in zones:
        return []
    message = "%(value)s is not an IANA time zone."
    return [_unknown(pointer, "unknown-time-zone", message, time_zone, zones)]


def unknown_organisation(pointer: str, code: str) -> Finding:
    """Say that a field names an organisation nobody registered."""
    return Finding(pointer, "unknown-organisation", "There is no organisation %(value)s.", {"value": code})


def misplaced_coordinator(role: Role, organisation: str) -> list[Finding]:
    """Accept coordinators at the coordinating unit alone: the role may place the tasks of every unit."""
    if role is not Role.COORDINATOR or organisation == COORDINATING_UNIT:
        return []
    message = "%(value)s has no coordinator: the network's coordinators stand at %(unit)s."
    params = {"value": organisation, "unit": COORDINATING_UNIT}
    return [Finding("/role", "misplaced-coordinator", message, params)]


def covered_twice(covers: Sequence[str], held: Mapping[str, str]) -> list[Finding]:
    """Name each country that another office has: a request must find one office, never two."""
    return [
        Finding(
            f"/covers/{place}",
            "country-covered",
            "%(value)s is covered by %(office)s.",
            {"value": country, "office": held[country]},
        )
        for place, country in enumerate(covers)
        if country in held
    ]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _unknown(pointer: str, code: str, message: str, value: str, known: Iterable[str]) -> Finding:
    nearest = get_close_matches(value, list(known), n=1, cutoff=0.5)
    if not nearest:
        return Finding(pointer, code, message, {"value": value})
    params = {"value": value, "suggestion": nearest[0]}
    return Finding(pointer, code, f"{message} Did you mean %(suggestion)s?", params)


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

    def live(self, now: datetime) -> bool:
        """Tell whether the key opens anything at this moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def opens(self, secret_sha256: str, now: datetime) -> bool:
        """Compare in constant time, so that an answer's delay tells nothing of the secret."""
        return hmac.compare_digest(self.secret_sha256.encode(), secret_sha256.encode()) and self.live(now)

    def use_is_news(self, now: datetime) -> bool:
        """Tell whether this use is worth a write."""
        return self.last_used_at is None or now - self.last_used_at >= LAST_USED_PRECISION
