"""Finding the session of a cookie, and what changes in it while it lasts."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database.transaction import Transaction
from contracts.words import Language, MemberId
from gateway.sessions.domain import SEEN_STEP, Session, csrf_token_of, hashed, session_ends_at
from gateway.tables import StoredSession


async def session_for(
    session: AsyncSession, cookie_token: str, *, now: datetime
) -> tuple[Session, bool] | None:
    """Find the live session of a cookie, and whether it is time to note that it was seen."""
    stored = await session.scalar(
        sa.select(StoredSession).where(
            StoredSession.token_sha256 == hashed(cookie_token), StoredSession.expires_at > now
        )
    )
    if stored is None:
        return None
    return session_of(stored, cookie_token), now - stored.seen_at >= SEEN_STEP


async def sessions_standing(
    session: AsyncSession, session_ids: Collection[UUID], *, now: datetime
) -> set[UUID]:
    """Tell which of these sessions are live, all in one look. Looking does not prolong them."""
    live = sa.select(StoredSession.id).where(
        StoredSession.id.in_(session_ids), StoredSession.expires_at > now
    )
    return set(await session.scalars(live))


async def note_seen(tx: Transaction, session_id: UUID) -> None:
    """Put the idle limit off, never beyond the session's whole life."""
    stored = await tx.session.get(StoredSession, session_id, with_for_update=True)
    if stored is not None:
        stored.seen_at = tx.now
        stored.expires_at = session_ends_at(stored.created_at, tx.now)


async def set_language(tx: Transaction, session_id: UUID, language: Language) -> None:
    """Show this session's pages in another language from now on."""
    await tx.session.execute(
        sa.update(StoredSession).where(StoredSession.id == session_id).values(language=language)
    )


def session_of(stored: StoredSession, cookie_token: str) -> Session:
    """A stored session as the pages may know it."""
    return Session(
        id=stored.id,
        member_id=MemberId(stored.member_id),
        organisation=stored.organisation,
        role=stored.role,
        label=stored.label,
        language=stored.language,
        time_zone=stored.time_zone,
        csrf_token=csrf_token_of(cookie_token),
    )
