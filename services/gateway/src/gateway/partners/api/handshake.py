"""`OPTIONS /events`: the handshake of the CloudEvents webhook specification (1.0, section 4).

A sender asks whether it may deliver here before it does, and has no key to show yet. Whoever has one may: so every
origin is allowed, at the rate that every partner has.
"""

import re

from fastapi import APIRouter, Request, Response

from chassis.http.access import public
from gateway.http.unmatched import allowed_at
from gateway.partners.api import endpoint_docs

router = APIRouter(tags=["events"], dependencies=[public()])

_ORIGIN = re.compile(r"[A-Za-z0-9._:\[\]-]{1,261}")
"""A host's name or address, with its port: what may be repeated in a header."""


@router.options("/events/", include_in_schema=False)
@router.options("/events", response_class=Response, **endpoint_docs.OPTIONS_EVENTS)
async def shake_hands(request: Request) -> Response:
    """Tell a sender of webhooks that it may send here, and how much."""
    headers = {"Allow": allowed_at(request), "Cache-Control": "no-store"}
    origin = request.headers.get("WebHook-Request-Origin", "").strip(" \t")
    if _ORIGIN.fullmatch(origin):
        headers["WebHook-Allowed-Origin"] = origin
        headers["WebHook-Allowed-Rate"] = str(request.app.state.events_per_minute)
    return Response(headers=headers)
