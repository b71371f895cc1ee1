"""Events in: partners' become tasks by the packaged rules, the registry's keep the copy of the directory."""

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from chassis.database.transaction import Transaction
from chassis.messages import Received
from chassis.subscriptions.router import Subscriptions
from contracts.partner import (
    AssistanceRequestedV1,
    ConcernRaisedV1,
    EntityReportedV1,
    KnowledgeSharedV1,
    PartnershipProposedV1,
    ResearchPublishedV1,
    StatisticsReportedV1,
    TrainingAnnouncedV1,
)
from contracts.registry import (
    MemberFacts,
    MemberJoinedV1,
    MemberLeftV1,
    MemberUpdatedV1,
    OrganisationFacts,
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
)
from coordination import packaged, workflows
from coordination.domain.tasks import DomainError
from coordination.tables.directory import MemberRow, OrganisationRow

# What an event makes of a task is always made the same way: facts that are refused once are refused for ever.
subscriptions: Final = Subscriptions("coordination", permanent=(DomainError, ValidationError))


@subscriptions.hears(AssistanceRequestedV1, durable="coordination-open-assistance-tasks")
async def open_assistance_tasks(requests: Sequence[Received[AssistanceRequestedV1]], tx: Transaction) -> None:
    """Bring each request for advice to the office that covers its country."""
    await workflows.open_tasks(tx, requests, book=packaged.rule_book())


@subscriptions.hears(ResearchPublishedV1, durable="coordination-open-validation-tasks")
async def open_validation_tasks(
    publications: Sequence[Received[ResearchPublishedV1]], tx: Transaction
) -> None:
    """Have each piece of research validated with the constituents."""
    await workflows.open_tasks(tx, publications, book=packaged.rule_book())


@subscriptions.hears(StatisticsReportedV1, durable="coordination-open-statistics-tasks")
async def open_statistics_tasks(returns: Sequence[Received[StatisticsReportedV1]], tx: Transaction) -> None:
    """Have each statistical return checked."""
    await workflows.open_tasks(tx, returns, book=packaged.rule_book())


@subscriptions.hears(ConcernRaisedV1, durable="coordination-open-review-tasks")
async def open_review_tasks(concerns: Sequence[Received[ConcernRaisedV1]], tx: Transaction) -> None:
    """Have both bureaux review each concern, each for itself."""
    await workflows.open_tasks(tx, concerns, book=packaged.rule_book())


@subscriptions.hears(KnowledgeSharedV1, durable="coordination-open-knowledge-tasks")
async def open_knowledge_tasks(products: Sequence[Received[KnowledgeSharedV1]], tx: Transaction) -> None:
    """Have each knowledge product spread."""
    await workflows.open_tasks(tx, products, book=packaged.rule_book())


@subscriptions.hears(TrainingAnnouncedV1, durable="coordination-open-training-tasks")
async def open_training_tasks(trainings: Sequence[Received[TrainingAnnouncedV1]], tx: Transaction) -> None:
    """Have each training made known to those it concerns."""
    await workflows.open_tasks(tx, trainings, book=packaged.rule_book())


@subscriptions.hears(PartnershipProposedV1, durable="coordination-open-partnership-tasks")
async def open_partnership_tasks(
    proposals: Sequence[Received[PartnershipProposedV1]], tx: Transaction
) -> None:
    """Have each proposal of a partnership considered."""
    await workflows.open_tasks(tx, proposals, book=packaged.rule_book())


@subscriptions.hears(EntityReportedV1, durable="coordination-open-entity-tasks")
async def open_entity_tasks(reports: Sequence[Received[EntityReportedV1]], tx: Transaction) -> None:
    """Have each reported entity verified by the office that covers its country."""
    await workflows.open_tasks(tx, reports, book=packaged.rule_book())


@subscriptions.hears(
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
    durable="coordination-mirror-organisations",
    projects=[OrganisationRow],
)
async def mirror_organisations(organisations: Sequence[Received[OrganisationFacts]], tx: Transaction) -> None:
    """Keep up with the registry's organisations."""
    await workflows.mirror_organisations(tx, organisations)


@subscriptions.hears(
    MemberJoinedV1,
    MemberUpdatedV1,
    MemberLeftV1,
    durable="coordination-mirror-members",
    projects=[MemberRow],
)
async def mirror_members(members: Sequence[Received[MemberFacts]], tx: Transaction) -> None:
    """Keep up with the registry's member accounts."""
    await workflows.mirror_members(tx, members)
