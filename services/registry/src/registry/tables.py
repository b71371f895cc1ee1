"""Tables of the registry, and the queries worth a name."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database.engine import metadata
from chassis.database.tables import may_be_unpublished, outbox, published
from chassis.database.transaction import AggregateColumns
from contracts.event import EventId
from contracts.words import Language, MemberId, Named, OrganisationId, OrganisationKind, Role, Theme
from registry.domain.members import Member as MemberValue
from registry.domain.organisations import Organisation as OrganisationValue
from registry.domain.organisations import Region, folded
from registry.domain.partners import KeyState

Moment = sa.DateTime(timezone=True)

# A number of our own for PostgreSQL's advisory locks: "directory", in no other use in this database.
_DIRECTORY_LOCK = 0x5245_4749


class Base(DeclarativeBase):
    """Everything the registry stores."""

    metadata = metadata()


class Organisation(AggregateColumns, Base):
    """A unit, an office or a partner; found by `folded`; `edited_at` says that an operator shaped it."""

    __tablename__ = "organisations"

    code: Mapped[str] = mapped_column(sa.Text, unique=True)
    folded: Mapped[str] = mapped_column(sa.Text, unique=True)
    kind: Mapped[str] = mapped_column(sa.Text)
    names: Mapped[list[dict[str, str]]] = mapped_column(JSONB)
    parent: Mapped[str | None] = mapped_column(
        # Checked at commit, so that a directory may be written in any order.
        sa.ForeignKey("organisations.code", deferrable=True, initially="DEFERRED")
    )
    country: Mapped[str | None] = mapped_column(sa.Text)
    city: Mapped[str | None] = mapped_column(sa.Text)
    region: Mapped[str | None] = mapped_column(sa.Text)
    confirmed: Mapped[bool]
    registered_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)

    def value(self, covers: Iterable[str]) -> OrganisationValue:
        """Tell all that is known of the organisation."""
        return OrganisationValue(
            organisation_id=OrganisationId(self.id),
            code=self.code,
            kind=OrganisationKind(self.kind),
            names=tuple(Named.model_validate(name) for name in self.names),
            parent=self.parent,
            country=self.country,
            city=self.city,
            region=None if self.region is None else Region(self.region),
            covers=tuple(sorted(covers)),
            confirmed=self.confirmed,
        )

    def take(self, value: OrganisationValue, *, now: datetime) -> None:
        """Hold all of it but the code, which stays, and the coverage, which is stored apart."""
        self.kind = value.kind.value
        self.names = [name.model_dump() for name in value.names]
        self.parent = value.parent
        self.country = value.country
        self.city = value.city
        self.region = value.region
        self.confirmed = value.confirmed
        self.updated_at = now


class Coverage(Base):
    """Which office a country's requests go to: the key lets a country have one, never two."""

    __tablename__ = "coverages"

    country: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organisations.id"), index=True)


class Member(AggregateColumns, Base):
    """A role account at a unit or office; no person's name is stored anywhere."""

    __tablename__ = "members"

    organisation: Mapped[str] = mapped_column(sa.ForeignKey("organisations.code"), index=True)
    role: Mapped[str] = mapped_column(sa.Text)
    label: Mapped[str] = mapped_column(sa.Text)
    language: Mapped[str] = mapped_column(sa.Text)
    time_zone: Mapped[str] = mapped_column(sa.Text)
    themes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    joined_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    left_at: Mapped[datetime | None] = mapped_column(Moment)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)

    def value(self) -> MemberValue:
        """Tell all that is known of the account."""
        return MemberValue(
            member_id=MemberId(self.id),
            organisation=self.organisation,
            role=Role(self.role),
            label=self.label,
            language=Language(self.language),
            time_zone=self.time_zone,
            themes=tuple(Theme(theme) for theme in self.themes),
        )

    def take(self, value: MemberValue, *, now: datetime) -> None:
        """Hold all of it."""
        self.organisation = value.organisation
        self.role = value.role.value
        self.label = value.label
        self.language = value.language.value
        self.time_zone = value.time_zone
        self.themes = [theme.value for theme in value.themes]
        self.updated_at = now


class Partner(Base):
    """What a partner organisation may send; announced to nobody, so without a place in any order of changes."""

    __tablename__ = "partners"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organisations.id"), unique=True)
    language: Mapped[str] = mapped_column(sa.Text)
    grants: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class PartnerKey(Base):
    """An API key of a partner: the digest of its secret, never the secret."""

    __tablename__ = "partner_keys"

    key_id: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(sa.ForeignKey("partners.id"), index=True)
    secret_sha256: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)

    def state(self) -> KeyState:
        """Tell what decides whether the key opens."""
        return KeyState(
            self.secret_sha256, self.created_at, self.expires_at, self.revoked_at, self.last_used_at
        )


