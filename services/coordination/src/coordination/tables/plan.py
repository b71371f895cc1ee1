"""The action plan, version by version."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database.transaction import AggregateColumns
from coordination.domain.plan import Plan
from coordination.tables.base import Base


class PlanRow(AggregateColumns, Base):
    """An action plan, at its newest version; versions come and never go."""

    __tablename__ = "plans"

    code: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int]


class PlanVersion(Base):
    """One version of a plan, with the whole reviewed document it was published from."""

    __tablename__ = "plan_versions"
    __table_args__ = (sa.UniqueConstraint("plan_id", "content_hash"),)

    plan_id: Mapped[UUID] = mapped_column(sa.ForeignKey("plans.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[str]
    published_at: Mapped[datetime]
    document: Mapped[dict[str, Any]]


class _OfVersion:
    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


def _version_key() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["plan_id", "version"], ["plan_versions.plan_id", "plan_versions.version"])


class PlanObjective(_OfVersion, Base):
    __tablename__ = "plan_objectives"
    __table_args__ = (_version_key(),)

    title: Mapped[dict[str, Any]]
    short: Mapped[dict[str, Any]]
    estimate_usd_million: Mapped[Decimal]
    paragraphs: Mapped[list[Any]]


class PlanOutput(_OfVersion, Base):
    __tablename__ = "plan_outputs"
    __table_args__ = (_version_key(),)

    objective: Mapped[str]
    title: Mapped[dict[str, Any]]
    paragraphs: Mapped[list[Any]]


class PlanResult(_OfVersion, Base):
    __tablename__ = "plan_results"
    __table_args__ = (_version_key(),)

    output: Mapped[str]
    title: Mapped[dict[str, Any]]
    first_year: Mapped[int]
    last_year: Mapped[int]


class PlanLink(_OfVersion, Base):
    """What a result serves: a point of the conclusions, or a code of the Programme and Budget."""

    __tablename__ = "plan_links"
    __table_args__ = (
        _version_key(),
        sa.CheckConstraint("kind IN ('conclusions', 'programme')", name="kind"),
        sa.Index(None, "kind", "code"),
    )

    result: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)


async def lock_plan(session: AsyncSession, *, id: UUID, code: str, site: str) -> PlanRow:  # noqa: A002 - the column's name
    """Give the plan's row, made where there is none, to this transaction alone."""
    new = {"id": id, "home_site": site, "epoch": 1, "sequence": 0, "code": code, "version": 0}
    await session.execute(insert(PlanRow).values(new).on_conflict_do_nothing())
    return (await session.scalars(sa.select(PlanRow).where(PlanRow.id == id).with_for_update())).one()


async def has_version(session: AsyncSession, plan_id: UUID, content_hash: str) -> bool:
    found = sa.select(PlanVersion.version).where(
        PlanVersion.plan_id == plan_id, PlanVersion.content_hash == content_hash
    )
    return await session.scalar(found) is not None


def rows_of(plan: Plan, *, plan_id: UUID, version: int) -> Iterator[Base]:
    """Write the plan out, part by part, in the order of the paper's table."""
    key = {"plan_id": plan_id, "version": version}
    for position, objective in enumerate(plan.tree.objectives):
        yield PlanObjective(
            **key,
            code=objective.code,
            position=position,
            title=objective.title.model_dump(),
            short=objective.short.model_dump(),
            estimate_usd_million=objective.estimate,
            paragraphs=list(objective.paragraphs),
        )
    for position, (objective, output) in enumerate(plan.outputs()):
        yield PlanOutput(
            **key,
            code=output.code,
            position=position,
            objective=objective.code,
            title=output.title.model_dump(),
            paragraphs=list(output.paragraphs),
        )
        for row, result in enumerate(output.results):
            yield PlanResult(
                **key,
                code=result.code,
                position=row,
                output=output.code,
                title=result.title.model_dump(),
                first_year=result.years.first,
                last_year=result.years.last,
            )
            for kind, codes in (
                ("conclusions", result.serves.conclusions),
                ("programme", result.serves.programme),
            ):
                for place, code in enumerate(codes):
                    yield PlanLink(**key, result=result.code, kind=kind, code=code, position=place)


async def newest(session: AsyncSession) -> tuple[PlanRow, PlanVersion] | None:
    """Give the plan at its newest version, or None before the first was published."""
    at_newest = (PlanVersion.plan_id == PlanRow.id) & (PlanVersion.version == PlanRow.version)
    query = (
        sa.select(PlanRow, PlanVersion).join(PlanVersion, at_newest).order_by(PlanVersion.published_at.desc())
    )
    found = (await session.execute(query.limit(1))).first()
    return (found[0], found[1]) if found else None


Part = PlanObjective | PlanOutput | PlanResult | PlanLink


async def parts(session: AsyncSession, kind: type[Part], at: PlanVersion) -> Mapping[str, list[Any]]:
    """Give one kind of part of a version, in its order, by the code of what it belongs to."""
    query = sa.select(kind).where(kind.plan_id == at.plan_id, kind.version == at.version)
    found: dict[str, list[Any]] = {}
    for part in await session.scalars(query.order_by(kind.position)):
        found.setdefault(_belongs_to(part), []).append(part)
    return found


def _belongs_to(part: Part) -> str:
    match part:
        case PlanOutput():
            return part.objective
        case PlanResult():
            return part.output
        case PlanLink():
            return part.result
        case _:
            return ""
