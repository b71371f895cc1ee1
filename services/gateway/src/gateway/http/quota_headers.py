"""What every answer says of the caller's allowance, and when to come back; refusals of any layer included."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COME_BACK = frozenset({429, 503})
_IN_A_MOMENT = "5"
"""Seconds after which to come back, where who refused has not said."""
_QUOTA = "quota"


def tell_quota(request: Request, headers: Mapping[str, str]) -> None:
    """Let the answer to this request carry what is left of the caller's allowance, whatever becomes of it."""
    told: dict[str, str] = request.scope.setdefault("state", {}).setdefault(_QUOTA, {})
    told.update(headers)


def quota_headers(app: ASGIApp) -> ASGIApp:
    """Middleware: the headers told of a request's quota, and `Retry-After` wherever an answer is to come back."""

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                told: dict[str, str] = state.get(_QUOTA, {})
                message["headers"] = [
                    *message.get("headers", ()),
                    # Nothing else says these, so none of them is there yet.
                    *((name.lower().encode(), value.encode()) for name, value in told.items()),
                ]
                if message["status"] in _COME_BACK:
                    MutableHeaders(scope=message).setdefault("Retry-After", _IN_A_MOMENT)
            await send(message)

        await app(scope, receive, send_told)

    return telling
