"""Units, offices and partners as organisations."""

from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import Field

from chassis.http.problems import Reading, Tx
from contracts.registry import OrganisationFacts
from contracts.words import (
    CountryCode,
    LanguageTag,
    Named,
    OrganisationCode,
    OrganisationId,
    OrganisationKind,
)
from registry import domain, tables
from registry.api.problems import OPERATORS, READERS, Body, Line
from registry.directory import UNTOLD, FocalPoint, packaged
from registry.workflows.organisations import put_organisation

router = APIRouter()


class NameBody(Body):
    """A name in one language."""

    language: LanguageTag
    name: Line


class OrganisationBody(Body):
    """The whole of a unit or office but its code, which the address has, and the id that follows from it."""

    kind: Literal[OrganisationKind.UNIT, OrganisationKind.OFFICE]
    names: tuple[NameBody, ...] = Field(min_length=1, max_length=20)
    parent: OrganisationCode | None = None
    country: CountryCode | None = None
    city: Line | None = None
    region: domain.Region | None = None
    covers: tuple[CountryCode, ...] = Field(default=(), max_length=250)
    confirmed: bool = False
    focal_point: FocalPoint = UNTOLD
    """How the focal point of a new unit or office is spoken to; later, the member account says it."""

    def facts(self, code: str) -> OrganisationFacts:
        """Tell what the organisation is to be."""
        return OrganisationFacts(
            organisation_id=OrganisationId(domain.organisation_id(packaged().namespace, code)),
            code=code,
            kind=self.kind,
            names=tuple(Named(language=each.language, name=each.name) for each in self.names),
            parent=self.parent,
            country=self.country,
            city=self.city,
            region=self.region,
            covers=self.covers,
            confirmed=self.confirmed,
        )


@router.get("/organisations", dependencies=[READERS])
async def organisations(
    session: Reading, kind: OrganisationKind | None = None, covers: CountryCode | None = None
) -> list[OrganisationFacts]:
    """List organisations by code; `covers` finds the one office a country's requests go to."""
    if covers is not None and (findings := domain.unknown_countries([covers], lambda _: "query:covers")):
        raise domain.RefusedError(findings)
    found = await tables.organisations(session, kind=kind, covers=covers)
    countries = await tables.coverage_of(session, [row.id for row in found])
    return [row.facts(countries[row.id]) for row in found]


@router.get("/organisations/{code:path}", dependencies=[READERS])
async def organisation(code: str, session: Reading) -> OrganisationFacts:
    """Find one organisation by its code, or by what people write for it: `CO-Dakar` for `DWT/CO-Dakar`."""
    row = await tables.organisation_by_code(session, code)
    if row is None:
        raise domain.NoSuchOrganisationError(code)
    return row.facts((await tables.coverage_of(session, [row.id]))[row.id])


@router.put("/organisations/{code:path}", dependencies=[OPERATORS])
async def put(
    code: OrganisationCode, body: OrganisationBody, tx: Tx, response: Response
) -> OrganisationFacts:
    """Register a unit or office, or update it; the same again changes nothing."""
    facts, new = await put_organisation(tx, body.facts(code), focal_point=body.focal_point)
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return facts
