"""Register and update units and offices."""

from dataclasses import replace

from chassis.database.transaction import Transaction
from contracts.findings import Finding
from contracts.registry import OrganisationRegisteredV1, OrganisationUpdatedV1
from contracts.words import OrganisationId, OrganisationKind, Role
from registry import tables
from registry.directory import UNTOLD, FocalPoint, packaged
from registry.domain.findings import (
    RefusedError,
    unknown_countries,
    unknown_organisation,
    unknown_time_zone,
)
from registry.domain.organisations import KindIsFixedError, Organisation, covered_twice, folded
from registry.tables import (
    coverage_of,
    covered_by_others,
    one_change_at_a_time,
    organisation_by_code,
    replace_coverage,
)
from registry.workflows.members import put_member

_CIRCULAR = "%(code)s stands above %(parent)s already."


async def put_organisation(
    tx: Transaction, wanted: Organisation, *, focal_point: FocalPoint = UNTOLD
) -> tuple[Organisation, bool]:
    """Register the unit or office, or make it what is wanted; tells whether it is new.

    A new unit or office has its focal point's account from the start, so that no task goes where nobody is
    told of it; from then on the account is changed as every other. Sending the same again changes and
    announces nothing; what is no news to everyone is stored in silence.
    """
    await one_change_at_a_time(tx.session)
    row = await organisation_by_code(tx.session, wanted.code)
    if row is not None:
        # Found under another spelling, it keeps its own code and id: others refer to it by them.
        wanted = replace(wanted, code=row.code, organisation_id=OrganisationId(row.id))
        if (row.kind == OrganisationKind.PARTNER) != (wanted.kind is OrganisationKind.PARTNER):
            raise KindIsFixedError(row.code, OrganisationKind(row.kind))
    wanted = await _settled(tx, wanted, unknown_time_zone(focal_point.time_zone, "/focal_point/time_zone"))
    if row is None:
        row = entered(tx, wanted, edited=True)
        tx.announce(wanted.announced(OrganisationRegisteredV1), of=row)
        await replace_coverage(tx.session, {row.id: wanted.covers})
        if wanted.kind is not OrganisationKind.PARTNER:
            await put_member(tx, packaged().account(Role.FOCAL_POINT, wanted.code, focal_point))
        return wanted, True
    known = row.value((await coverage_of(tx.session, [row.id]))[row.id])
    if known != wanted:
        row.take(wanted, now=tx.now)
        row.edited_at = tx.now
        if wanted.is_news_after(known):
            tx.announce(wanted.announced(OrganisationUpdatedV1), of=row)
        await replace_coverage(tx.session, {row.id: wanted.covers})
    return wanted, False


def entered(tx: Transaction, wanted: Organisation, *, edited: bool = False) -> tables.Organisation:
    """Make the row of an organisation; to announce it and to store its coverage is the caller's."""
    row = tables.Organisation(
        id=wanted.organisation_id,
        home_site=tx.site,
        epoch=1,
        sequence=0,
        code=wanted.code,
        folded=folded(wanted.code),
        registered_at=tx.now,
        edited_at=tx.now if edited else None,
    )
    row.take(wanted, now=tx.now)
    tx.session.add(row)
    return row


async def _settled(tx: Transaction, wanted: Organisation, findings: list[Finding]) -> Organisation:
    """The same with the parent's own code and the countries in order, or all that is wrong with them."""
    findings = unknown_countries(wanted.covers, lambda place: f"/covers/{place}") + findings
    if wanted.country is not None:
        findings += unknown_countries([wanted.country], lambda _: "/country")
    held = await covered_by_others(tx.session, wanted.covers, than=wanted.organisation_id)
    findings += covered_twice(wanted.covers, held)
    parent = None if wanted.parent is None else await organisation_by_code(tx.session, wanted.parent)
    if wanted.parent is not None:
        findings += await _wrong_parent(tx, wanted, parent)
    if findings:
        raise RefusedError(findings)
    return replace(wanted, parent=parent and parent.code, covers=tuple(sorted(set(wanted.covers))))


async def _wrong_parent(
    tx: Transaction, wanted: Organisation, parent: tables.Organisation | None
) -> list[Finding]:
    if parent is None:
        return [unknown_organisation("/parent", wanted.parent or "")]
    above: tables.Organisation | None = parent
    while above is not None:
        if above.code == wanted.code:
            return [
                Finding("/parent", "circular-parent", _CIRCULAR, {"code": wanted.code, "parent": parent.code})
            ]
        above = None if above.parent is None else await organisation_by_code(tx.session, above.parent)
    return []
