"""Events in: partners' become tasks by the packaged rules, the registry's keep the copy of the directory."""

from typing import Final

from pydantic import ValidationError

from chassis.subscriptions.router import Batch, Subscriptions, Tx
from contracts.partner import PartnerEvent
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


def _subscribe(event: type[PartnerEvent], durable: str) -> None:
    """Open the tasks that the rules make of one kind of event."""

    async def open_tasks(events: Batch[PartnerEvent], tx: Tx) -> None:
        await workflows.open_tasks(tx, events, book=packaged.rule_book())

    open_tasks.__name__ = durable.removeprefix("coordination-").replace("-", "_")
    open_tasks.__doc__ = f"Open the task that each “{event.event_name}” becomes."
    subscriptions.hears(event, durable=durable)(open_tasks)


# Read as the module is: a mistake in the rules stops the start.
for _durable, _event in packaged.rule_book().durables().items():
    _subscribe(_event, _durable)


@subscriptions.hears(
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
    durable="coordination-mirror-organisations",
    projects=[OrganisationRow],
)
async def mirror_organisations(organisations: Batch[OrganisationFacts], tx: Tx) -> None:
    """Keep up with the registry's organisations."""
    await workflows.mirror_organisations(tx, organisations)


@subscriptions.hears(
    MemberJoinedV1,
    MemberUpdatedV1,
    MemberLeftV1,
    durable="coordination-mirror-members",
    projects=[MemberRow],
)
async def mirror_members(members: Batch[MemberFacts], tx: Tx) -> None:
    """Keep up with the registry's member accounts."""
    await workflows.mirror_members(tx, members)
