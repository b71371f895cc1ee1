"""Bring the packaged directory into the database, as often as the service starts."""

from dataclasses import replace

import sqlalchemy as sa

from chassis.database.transaction import Transaction
from contracts.event import EventId
from contracts.registry import (
    MemberJoinedV1,
    MemberUpdatedV1,
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
)
from contracts.words import OrganisationId, OrganisationKind
from registry import tables
from registry.directory import Directory
from registry.domain.members import Member
from registry.domain.organisations import Organisation, folded
from registry.tables import (
    Coverage,
    coverage_of,
    one_change_at_a_time,
    replace_coverage,
)
from registry.workflows.members import entered as member_entered
from registry.workflows.organisations import entered as organisation_entered


async def load_directory(tx: Transaction, directory: Directory) -> list[EventId]:
    """Enter what is new in the file, correct what it changed, and return what was announced of it.

    What an operator has edited stays as edited. A site that is not the directory's home has it by
    announcement, and loads nothing.
    """
    if tx.site != directory.home:
        return []
    await one_change_at_a_time(tx.session)
    stored = await _stored(tx, directory)
    # An operator may have registered an office before the file had it: it keeps its own code and id.
    directory = directory.spelt_as({name: row.code for name, row in stored.items()})
    announced = await _load_organisations(tx, directory.every_organisation(), stored)
    await tx.session.flush()
    partners = {row.code for row in stored.values() if row.kind == OrganisationKind.PARTNER}
    members = [member for member in directory.every_member() if member.organisation not in partners]
    return announced + await _load_members(tx, members)


async def _stored(tx: Transaction, directory: Directory) -> dict[str, tables.Organisation]:
    """What is stored of the file's organisations, by what people write for their codes."""
    names = [folded(row.code) for row in directory.organisations]
    rows = await tx.session.scalars(
        sa.select(tables.Organisation).where(tables.Organisation.folded.in_(names))
    )
    return {row.folded: row for row in rows}


async def _load_organisations(
    tx: Transaction, every: list[Organisation], stored: dict[str, tables.Organisation]
) -> list[EventId]:
    covers = await coverage_of(tx.session, [row.id for row in stored.values()])
    kept = await _kept_countries(tx, stored)
    announced: list[EventId] = []
    changed: dict[tables.Organisation, Organisation] = {}
    for one in every:
        wanted = replace(one, covers=tuple(country for country in one.covers if country not in kept))
        row = stored.get(folded(one.code))
        if row is None:
            row = organisation_entered(tx, wanted)
            announced.append(tx.announce(wanted.announced(OrganisationRegisteredV1), of=row))
            changed[row] = wanted
            continue
        wanted = replace(wanted, organisation_id=OrganisationId(row.id))
        known = row.value(covers[row.id])
        if row.edited_at is None and known != wanted:
            row.take(wanted, now=tx.now)
            changed[row] = wanted
            if wanted.is_news_after(known):
                announced.append(tx.announce(wanted.announced(OrganisationUpdatedV1), of=row))
    await replace_coverage(tx.session, {row.id: wanted.covers for row, wanted in changed.items()})
    return announced


async def _kept_countries(tx: Transaction, stored: dict[str, tables.Organisation]) -> set[str]:
    """Countries that stay where an operator put them, whatever office the file gives them to."""
    loadable = [row.id for row in stored.values() if row.edited_at is None]
    query = sa.select(Coverage.country).where(Coverage.organisation_id.not_in(loadable))
    return set(await tx.session.scalars(query))


async def _load_members(tx: Transaction, every: list[Member]) -> list[EventId]:
    query = sa.select(tables.Member).where(tables.Member.id.in_([member.member_id for member in every]))
    stored = {row.id: row for row in await tx.session.scalars(query)}
    announced: list[EventId] = []
    for wanted in every:
        row = stored.get(wanted.member_id)
        if row is None:
            row = member_entered(tx, wanted)
            announced.append(tx.announce(wanted.announced(MemberJoinedV1), of=row))
        elif row.edited_at is None and (known := row.value()) != wanted:
            row.take(wanted, now=tx.now)
            if wanted.is_news_after(known):
                announced.append(tx.announce(wanted.announced(MemberUpdatedV1), of=row))
    return announced
