"""Letting members in by a link that works once, and ending their sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.transaction import Transaction
from chassis.ids import new_id
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId
from gateway.sessions.domain import Session, hashed, new_token, session_ends_at
from gateway.sessions.workflows import session_of
from gateway.sign_in.domain import LINK_LIFE, PendingLink
from gateway.tables import SignInLink, StoredSession


async def issue_link(tx: Transaction, member: MemberFacts, *, life: timedelta = LINK_LIFE) -> str:
    """Make a link's token for this member. It works once, until `life` is over, and is not stored itself."""
    token = new_token()
    tx.session.add(
        SignInLink(
            token_sha256=hashed(token),
            member_id=member.member_id,
            organisation=member.organisation,
            role=member.role,
            label=member.label,
            language=member.language,
            time_zone=member.time_zone,
            created_at=tx.now,
            expires_at=tx.now + life,
        )
    )
    return token


async def pending_link(session: AsyncSession, token: str, *, now: datetime) -> PendingLink | None:
    """Tell whom a link would let in, without using it up: mail scanners open links, too."""
    link = await session.get(SignInLink, hashed(token))
    if link is None or link.expires_at <= now:
        return None
    return PendingLink(
        member_id=MemberId(link.member_id),
        organisation=link.organisation,
        role=link.role,
        label=link.label,
        language=link.language,
        time_zone=link.time_zone,
        expires_at=link.expires_at,
    )


async def redeem_link(
    tx: Transaction, token: str, *, language: Language | None = None
) -> tuple[str, Session] | None:
    """Use a link up and begin a session: the cookie's value and the session, or nothing for a spent link.

    `language` is what the member chose before signing in; without it the registry's word for them holds.
    """
    # The row goes in the statement that finds it: of two browsers with one link, one gets in.
    link = await tx.session.scalar(
        sa.delete(SignInLink)
        .where(SignInLink.token_sha256 == hashed(token), SignInLink.expires_at > tx.now)
        .returning(SignInLink)
    )
    if link is None:
        return None
    await _forget_what_expired(tx)
    cookie_token = new_token()
    stored = StoredSession(
        id=new_id(),
        token_sha256=hashed(cookie_token),
        member_id=link.member_id,
        organisation=link.organisation,
        role=link.role,
        label=link.label,
        language=language or link.language,
        time_zone=link.time_zone,
        created_at=tx.now,
        seen_at=tx.now,
        expires_at=session_ends_at(tx.now, tx.now),
    )
    tx.session.add(stored)
    return cookie_token, session_of(stored, cookie_token)


async def sign_out(tx: Transaction, session_id: UUID) -> None:
    """End a session: its cookie opens nothing any more."""
    await tx.session.execute(sa.delete(StoredSession).where(StoredSession.id == session_id))


async def end_sessions_of(tx: Transaction, members: Sequence[MemberId]) -> None:
    """End every session and link of members who left the network."""
    for table in (StoredSession, SignInLink):
        await tx.session.execute(sa.delete(table).where(table.member_id.in_(members)))


async def end_changed_sessions(tx: Transaction, members: Sequence[MemberFacts]) -> None:
    """End the sessions and links of members who now have another role or unit: they sign in as that."""
    if not members:
        return
    for table in (StoredSession, SignInLink):
        await tx.session.execute(
            sa.delete(table).where(
                sa.or_(
                    *(
                        sa.and_(
                            table.member_id == member.member_id,
                            sa.or_(table.role != member.role, table.organisation != member.organisation),
                        )
                        for member in members
                    )
                )
            )
        )


async def _forget_what_expired(tx: Transaction) -> None:
    """Links and sessions that are over go when somebody signs in; nothing else needs them gone sooner."""
    for table in (StoredSession, SignInLink):
        await tx.session.execute(sa.delete(table).where(table.expires_at <= tx.now))
