"""Publishing the action plan."""

from typing import Final
from uuid import UUID, uuid5

from chassis.database.transaction import Transaction
from contracts.coordination import PlanPublishedV1
from coordination.domain.plan import Plan
from coordination.tables import plan as tables

PLANS: Final = UUID("5f0c1f0e-6a0b-5d0e-9a53-2f5d3c1b7e10")
"""Namespace of plan ids: a plan has one id at every site."""


async def publish_plan(tx: Transaction, plan: Plan) -> int | None:
    """Make this content the newest version of the plan, once; None where some version already has it.

    An earlier content does not come back by itself: while old and new processes run side by side, the old one
    must not undo what the new one published.
    """
    row = await tables.lock_plan(
        tx.session, id=uuid5(PLANS, plan.tree.code), code=plan.tree.code, site=tx.site
    )
    content_hash = plan.content_hash()
    if await tables.has_version(tx.session, row.id, content_hash):
        return None
    row.version += 1
    await _store_version(tx, row, plan, content_hash)
    tx.announce(
        PlanPublishedV1(
            code=plan.tree.code,
            version=row.version,
            objectives=len(plan.tree.objectives),
            outputs=len(list(plan.outputs())),
            results=len(list(plan.results())),
        ),
        of=row,
    )
    return row.version


async def _store_version(tx: Transaction, row: tables.PlanRow, plan: Plan, content_hash: str) -> None:
    version = tables.PlanVersion(
        plan_id=row.id,
        version=row.version,
        content_hash=content_hash,
        published_at=tx.now,
        document=plan.model_dump(mode="json"),
    )
    tx.session.add(version)
    await tx.session.flush()
    tx.session.add_all(tables.rows_of(plan, plan_id=row.id, version=row.version))
