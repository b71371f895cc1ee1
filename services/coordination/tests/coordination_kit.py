"""What the tests of coordination speak with: events as partners send them, a directory, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.orm import undefer

from chassis.database.engine import Database
from chassis.testing import Deliver, SettableClock, an_envelope, announced
from contracts.catalogue import PARTNER_EVENTS
from contracts.coordination import TaskFacts
from contracts.event import Envelope, Event
from contracts.partner import Origin, PartnerEvent
from contracts.partner.assistance import AssistanceRequestedV1
from contracts.partner.concern import ConcernGround, ConcernRaisedV1
from contracts.partner.entity import EntityReportedV1
from contracts.partner.research import ResearchPublishedV1
from contracts.partner.statistics import StatisticalFigure, StatisticsReportedV1
from contracts.partner.training import TrainingAnnouncedV1
from contracts.registry import MemberJoinedV1, OrganisationRegisteredV1
from contracts.words import (
    Constituency,
    EntityType,
    Language,
    MemberId,
    Named,
    OrganisationId,
    OrganisationKind,
    Role,
    TaskId,
    Text,
    Title,
)
from coordination import workflows
from coordination.domain.tasks import Action
from coordination.tables.tasks import TaskChange, TaskRow

IDS: Final = UUID("d2f5a0e8-0b3e-4f0e-8f57-3a6c9e5d1b20")


def member_id(name: str) -> MemberId:
    return MemberId(uuid5(IDS, name))


COORDINATOR: Final = member_id("coordinator")
COOP_FOCAL_POINT: Final = member_id("focal point, COOP")
DAKAR: Final = member_id("focal point, DWT/CO-Dakar")
CAIRO: Final = member_id("focal point, DWT/CO-Cairo")
ACTEMP: Final = member_id("focal point, ACT/EMP")
ACTRAV: Final = member_id("focal point, ACTRAV")
OPERATOR: Final = member_id("operator")
STRANGER: Final = member_id("nobody")


def a_member(identity: MemberId, organisation: str, role: Role = Role.FOCAL_POINT) -> MemberJoinedV1:
    return MemberJoinedV1(
        member_id=identity,
        organisation=organisation,
        role=role,
        label=f"{role.replace('_', ' ')}, {organisation}",
        language=Language.FR,
        time_zone="UTC",
    )


def an_organisation(
    code: str,
    kind: OrganisationKind = OrganisationKind.OFFICE,
    *,
    covers: Sequence[str] = (),
    parent: str | None = None,
    identity: UUID | None = None,
) -> OrganisationRegisteredV1:
    return OrganisationRegisteredV1(
        organisation_id=OrganisationId(identity or uuid5(IDS, code)),
        code=code,
        kind=kind,
        names=(Named(language="en", name=code),),
        covers=tuple(covers),
        parent=parent,
        confirmed=True,
    )


DIRECTORY: Final[tuple[Event, ...]] = (
    an_organisation("COOP", OrganisationKind.UNIT),
    an_organisation("ACT/EMP", OrganisationKind.UNIT),
    an_organisation("ACTRAV", OrganisationKind.UNIT),
    an_organisation("DWT/CO-Dakar", covers=["SN", "CV", "GN", "GW"]),
    an_organisation("DWT/CO-Cairo", covers=["EG", "ER"]),
    an_organisation("P-UNION", OrganisationKind.PARTNER, covers=["SN"]),
    a_member(COORDINATOR, "COOP", Role.COORDINATOR),
    a_member(COOP_FOCAL_POINT, "COOP"),
    a_member(DAKAR, "DWT/CO-Dakar"),
    a_member(CAIRO, "DWT/CO-Cairo"),
    a_member(ACTEMP, "ACT/EMP"),
    a_member(ACTRAV, "ACTRAV"),
    a_member(OPERATOR, "DWT/CO-Dakar", Role.OPERATOR),
)

ORIGIN: Final = Origin(
    partner="P-UNION",
    partner_name="Union des coopératives",
    event_id="2026-0117",
    source="https://partner.example",
)


def an_assistance_request(
    country: str = "SN", *, requested_by: str = "Ministère du Travail"
) -> AssistanceRequestedV1:
    return AssistanceRequestedV1(
        origin=ORIGIN,
        title=Title(language="fr", text="Réviser la loi sur les coopératives"),
        description=Text(language="fr", text="Le ministère demande un avis sur l'avant-projet de loi."),
        country=country,
        requested_by=requested_by,
        constituency=Constituency.GOVERNMENT,
    )


def a_publication(*countries: str) -> ResearchPublishedV1:
    return ResearchPublishedV1.model_validate(
        {
            "origin": ORIGIN,
            "title": {"language": "es", "text": "Cooperativas de cuidados en zonas rurales"},
            "abstract": {"language": "es", "text": "Estudio de doce cooperativas."},
            "address": "https://partner.example/estudio",
            "countries": countries,
            "languages": ["es"],
            "published_on": "2026-11-02",
        }
    )


def a_return(scope: str) -> StatisticsReportedV1:
    return StatisticsReportedV1.model_validate(
        {
            "origin": ORIGIN,
            "title": Title(language="ar", text="تعداد التعاونيات"),
            "scope": scope,
            "country": "EG",
            "reference_year": 2025,
            "reported_by": "الجهاز المركزي للتعبئة العامة والإحصاء",
            "figures": [StatisticalFigure(indicator="members", value=Decimal(1_200_000), unit="persons")],
        }
    )


def a_concern() -> ConcernRaisedV1:
    return ConcernRaisedV1(
        origin=ORIGIN,
        entity_name="Transit Workers' Circle",
        country="SN",
        grounds=(ConcernGround.DISGUISED_EMPLOYMENT,),
        description=Text(language="en", text="Drivers are members on paper only. " * 20),
    )


def a_training() -> TrainingAnnouncedV1:
    return TrainingAnnouncedV1(
        origin=ORIGIN,
        title=Title(language="fr", text="Académie de l'ESS"),
        description=Text(language="fr", text="Cinq jours."),
        organiser="Centre de formation",
        starts_on=date(2027, 3, 1),
        ends_on=date(2027, 3, 5),
        online=True,
        languages=("fr",),
    )


def a_reported_entity(country: str = "EG") -> EntityReportedV1:
    return EntityReportedV1(
        origin=ORIGIN,
        names=(
            Named(language="ar", name="تعاونية النيل الزراعية"),
            Named(language="en", name="Nile Farmers' Cooperative"),
        ),
        entity_type=EntityType.COOPERATIVE,
        country=country,
    )


def one_of_each() -> list[PartnerEvent]:
    """The first example of every event that partners may send, as the gateway passes it on."""
    return [
        event.model_validate(event.examples[0].data).model_copy(update={"origin": ORIGIN})
        for event in PARTNER_EVENTS.values()
    ]


@dataclass
class Coordination:
    """One coordination, as its own members and the events around it see it."""

    database: Database
    deliver: Deliver
    clock: SettableClock

    async def hear_directory(self) -> None:
        await self.deliver.again(*(an_envelope(event) for event in DIRECTORY))

    async def tasks(self) -> Sequence[TaskRow]:
        async with self.database.reading() as session:
            whole = sa.select(TaskRow).options(undefer(TaskRow.partner_event))
            return (await session.scalars(whole.order_by(TaskRow.id))).all()

    async def task(self) -> TaskRow:
        [task] = await self.tasks()
        return task

    async def history(self) -> Sequence[TaskChange]:
        async with self.database.reading() as session:
            return (await session.scalars(sa.select(TaskChange).order_by(TaskChange.sequence))).all()

    async def opened_task(self, event: PartnerEvent) -> TaskId:
        await self.deliver(event)
        return TaskId((await self.tasks())[-1].id)

    async def act(
        self, task: TaskId, action: Action, member: MemberId | None, reason: str | None = None
    ) -> None:
        async with self.database.transaction() as tx:
            await workflows.act(tx, task, action, member, reason=reason)

    async def assign(self, task: TaskId, units: Sequence[str], member: MemberId | None) -> None:
        async with self.database.transaction() as tx:
            await workflows.assign(tx, task, units, member)

    async def said_of_tasks(self) -> list[tuple[Envelope, TaskFacts]]:
        """What was announced of tasks, in order."""
        return [
            (one, TaskFacts.model_validate(one.data))
            for one in await announced(self.database)
            if one.type.startswith("coordination.task.")
        ]
