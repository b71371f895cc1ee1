"""Organisations: what the registry knows of one, what everyone is told of it, and what it may cover."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from uuid import UUID, uuid5

from contracts.findings import Finding
from contracts.registry import OrganisationFacts
from contracts.words import CountryCode, Named, OrganisationCode, OrganisationId, OrganisationKind
from registry.domain.announcing import announced

F = TypeVar("F", bound=OrganisationFacts)


class Region(StrEnum):
    """The five regions of the field structure."""

    AFRICA = "africa"
    AMERICAS = "americas"
    ARAB_STATES = "arab_states"
    ASIA_AND_THE_PACIFIC = "asia_and_the_pacific"
    EUROPE_AND_CENTRAL_ASIA = "europe_and_central_asia"


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """A unit, an office or a partner, as the registry knows it.

    A field that `contracts.registry.OrganisationFacts` does not name is private: stored, and answered to operators.
    """

    organisation_id: OrganisationId
    code: OrganisationCode
    kind: OrganisationKind
    names: tuple[Named, ...]
    parent: OrganisationCode | None = None
    country: CountryCode | None = None
    city: str | None = None
    region: Region | None = None
    covers: tuple[CountryCode, ...] = ()
    confirmed: bool

    def announced(self, event: type[F]) -> F:
        """Tell everyone what they may know of the organisation."""
        return announced(self, event)

    def is_news_after(self, before: "Organisation") -> bool:
        """Tell whether everyone would hear of a change: what only the registry knows is no news."""
        return self.announced(OrganisationFacts) != before.announced(OrganisationFacts)


class NoSuchOrganisationError(LookupError):
    """No organisation has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no organisation with the code {code}.")


class KindIsFixedError(ValueError):
    """A unit or office does not turn into a partner, nor the other way round."""

    def __init__(self, code: str, kind: OrganisationKind) -> None:
        super().__init__(
            f"{code} is in the registry as {kind.value}; units, offices and partners do not change sides."
        )


def folded(code: str) -> str:
    """Reduce a code to what people agree on when they type it.

    Case, accents and punctuation do not count, nor does the team an office shares its house with, so
    `co-dakar`, `CO-Dakar` and `DWT/CO-Dakar` all find the same office. No two organisations share one.
    """
    plain = unicodedata.normalize("NFKD", code.strip()).casefold().removeprefix("dwt/")
    return re.sub(r"[\W_]", "", "".join(sign for sign in plain if not unicodedata.combining(sign)))


def organisation_id(namespace: UUID, code: str) -> UUID:
    """Give an organisation the same id in every installation."""
    return uuid5(namespace, f"organisation:{code}")


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
