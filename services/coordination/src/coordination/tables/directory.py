"""Coordination's own copy of the directory, as far as tasks need it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from contracts.words import MemberId, OrganisationKind, Role
from coordination.domain.tasks import Member
from coordination.tables.base import Base


class _Mirrored:
    """A copy of the registry's: the newest (epoch, sequence) wins, in whatever order events come."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)


class OrganisationRow(_Mirrored, Base):
    __tablename__ = "organisations"

    code: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    names: Mapped[list[Any]]
    covers: Mapped[list[str]]
    confirmed: Mapped[bool]
    parent: Mapped[str | None]


class MemberRow(_Mirrored, Base):
    """A member account. One that left keeps its row, so that an older event cannot bring it back."""

    __tablename__ = "members"

    organisation: Mapped[str]
    role: Mapped[str]
    label: Mapped[str]
    is_gone: Mapped[bool]


# A statement and no query of the session's: it runs for every batch of partners' events.
_OFFICES = sa.text("""
SELECT code, covers, parent IS NULL OR EXISTS (SELECT FROM organisations AS above WHERE above.code = office.parent)
FROM organisations AS office WHERE kind = :kind
""")


async def offices(session: AsyncSession) -> Sequence[tuple[str, Sequence[str]]] | None:
    """Give every office with the countries it covers, or None while the directory is still arriving.

    The registry announces a parent after everything below it: once each parent that an office names is there,
    so are all offices of the first directory.
    """
    found = (await session.execute(_OFFICES, {"kind": OrganisationKind.OFFICE})).all()
    complete = found and all(has_its_parent for *_, has_its_parent in found)
    return [(code, covers) for code, covers, _ in found] if complete else None


async def assignable(session: AsyncSession, codes: Sequence[str]) -> set[str]:
    """Say which of these codes are units or offices of the Office, and so can be given a task."""
    query = sa.select(OrganisationRow.code).where(
        OrganisationRow.code.in_(codes),
        OrganisationRow.kind.in_([OrganisationKind.UNIT, OrganisationKind.OFFICE]),
    )
    return set((await session.scalars(query)).all())


async def member(session: AsyncSession, member_id: MemberId | None) -> Member | None:
    """Give the member account, or None where there is none or it was closed."""
    row = await session.get(MemberRow, member_id) if member_id else None
    if row is None or row.is_gone:
        return None
    return Member(MemberId(row.id), row.organisation, Role(row.role), row.label)
