"""Member accounts: roles at units and offices."""

from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import Field

from chassis.http.dependencies import Reading, Tx
from chassis.http.requests import RequestBody
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId, OrganisationCode, Role, Theme
from registry import tables
from registry.api.problems import OPERATOR, OPERATORS, Line, Reader
from registry.domain.members import Member, NoSuchMemberError, label
from registry.domain.organisations import NoSuchOrganisationError
from registry.workflows.members import close_member, put_member

router = APIRouter()


class MemberBody(RequestBody):
    """The whole of an account but its id; the label follows from the rest, never from a person's name."""

    organisation: OrganisationCode
    role: Role
    language: Language
    time_zone: Line
    themes: tuple[Theme, ...] = Field(default=(), max_length=len(Theme))


@router.get("/members")
async def members(
    caller: Reader, session: Reading, organisation: str | None = None, role: Role | None = None
) -> list[Member | MemberFacts]:
    """List open accounts, of one organisation or role, or all."""
    code = None
    if organisation is not None:
        row = await tables.organisation_by_code(session, organisation)
        if row is None:
            raise NoSuchOrganisationError(organisation)
        code = row.code
    found = await tables.members(session, organisation=code, role=role)
    return [_for(caller, row.value()) for row in found]


@router.get("/members/{member_id}")
async def member(member_id: UUID, caller: Reader, session: Reading) -> Member | MemberFacts:
    """Find one open account."""
    row = await session.get(tables.Member, member_id)
    if row is None or row.left_at is not None:
        raise NoSuchMemberError(member_id)
    return _for(caller, row.value())


@router.put("/members/{member_id}", dependencies=[OPERATORS])
async def put(member_id: UUID, body: MemberBody, tx: Tx, response: Response) -> Member:
    """Open an account, or update it; the same again changes nothing."""
    wanted = Member(member_id=MemberId(member_id), label=label(body.role, body.organisation), **dict(body))
    settled, new = await put_member(tx, wanted)
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    return settled


@router.delete("/members/{member_id}", dependencies=[OPERATORS], status_code=status.HTTP_204_NO_CONTENT)
async def close(member_id: UUID, tx: Tx) -> None:
    """Close an account."""
    await close_member(tx, member_id)


def _for(caller: str, member: Member) -> Member | MemberFacts:
    """Answer operators all that is known, and everyone else what everyone is told."""
    return member if caller == OPERATOR else member.announced(MemberFacts)
