"""Units, offices and partners as organisations."""

from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import Field

from chassis.http.dependencies import Reading, Tx
from chassis.http.requests import RequestBody
from contracts.registry import OrganisationFacts
from contracts.words import (
    CountryCode,
    LanguageTag,
    Named,
    OrganisationCode,
    OrganisationId,
    OrganisationKind,
)
from registry import tables
from registry.api.problems import OPERATOR, OPERATORS, Line, Reader
from registry.directory import UNTOLD, FocalPoint, packaged
from registry.domain.findings import RefusedError, unknown_countries
from registry.domain.organisations import NoSuchOrganisationError, Organisation, Region, organisation_id
from registry.workflows.organisations import put_organisation

router = APIRouter()


class NameBody(RequestBody):
    """A name in one language."""

    language: LanguageTag
    name: Line


class OrganisationBody(RequestBody):
    """The whole of a unit or office but its code, which the address has, and the id that follows from it."""

    kind: Literal[OrganisationKind.UNIT, OrganisationKind.OFFICE]
    names: tuple[NameBody, ...] = Field(min_length=1, max_length=20)
    parent: OrganisationCode | None = None
    country: CountryCode | None = None
    city: Line | None = None
    region: Region | None = None
    covers: tuple[CountryCode, ...] = Field(default=(), max_length=250)
    confirmed: bool = False
    focal_point: FocalPoint = UNTOLD
    """How the focal point of a new unit or office is spoken to; later, the member account says it."""

    def value(self, code: str) -> Organisation:
        """Tell what the organisation is to be."""
        return Organisation(
            organisation_id=OrganisationId(organisation_id(packaged().namespace, code)),
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


@router.get("/organisations")
async def organisations(
    caller: Reader,
    session: Reading,
    kind: OrganisationKind | None = None,
    covers: CountryCode | None = None,
) -> list[Organisation | OrganisationFacts]:
    """List organisations by code; `covers` finds the one office a country's requests go to."""
    if covers is not None and (findings := unknown_countries([covers], lambda _: "query:covers")):
        raise RefusedError(findings)
    found = await tables.organisations(session, kind=kind, covers=covers)
    countries = await tables.coverage_of(session, [row.id for row in found])
    return [_for(caller, row.value(countries[row.id])) for row in found]


@router.get("/organisations/{code:path}")
async def organisation(code: str, caller: Reader, session: Reading) -> Organisation | OrganisationFacts:
    """Find one organisation by its code, or by what people write for it: `CO-Dakar` for `DWT/CO-Dakar`."""
    row = await tables.organisation_by_code(session, code)
    if row is None:
        raise NoSuchOrganisationError(code)
    covers = (await tables.coverage_of(session, [row.id]))[row.id]
    return _for(caller, row.value(covers))


@router.put("/organisations/{code:path}", dependencies=[OPERATORS])
async def put(code: OrganisationCode, body: OrganisationBody, tx: Tx, response: Response) -> Organisation:
    """Register a unit or office, or update it; the same again changes nothing."""
    settled, new = await put_organisation(tx, body.value(code), focal_point=body.focal_point)
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return settled


def _for(caller: str, organisation: Organisation) -> Organisation | OrganisationFacts:
    """Answer operators all that is known, and everyone else what everyone is told."""
    return organisation if caller == OPERATOR else organisation.announced(OrganisationFacts)
