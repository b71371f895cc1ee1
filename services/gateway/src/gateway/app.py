"""The gateway, composed: the partner API, the pages, and the clients of the services behind."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect

from chassis.runtime.service import Service, create_service
from gateway import members, operators, partners, sign_in, web
from gateway.clients import (
    CoordinationClient,
    HttpClients,
    NotFoundError,
    NotificationsClient,
    RegistryClient,
    ServiceRefusedError,
    ServiceUnavailableError,
    http_client,
)
from gateway.http import problems
from gateway.http.body_limits import limited_bodies
from gateway.http.budgets import Budget
from gateway.http.quota_headers import quota_headers
from gateway.http.turns import Turns
from gateway.http.unmatched import method_not_allowed, not_found
from gateway.members.live import LiveStreams, one_after_another
from gateway.members.pages.live_inbox import Pieces
from gateway.partners.api.body import Bodies
from gateway.partners.api.rate_limits import RateLimiter
from gateway.partners.intake import Intake
from gateway.partners.key_cache import VerifiedKeys
from gateway.sessions import SignInNeededError, redirect_to_sign_in
from gateway.settings import Settings
from gateway.subscribers import subscriptions
from gateway.web.security_headers import security_headers


def build(settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Make the app; `transport` may stand in for the network to the other services."""
    app = create_service(
        "gateway",
        settings,
        subscriptions=subscriptions,
        announces=("partner",),
        routers=[partners.router, sign_in.router, members.router, operators.router, web.router],
        localise=problems.localise,
        # A live stream lasts as long as its page.
        untraced=("/static/", "/inbox/stream$"),
        continues_traces=False,
    )
    clients = _clients(settings, transport)
    app.router.routes.insert(0, partners.PlainPosts())
    _set_state(app, settings, clients)
    for error in (NotFoundError, ServiceRefusedError, ServiceUnavailableError):
        app.add_exception_handler(error, problems.handle_error)
    app.add_exception_handler(RequestValidationError, problems.handle_invalid)
    app.add_exception_handler(404, not_found)
    app.add_exception_handler(405, method_not_allowed)
    app.add_exception_handler(SignInNeededError, redirect_to_sign_in)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)
    app.add_middleware(
        limited_bodies, in_all=settings.form_bytes_in_all, per_caller=settings.form_bytes_per_address
    )
    app.add_middleware(
        one_after_another, at_once=settings.streams_opened_at_once, queue=settings.streams_in_all
    )
    app.add_middleware(security_headers, https=settings.public_url.startswith("https://"))
    app.add_middleware(quota_headers)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        try:
            async with inner(app):
                service: Service = app.state.service
                app.state.intake = Intake(
                    service.database,
                    until_published=partial(service.wait_until_published, timeout=app.state.publish_timeout),
                )
                app.state.live_streams = LiveStreams(
                    app.state.notifications,
                    service.database,
                    service.stopping,
                    in_all=settings.streams_in_all,
                    per_member=settings.streams_per_member,
                )
                yield
        finally:
            await clients.close()

    app.router.lifespan_context = lifespan
    return app


def _clients(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> HttpClients:
    token = settings.service_token.get_secret_value()
    client = partial(http_client, token=token, timeout=settings.client_timeout, transport=transport)
    return HttpClients(
        registry=client(settings.registry_url),
        coordination=client(settings.coordination_url),
        notifications=client(settings.notifications_url),
        streams=client(settings.notifications_url),
    )


def _set_state(app: FastAPI, settings: Settings, clients: HttpClients) -> None:
    app.state.registry = RegistryClient(clients.registry)
    app.state.coordination = CoordinationClient(clients.coordination)
    app.state.notifications = NotificationsClient(clients.notifications, streams=clients.streams)
    app.state.keys = VerifiedKeys(
        app.state.registry,
        life=settings.key_cache,
        checks_per_second=settings.key_checks_per_second,
        checks_burst=settings.key_checks_burst,
    )
    app.state.rate_limiter = RateLimiter(
        "events", per_second=settings.events_per_second, burst=settings.events_burst
    )
    app.state.read_limiter = RateLimiter(
        "reads", per_second=settings.reads_per_second, burst=settings.reads_burst
    )
    app.state.bodies = Bodies(
        events=(settings.event_bytes_in_all, settings.event_bytes_per_partner),
        batches=(settings.batch_bytes_in_all, settings.batch_bytes_per_partner),
        read_at_once=settings.batch_bytes_read_at_once,
        patience=settings.body_patience.total_seconds(),
    )
    # More at a time would end none of them sooner: the interpreter does one thing at a time.
    app.state.page_turns = Turns("pages", at_once=2)
    app.state.lists = Budget("event_lists", in_all=2, per_caller=1, patience=10.0, queue=200)
    app.state.inbox_pieces = Pieces()
    app.state.stream_send_timeout = settings.stream_send_timeout.total_seconds()
    app.state.events_per_minute = settings.events_per_second * 60
    app.state.partner_limits = {
        "burst": settings.events_burst,
        "rate": settings.events_per_second,
        "reads": settings.reads_burst,
        "reads_rate": settings.reads_per_second,
    }
    app.state.public_url = settings.public_url
    app.state.link_life = settings.link_life
    app.state.publish_timeout = settings.publish_timeout.total_seconds()


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    """The sender hung up before the body was whole: nothing was stored, and nobody reads the answer."""
    return Response(status_code=400)
