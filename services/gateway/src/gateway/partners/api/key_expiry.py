"""Keys that stop by themselves: each answer says when, and those after it that they have."""

from collections.abc import Callable, Coroutine
from datetime import UTC
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from chassis.http.problems import Problem
from gateway.clients import VerifiedKey
from gateway.http.faults import Sentence

HEADER = "Key-Expires"


def expired() -> Problem:
    """Refuse a key whose time is over: its holder is told so, for a new one is all that is needed."""
    sentence = Sentence("This key has expired. Ask the network's operators for a new one.")
    challenge = 'Bearer realm="events", error="invalid_token", error_description="The key has expired"'
    return Problem(401, "key-expired", sentence.text, headers={"WWW-Authenticate": challenge})


def note_expiry(request: Request, sender: VerifiedKey) -> None:
    """Have the answer to this request say when its key expires, where it does."""
    until = sender.expires_at
    if until is not None:
        request.state.key_expires = until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class ExpiryRoute(APIRoute):
    """A route whose answers, refusals among them, tell what `note_expiry` noted."""

    def get_route_handler(self) -> Handle:
        """Wrap the whole handling of a request, its dependencies included."""
        return telling_expiry(super().get_route_handler())


def telling_expiry(handle: Handle) -> Handle:
    """Wrap the handling of requests, so that their answers tell what `note_expiry` noted."""

    async def telling(request: Request) -> Response:
        try:
            answer = await handle(request)
        except Problem as problem:
            problem.headers |= _told(request)
            raise
        answer.headers.update(_told(request))
        return answer

    return telling


def _told(request: Request) -> dict[str, str]:
    until: str | None = getattr(request.state, "key_expires", None)
    return {} if until is None else {HEADER: until}
