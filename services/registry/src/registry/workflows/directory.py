"""Bring the packaged directory into the database, as often as the service starts."""

import sqlalchemy as sa

from chassis.database.transaction import Transaction
from contracts.event import EventId
from contracts.registry import (
    MemberFacts,
    MemberJoinedV1,
    MemberUpdatedV1,
    OrganisationFacts,
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
)
from contracts.words import OrganisationKind
from registry.directory import Directory
from registry.domain import folded
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
    stored = await _stored(tx, directory)
    # An operator may have registered an office before the file had it: it keeps its own code and id.
    directory = directory.spelt_as({name: row.code for name, row in stored.items()})
    announced = await _load_organisations(tx, directory.organisation_facts(), stored)
    await tx.session.flush()
    partners = {row.code for row in stored.values() if row.kind == OrganisationKind.PARTNER}
    members = [facts for facts in directory.member_facts() if facts.organisation not in partners]
    return announced + await _load_members(tx, members)


async def _stored(tx: Transaction, directory: Directory) -> dict[str, Organisation]:
    """What is stored of the file's organisations, by what people write for their codes."""
    names = [folded(row.code) for row in directory.organisations]
    rows = await tx.session.scalars(sa.select(Organisation).where(Organisation.folded.in_(names)))
    return {row.folded: row for row in rows}


async def _load_organisations(
    tx: Transaction, wanted: list[OrganisationFacts], stored: dict[str, Organisation]
) -> list[EventId]:
    covers = await coverage_of(tx.session, [row.id for row in stored.values()])
    kept = await _kept_countries(tx, stored)
    announced: list[EventId] = []
    changed: dict[Organisation, OrganisationFacts] = {}
    for row_facts in wanted:
        facts = row_facts.model_copy(update={"covers": tuple(c for c in row_facts.covers if c not in kept)})
        row = stored.get(folded(facts.code))
        if row is not None:
            facts = facts.model_copy(update={"organisation_id": row.id})
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


async def _kept_countries(tx: Transaction, stored: dict[str, Organisation]) -> set[str]:
    """Countries that stay where an operator put them, whatever office the file gives them to."""
    loadable = [row.id for row in stored.values() if row.edited_at is None]
    query = sa.select(Coverage.country).where(Coverage.organisation_id.not_in(loadable))
    return set(await tx.session.scalars(query))


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
