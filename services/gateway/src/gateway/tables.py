"""What the gateway keeps: the events it took, the steps they went through, sign-in links and sessions."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database.engine import metadata as named_metadata
from chassis.database.transaction import AggregateColumns
from contracts.words import Language, Role


def _values(codes: Iterable[StrEnum]) -> list[str]:
    return [code.value for code in codes]


# Codes as plain text: a new one in the contracts needs no migration here.
_AS_TEXT: dict[str, Any] = {
    "native_enum": False,
    "create_constraint": False,
    "length": None,
    "values_callable": _values,
}


class Base(DeclarativeBase):
    """The gateway's own tables."""

    metadata = named_metadata()
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: sa.DateTime(timezone=True),
        str: sa.Text(),
        dict[str, Any]: JSONB(),
        Role: sa.Enum(Role, **_AS_TEXT),
        Language: sa.Enum(Language, **_AS_TEXT),
    }


class ReceivedEvent(AggregateColumns, Base):
    """An event that a partner sent: its `id` and `source` as sent, and the `event_id` it travels under."""

    __tablename__ = "received_events"

    event_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True))
    """The order in which events were taken; it is numbered before the commit, so a lower one may be seen later."""
    partner: Mapped[str]
    source: Mapped[str]
    sent_id: Mapped[str]
    type: Mapped[str]
    content_sha256: Mapped[str]
    received_at: Mapped[datetime]
    trace_id: Mapped[str | None]

    __table_args__ = (
        sa.UniqueConstraint("partner", "source", "sent_id"),
        sa.UniqueConstraint("event_id"),
        sa.Index("ix_received_events_partner_position", "partner", "position"),
        sa.Index("ix_received_events_partner_sent_id", "partner", "sent_id"),
        # Rows lie in the order of their time, which is all a BRIN index needs, at next to no cost per row.
        sa.Index("ix_received_events_received_at", "received_at", postgresql_using="brin"),
    )


class EventStep(Base):
    """One thing that happened to a partner's event further on. `id` is that of the event that told us."""

    __tablename__ = "event_steps"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(sa.ForeignKey(ReceivedEvent.event_id, ondelete="CASCADE"))
    name: Mapped[str]
    at: Mapped[datetime]
    epoch: Mapped[int] = mapped_column(sa.BigInteger)
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    task_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]]

    __table_args__ = (sa.Index("ix_event_steps_event_id_at", "event_id", "at"),)


class MemberColumns:
    """A member as the registry knew them when the link was made."""

    member_id: Mapped[UUID] = mapped_column(index=True)
    organisation: Mapped[str]
    role: Mapped[Role]
    label: Mapped[str]
    language: Mapped[Language]
    time_zone: Mapped[str]


class SignInLink(MemberColumns, Base):
    """A link that lets one member in once. Of its token only the SHA-256 is kept."""

    __tablename__ = "sign_in_links"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class StoredSession(MemberColumns, Base):
    """A signed-in browser. Of its cookie only the SHA-256 is kept."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
