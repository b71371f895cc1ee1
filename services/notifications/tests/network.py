"""What the rest of the network announces, in the words of these tests, and a look at what came of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar
from uuid import uuid4

import sqlalchemy as sa

from chassis.database.engine import Database
from chassis.testing import Deliver
from contracts.coordination import Actor, TaskFacts, TaskOpenedV1, TaskState
from contracts.event import Envelope
from contracts.registry import (
    MemberFacts,
    MemberJoinedV1,
    MemberLeftV1,
    OrganisationRegisteredV1,
)
from contracts.words import (
    Labels,
    Language,
    MemberId,
    Named,
    OrganisationId,
    OrganisationKind,
    Role,
    TaskId,
    Title,
)
from notifications.tables import Item

T = TypeVar("T", bound=TaskFacts)

TITLE = Labels(
    en="Answer a request for assistance",
    fr="Répondre à une demande d’assistance",
    es="Responder a una solicitud de asistencia",
    ar="الرد على طلب مساعدة",
)
REQUEST = Title(language="fr", text="Appui à la révision de la loi sur les coopératives")


def a_task(*units: str, **facts: object) -> TaskOpenedV1:
    """A task opened by rule, at these units."""
    values: dict[str, object] = {
        "task_id": TaskId(uuid4()),
        "rule": "assistance-requested",
        "result": "2.1.1",
        "state": TaskState.OPENED,
        "title": TITLE,
        "request": REQUEST,
        "units": units,
        "waiting_for": units,
        "country": "SN",
        "partner": "UNTFSSE",
        "partner_name": "UN Inter-Agency Task Force on SSE",
        "opened_at": datetime(2026, 11, 23, 8, 0, tzinfo=UTC),
        "due_on": date(2026, 12, 7),
        **facts,
    }
    return TaskOpenedV1.model_validate(values)


def then(task: TaskFacts, became: type[T], *, by: MemberFacts | None = None, **changes: object) -> T:
    """The task's next event, by one of the members; whoever is given it anew is waited for."""
    actor = Actor(member_id=by.member_id, label=by.label, organisation=by.organisation) if by else None
    waited_for = {"waiting_for": changes["units"]} if "units" in changes else {}
    return became.model_validate({**task.model_dump(), "actor": actor, **waited_for, **changes})


def a_member(
    organisation: str, role: Role = Role.FOCAL_POINT, language: Language = Language.EN, **facts: object
) -> MemberJoinedV1:
    values: dict[str, object] = {
        "member_id": MemberId(uuid4()),
        "organisation": organisation,
        "role": role,
        "label": f"{role.value.replace('_', ' ')}, {organisation}",
        "language": language,
        "time_zone": "UTC",
        **facts,
    }
    return MemberJoinedV1.model_validate(values)


def the_coordinator() -> MemberJoinedV1:
    return a_member("COOP", Role.COORDINATOR)


def an_organisation(code: str, **names: str) -> OrganisationRegisteredV1:
    return OrganisationRegisteredV1(
        organisation_id=OrganisationId(uuid4()),
        code=code,
        kind=OrganisationKind.OFFICE,
        names=tuple(Named(language=language, name=name) for language, name in names.items()),
        confirmed=True,
    )


@dataclass
class Network:
    """The other services' announcements, delivered to this one."""

    database: Database
    deliver: Deliver

    async def join(self, *members: MemberJoinedV1) -> None:
        for member in members:
            await self.deliver(member, subject=member.member_id)

    async def leave(self, member: MemberFacts) -> None:
        left = MemberLeftV1.model_validate(member.model_dump())
        await self.deliver(left, subject=member.member_id, sequence=99)

    async def hear(self, task: TaskFacts, sequence: int = 1, *, failing: bool = False) -> Envelope:
        return await self.deliver(task, subject=task.task_id, sequence=sequence, failing=failing)

    async def items(self, member: MemberFacts) -> list[Item]:
        """The member's items, oldest first."""
        mine = sa.select(Item).where(Item.member_id == member.member_id).order_by(Item.arrival)
        async with self.database.reading() as session:
            return list(await session.scalars(mine))

    async def reasons(self, member: MemberFacts, *, only_open: bool = False) -> list[str]:
        return [item.reason for item in await self.items(member) if not (only_open and item.done_at)]
