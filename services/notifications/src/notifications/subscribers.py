"""What notifications hears: the directory, to know whom there is to tell, and tasks, to tell them."""

from chassis.messages import Retry
from chassis.subscriptions.router import Batch, Subscriptions, Tx
from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskStartedV1,
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
from notifications import tables, workflows
from notifications.domain import DirectoryBehindError

subscriptions = Subscriptions("notifications")


@subscriptions.hears(
    OrganisationRegisteredV1,
    OrganisationUpdatedV1,
    durable="notifications-mirror-organisations",
    projects=[tables.Organisation],
)
async def mirror_organisations(heard: Batch[OrganisationFacts], tx: Tx) -> None:
    """Keep a copy of the organisations, for their names."""
    await workflows.keep_organisations(tx, heard)


@subscriptions.hears(
    MemberJoinedV1,
    MemberUpdatedV1,
    MemberLeftV1,
    durable="notifications-mirror-members",
    projects=[tables.Member],
)
async def mirror_members(heard: Batch[MemberFacts], tx: Tx) -> None:
    """Keep a copy of the member accounts, those closed included."""
    await workflows.keep_members(tx, heard)


@subscriptions.hears(
    TaskOpenedV1,
    TaskAssignedV1,
    TaskAcceptedV1,
    TaskStartedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    durable="notifications-tell-members",
)
async def tell_members(heard: Batch[TaskFacts], tx: Tx) -> None:
    """Tell the members concerned, once each; an event ahead of the directory waits for it."""
    try:
        await workflows.tell_members(tx, heard)
    except DirectoryBehindError as behind:
        raise Retry(str(behind)) from behind
