"""What the operator's tools ask of the gateway: sign-in links for members."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel

from chassis.field_errors import FieldError
from chassis.http.access import allow
from chassis.http.dependencies import Tx
from chassis.http.problems import Problem
from chassis.http.requests import RequestBody
from contracts.registry import MemberFacts
from contracts.words import OrganisationCode, Role
from gateway.clients import Registry, RegistryClient
from gateway.sessions import SIGN_IN_PATH
from gateway.sign_in.workflows import issue_link

router = APIRouter(prefix="/internal")


class LinkWanted(RequestBody):
    """For which role account a link is wanted."""

    role: Role
    organisation: OrganisationCode | None = None


class IssuedLink(BaseModel):
    """A fresh sign-in link; this answer is the only place where it is ever written out."""

    url: str
    label: str
    organisation: OrganisationCode
    expires_at: datetime


def link_url(public_url: str, token: str) -> str:
    """Write the address of a sign-in link."""
    return f"{public_url.rstrip('/')}{SIGN_IN_PATH}/{token}"


@router.post("/sign-in-links", status_code=201, dependencies=[allow("operator")])
async def issue_sign_in_link(request: Request, wanted: LinkWanted, registry: Registry, tx: Tx) -> IssuedLink:
    """Make a link that lets the holder in once, as this role account."""
    member = await _member(registry, wanted)
    life: timedelta = request.app.state.link_life
    token = await issue_link(tx, member, life=life)
    return IssuedLink(
        url=link_url(request.app.state.public_url, token),
        label=member.label,
        organisation=member.organisation,
        expires_at=tx.now + life,
    )


async def _member(registry: RegistryClient, wanted: LinkWanted) -> MemberFacts:
    members = await registry.members(organisation=wanted.organisation, role=wanted.role)
    if not members:
        raise Problem(404, "no-such-member", "The registry has no member with this role there.")
    if len(members) > 1 and wanted.organisation is None:
        some = ", ".join(sorted(member.organisation for member in members)[:5])
        raise Problem(
            422,
            "organisation-needed",
            "Several organisations have a member with this role. Name one.",
            errors=[
                FieldError("/organisation", "missing", "There are, among others: %(some)s.", {"some": some})
            ],
        )
    return members[0]
