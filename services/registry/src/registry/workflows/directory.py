"""Bring the packaged directory into the database, as often as the service starts."""

from uuid import UUID

import sqlalchemy as sa

from chassis.transaction import Transaction
from contracts.event import EventId
from contracts.registry import (
    MemberFacts,
    MemberJoinedV1,
    MemberUpdatedV1,
    OrganisationFacts,
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
)
from registry.directory import Directory
from registry.tables import (
    Coverage,
    Member,
    Organisation,
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
    announced = await _load_organisations(tx, directory.organisation_facts())
    await tx.session.flush()
    return announced + await _load_members(tx, directory.member_facts())


async def _load_organisations(tx: Transaction, wanted: list[OrganisationFacts]) -> list[EventId]:
    query = sa.select(Organisation).where(Organisation.id.in_([facts.organisation_id for facts in wanted]))
    stored = {row.id: row for row in await tx.session.scalars(query)}
    covers = await coverage_of(tx.session, stored)
    kept = await _kept_countries(tx, wanted, stored)
    announced: list[EventId] = []
    changed: dict[Organisation, OrganisationFacts] = {}
    for row_facts in wanted:
        facts = row_facts.model_copy(update={"covers": tuple(c for c in row_facts.covers if c not in kept)})
        row = stored.get(facts.organisation_id)
        if row is None:
            row = organisation_entered(tx, facts)
            announced.append(tx.announce(OrganisationRegisteredV1(**dict(facts)), of=row))
        elif row.edited_at is None and row.facts(covers[row.id]) != facts:
            row.take(facts, now=tx.now)
            announced.append(tx.announce(OrganisationUpdatedV1(**dict(facts)), of=row))
        else:
            continue
        changed[row] = facts
    await replace_coverage(tx.session, {row.id: facts.covers for row, facts in changed.items()})
    return announced


async def _kept_countries(
    tx: Transaction, wanted: list[OrganisationFacts], stored: dict[UUID, Organisation]
) -> set[str]:
    """Countries that stay where an operator put them, whatever office the file gives them to."""
    loadable = [facts.organisation_id for facts in wanted if _is_loadable(stored.get(facts.organisation_id))]
    query = sa.select(Coverage.country).where(Coverage.organisation_id.not_in(loadable))
    return set(await tx.session.scalars(query))


def _is_loadable(row: Organisation | None) -> bool:
    return row is None or row.edited_at is None


async def _load_members(tx: Transaction, wanted: list[MemberFacts]) -> list[EventId]:
    query = sa.select(Member).where(Member.id.in_([facts.member_id for facts in wanted]))
    stored = {row.id: row for row in await tx.session.scalars(query)}
    announced: list[EventId] = []
    for facts in wanted:
        row = stored.get(facts.member_id)
        if row is None:
            row = member_entered(tx, facts)
            announced.append(tx.announce(MemberJoinedV1(**dict(facts)), of=row))
        elif row.edited_at is None and row.facts() != facts:
            row.take(facts, now=tx.now)
            announced.append(tx.announce(MemberUpdatedV1(**dict(facts)), of=row))
    return announced
