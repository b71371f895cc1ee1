"""The packaged directory: units, offices and role accounts that every installation starts from."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal
from uuid import UUID

import yaml
from pydantic import BaseModel, ConfigDict

from contracts.words import (
    CountryCode,
    Labels,
    Language,
    MemberId,
    Named,
    OrganisationCode,
    OrganisationId,
    OrganisationKind,
    Role,
)
from registry.domain.members import Member, label, member_id
from registry.domain.organisations import Organisation, Region, folded, organisation_id


class _Row(BaseModel):
    # A misspelt key in reviewed data is a mistake, never something to pass over.
    model_config = ConfigDict(frozen=True, extra="forbid")


class FocalPoint(_Row):
    """Working language and time zone of a unit's or office's role account."""

    language: Language
    time_zone: str


UNTOLD = FocalPoint(language=Language.EN, time_zone="UTC")
"""How a focal point is spoken to before anyone has said how."""


class OrganisationRow(_Row):
    """A unit or office, and what its row rests on."""

    code: OrganisationCode
    kind: Literal[OrganisationKind.UNIT, OrganisationKind.OFFICE]
    names: Labels
    city: str
    country: CountryCode | None = None
    region: Region | None = None
    parent: OrganisationCode | None = None
    covers: tuple[CountryCode, ...] = ()
    focal_point: FocalPoint
    confirmed: bool
    basis: str


class AccountRow(FocalPoint):
    """A role account beside the focal points."""

    role: Role
    organisation: OrganisationCode


class Directory(_Row):
    """The whole file."""

    home: str
    namespace: UUID
    organisations: tuple[OrganisationRow, ...]
    accounts: tuple[AccountRow, ...]

    def every_organisation(self) -> list[Organisation]:
        """Every unit and office, each after all that stand below it.

        Whoever hears of them in this order knows all that cover a country once no named parent is missing.
        """
        return [
            Organisation(
                organisation_id=OrganisationId(organisation_id(self.namespace, row.code)),
                code=row.code,
                kind=row.kind,
                names=tuple(Named(language=tag, name=name) for tag, name in row.names),
                parent=row.parent,
                country=row.country,
                city=row.city,
                region=row.region,
                covers=tuple(sorted(row.covers)),
                confirmed=row.confirmed,
            )
            for row in sorted(self.organisations, key=self._levels_below)
        ]

    def _levels_below(self, row: OrganisationRow) -> int:
        below = [self._levels_below(each) for each in self.organisations if each.parent == row.code]
        return 1 + max(below) if below else 0

    def every_member(self) -> list[Member]:
        """A focal point for every unit and office, and the accounts beside them."""
        return [self.account(Role.FOCAL_POINT, row.code, row.focal_point) for row in self.organisations] + [
            self.account(row.role, row.organisation, row) for row in self.accounts
        ]

    def account(self, role: Role, organisation: str, settled: FocalPoint) -> Member:
        """The account of this role at this place, the same in every installation."""
        return Member(
            member_id=MemberId(member_id(self.namespace, role, organisation)),
            organisation=organisation,
            role=role,
            label=label(role, organisation),
            language=settled.language,
            time_zone=settled.time_zone,
        )

    def spelt_as(self, codes: Mapping[str, str]) -> "Directory":
        """The same directory, its organisations called by the codes they are stored under."""

        def stored(code: str | None) -> str | None:
            return codes.get(folded(code), code) if code else None

        return self.model_copy(
            update={
                "organisations": tuple(
                    row.model_copy(update={"code": stored(row.code), "parent": stored(row.parent)})
                    for row in self.organisations
                ),
                "accounts": tuple(
                    row.model_copy(update={"organisation": stored(row.organisation)}) for row in self.accounts
                ),
            }
        )


@cache
def packaged() -> Directory:
    """Read the file that comes with the service."""
    text = (files("registry") / "data" / "directory.yaml").read_text(encoding="utf-8")
    # By libyaml: the same in Python takes a fifth of a second of the start.
    return Directory.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))
