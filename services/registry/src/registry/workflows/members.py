"""Open, change and close member accounts."""

from dataclasses import replace
from uuid import UUID

from chassis.database.transaction import Transaction
from contracts.findings import Finding
from contracts.registry import MemberJoinedV1, MemberLeftV1, MemberUpdatedV1
from contracts.words import OrganisationKind
from registry import tables
from registry.domain.findings import RefusedError, unknown_organisation, unknown_time_zone
from registry.domain.members import Member, NoSuchMemberError, label, misplaced_coordinator
from registry.tables import one_change_at_a_time, organisation_by_code

_NOT_A_UNIT = "%(value)s is a partner; members belong to units and offices."


async def put_member(tx: Transaction, wanted: Member) -> tuple[Member, bool]:
    """Open the account, or make it what is wanted; tells whether it is new.

    Sending the same again changes and announces nothing; what is no news to everyone is stored in silence; an
    account that was closed opens anew.
    """
    await one_change_at_a_time(tx.session)
    wanted = await _settled(tx, wanted)
    row = await tx.session.get(tables.Member, wanted.member_id)
    if row is None:
        row = entered(tx, wanted)
    elif row.left_at is None:
        known = row.value()
        if known != wanted:
            row.take(wanted, now=tx.now)
            row.edited_at = tx.now
            if wanted.is_news_after(known):
                tx.announce(wanted.announced(MemberUpdatedV1), of=row)
        return wanted, False
    else:
        row.take(wanted, now=tx.now)
        row.joined_at, row.left_at = tx.now, None
    row.edited_at = tx.now
    tx.announce(wanted.announced(MemberJoinedV1), of=row)
    return wanted, True


async def close_member(tx: Transaction, member_id: UUID) -> None:
    """Close the account: it is told nothing any more and may do nothing."""
    await one_change_at_a_time(tx.session)
    row = await tx.session.get(tables.Member, member_id)
    if row is None or row.left_at is not None:
        raise NoSuchMemberError(member_id)
    row.left_at = row.updated_at = row.edited_at = tx.now
    tx.announce(row.value().announced(MemberLeftV1), of=row)


def entered(tx: Transaction, wanted: Member) -> tables.Member:
    """Make the row of an account; announcing it is the caller's."""
    row = tables.Member(id=wanted.member_id, home_site=tx.site, epoch=1, sequence=0, joined_at=tx.now)
    row.take(wanted, now=tx.now)
    tx.session.add(row)
    return row


async def _settled(tx: Transaction, wanted: Member) -> Member:
    """The same with the organisation's own code and the label that follows from it, or a refusal."""
    findings = unknown_time_zone(wanted.time_zone)
    organisation = await organisation_by_code(tx.session, wanted.organisation)
    if organisation is None:
        findings.append(unknown_organisation("/organisation", wanted.organisation))
    elif organisation.kind == OrganisationKind.PARTNER:
        findings.append(Finding("/organisation", "not-a-unit", _NOT_A_UNIT, {"value": organisation.code}))
    else:
        findings += misplaced_coordinator(wanted.role, organisation.code)
    if findings or organisation is None:
        raise RefusedError(findings)
    return replace(
        wanted,
        organisation=organisation.code,
        label=label(wanted.role, organisation.code),
        themes=tuple(sorted(set(wanted.themes))),
    )
