"""Keeping coordination's own copy of the directory."""

from collections.abc import Sequence

from chassis.database.transaction import Transaction
from chassis.messages import Received
from chassis.projections.upsert import keep_newest
from contracts.registry import MemberFacts, MemberLeftV1, OrganisationFacts
from coordination.tables.directory import MemberRow, OrganisationRow


async def mirror_organisations(tx: Transaction, received: Sequence[Received[OrganisationFacts]]) -> None:
    """Keep the newest of what the registry says of each organisation."""
    await keep_newest(
        tx.session,
        OrganisationRow,
        [
            {
                "id": one.event.organisation_id,
                "code": one.event.code,
                "kind": one.event.kind,
                "names": [name.model_dump() for name in one.event.names],
                "covers": list(one.event.covers),
                "confirmed": one.event.confirmed,
                "parent": one.event.parent,
                "epoch": one.envelope.epoch,
                "sequence": one.envelope.sequence,
            }
            for one in received
        ],
    )


async def mirror_members(tx: Transaction, received: Sequence[Received[MemberFacts]]) -> None:
    """Keep the newest of what the registry says of each member account."""
    await keep_newest(
        tx.session,
        MemberRow,
        [
            {
                "id": one.event.member_id,
                "organisation": one.event.organisation,
                "role": one.event.role,
                "label": one.event.label,
                "is_gone": isinstance(one.event, MemberLeftV1),
                "epoch": one.envelope.epoch,
                "sequence": one.envelope.sequence,
            }
            for one in received
        ],
    )