async def one_change_at_a_time(session: AsyncSession) -> None:
    """Wait until no other transaction changes the directory: changes are rare, and their checks span rows."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(_DIRECTORY_LOCK)))


async def organisation_by_code(session: AsyncSession, code: str) -> Organisation | None:
    """Find an organisation by its code, or by what people write for it."""
    return await session.scalar(sa.select(Organisation).where(Organisation.folded == folded(code)))


async def organisations(
    session: AsyncSession, *, kind: str | None = None, covers: str | None = None
) -> Sequence[Organisation]:
    """List organisations by code."""
    query = sa.select(Organisation).order_by(Organisation.code)
    if kind is not None:
        query = query.where(Organisation.kind == kind)
    if covers is not None:
        query = query.join(Coverage).where(Coverage.country == covers)
    return (await session.scalars(query)).all()


async def coverage_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, set[str]]:
    """Tell which countries each of these organisations covers."""
    found: dict[UUID, set[str]] = {identity: set() for identity in ids}
    rows = await session.execute(
        sa.select(Coverage.organisation_id, Coverage.country).where(Coverage.organisation_id.in_(found))
    )
    for organisation_id, country in rows:
        found[organisation_id].add(country)
    return found


async def replace_coverage(session: AsyncSession, covers: Mapping[UUID, Iterable[str]]) -> None:
    """Give each of these organisations these countries, and no other; a country may change hands."""
    await session.flush()
    await session.execute(sa.delete(Coverage).where(Coverage.organisation_id.in_(list(covers))))
    rows = [{"country": country, "organisation_id": key} for key, held in covers.items() for country in held]
    if rows:
        await session.execute(sa.insert(Coverage), rows)


async def covered_by_others(session: AsyncSession, countries: Iterable[str], *, than: UUID) -> dict[str, str]:
    """Tell which of these countries another organisation covers, and its code."""
    rows = await session.execute(
        sa.select(Coverage.country, Organisation.code)
        .join(Organisation)
        .where(Coverage.country.in_(list(countries)), Coverage.organisation_id != than)
    )
    return {row.country: row.code for row in rows}


async def members(
    session: AsyncSession, *, organisation: str | None = None, role: str | None = None
) -> Sequence[Member]:
    """List open member accounts, by organisation and role."""
    query = (
        sa.select(Member)
        .where(Member.left_at.is_(None))
        .order_by(Member.organisation, Member.role, Member.id)
    )
    if organisation is not None:
        query = query.where(Member.organisation == organisation)
    if role is not None:
        query = query.where(Member.role == role)
    return (await session.scalars(query)).all()


def _partners() -> sa.Select[Partner, Organisation]:
    return sa.select(Partner, Organisation).join(Organisation, Partner.organisation_id == Organisation.id)


async def partners(session: AsyncSession) -> Sequence[tuple[Partner, Organisation]]:
    """List partners with their organisations, by code."""
    return [
        (partner, found) for partner, found in await session.execute(_partners().order_by(Organisation.code))
    ]


async def partner_by_code(
    session: AsyncSession, code: str, *, lock: bool = False
) -> tuple[Partner, Organisation] | None:
    """Find a partner by its organisation's code; locked, so that its keys change one at a time."""
    query = _partners().where(Organisation.folded == folded(code))
    row = (await session.execute(query.with_for_update(of=Partner) if lock else query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def live_keys(
    session: AsyncSession, partner_ids: Iterable[UUID], *, now: datetime
) -> dict[UUID, list[PartnerKey]]:
    """List the keys that open something at this moment, the oldest first."""
    found: dict[UUID, list[PartnerKey]] = {identity: [] for identity in partner_ids}
    query = sa.select(PartnerKey).where(
        PartnerKey.partner_id.in_(found),
        PartnerKey.revoked_at.is_(None),
        PartnerKey.expires_at.is_(None) | (PartnerKey.expires_at > now),
    )
    for key in await session.scalars(query.order_by(PartnerKey.created_at, PartnerKey.key_id)):
        found[key.partner_id].append(key)
    return found


async def key_with_partner(
    session: AsyncSession, key_id: str
) -> tuple[PartnerKey, Partner, Organisation] | None:
    """Find a key, live or not, with whose it is."""
    query = (
        sa.select(PartnerKey, Partner, Organisation)
        .join(Partner, PartnerKey.partner_id == Partner.id)
        .join(Organisation, Partner.organisation_id == Organisation.id)
        .where(PartnerKey.key_id == key_id)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


async def note_use(session: AsyncSession, key_id: str, *, now: datetime, unless_since: datetime) -> None:
    """Record a key's use, unless another request has just done so."""
    await session.execute(
        sa.update(PartnerKey)
        .where(
            PartnerKey.key_id == key_id,
            PartnerKey.last_used_at.is_(None) | (PartnerKey.last_used_at <= unless_since),
        )
        .values(last_used_at=now)
    )


async def unpublished(session: AsyncSession) -> list[EventId]:
    """List announced events that the broker has not yet acknowledged, in order."""
    query = sa.select(outbox.c.event_id).where(may_be_unpublished, ~published).order_by(outbox.c.position)
    return [EventId(event_id) for event_id in await session.scalars(query)]
