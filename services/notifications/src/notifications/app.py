"""The composition root: what notifications is made of."""

from fastapi import FastAPI

from chassis.runtime.service import Service, create_service
from notifications.api import live, router
from notifications.bell import Bell
from notifications.settings import Settings
from notifications.stream import Streams
from notifications.subscribers import subscriptions
from notifications.workflows import NoSuchItemError


def build(settings: Settings) -> FastAPI:
    async def prepare(service: Service) -> None:
        """Listen for inbox changes; the streams hang on it."""
        bell = Bell(service.database.asyncpg_dsn)
        service.keep_running("bell", bell.run(service.stopping))
        app.state.streams = Streams(
            bell, service.stopping, heartbeat=settings.heartbeat, send_timeout=settings.send_timeout
        )

    app = create_service(
        "notifications",
        settings,
        subscriptions=subscriptions,
        routers=[router, live],
        prepare=prepare,
        # A stream lasts for days, and what is asked because of it belongs to the trace of what is pushed.
        untraced=(r"/inboxes/stream$", r"/members/[^/]+/inbox/changes$"),
        problems={NoSuchItemError: (404, "no-such-item")},
    )
    return app
