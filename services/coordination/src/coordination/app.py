"""The composition root: what coordination is made of."""

from fastapi import FastAPI

from chassis.clock import Clock, system_clock
from chassis.runtime.service import Service, create_service
from coordination import api, packaged, workflows
from coordination.domain.tasks import NoSuchTaskError, NotYourTaskError, WrongStateError
from coordination.settings import Settings
from coordination.subscribers import subscriptions


async def prepare(service: Service) -> None:
    """Publish the packaged plan where it is new; a mistake in the plan or the rules stops the start here."""
    packaged.rule_book()
    async with service.database.transaction() as tx:
        await workflows.publish_plan(tx, packaged.plan())


def build(settings: Settings, *, clock: Clock = system_clock) -> FastAPI:
    return create_service(
        "coordination",
        settings,
        subscriptions=subscriptions,
        routers=[api.router],
        prepare=prepare,
        problems={
            NoSuchTaskError: (404, "no-such-task"),
            NotYourTaskError: (403, "not-your-task"),
            WrongStateError: (409, "wrong-state"),
        },
        clock=clock,
    )
