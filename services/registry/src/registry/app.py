"""The registry, composed: its routes, what its errors mean over HTTP, and the directory it begins with."""

from fastapi import FastAPI

from chassis.runtime.service import Service, create_service
from registry import api
from registry.directory import packaged
from registry.domain.findings import RefusedError
from registry.settings import Settings
from registry.subscribers import subscriptions
from registry.tables import unpublished
from registry.workflows.directory import load_directory


def build(settings: Settings) -> FastAPI:
    """Make the app; it is ready once the whole directory is on the stream."""

    async def prepare(service: Service) -> None:
        async with service.database.transaction() as tx:
            await load_directory(tx, packaged())
        async with service.database.reading() as session:
            # Also what an earlier start announced and did not live to see published.
            announced = await unpublished(session)
        await service.wait_until_published(announced, timeout=settings.announce_timeout.total_seconds())

    app = create_service(
        "registry",
        settings,
        subscriptions=subscriptions,
        routers=api.ROUTERS,
        prepare=prepare,
        problems=api.PROBLEMS,
    )
    app.add_exception_handler(RefusedError, api.on_refused)
    return app
