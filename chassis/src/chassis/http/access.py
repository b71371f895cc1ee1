"""Who may call: every endpoint says so, and a test holds it to that (default deny)."""

from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request

from chassis.http.dependencies import service_of
from chassis.http.problems import Problem
from chassis.http.requests import unheard


def declares_access(dependency: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a dependency as one that decides who may call; every endpoint needs one (default deny)."""
    dependency.__declares_access__ = True  # type: ignore[attr-defined]
    return dependency


def _caller_of(request: Request, authorization: str | None) -> str:
    digest = sha256((authorization or "").removeprefix("Bearer ").encode()).hexdigest()
    known = service_of(request).settings.callers
    caller = next((name for name, hashed in known.items() if compare_digest(hashed, digest)), None)
    if caller is None:
        needed = "A bearer token of a known caller is needed."
        raise Problem(401, "unknown-caller", needed, headers={"WWW-Authenticate": "Bearer"})
    return caller


def allow(*callers: str) -> Any:
    """Let in only these callers, by their bearer tokens; put it into the `dependencies` of a route.

    Whoever is let in is told what they say in vain: a parameter, or a body, that the endpoint does not take.
    """

    @declares_access
    async def check(request: Request, authorization: Annotated[str | None, Header()] = None) -> str:
        caller = _caller_of(request, authorization)
        if caller not in callers:
            raise Problem(403, "caller-not-allowed", f"{caller} may not use this endpoint.")
        if faults := await unheard(request):
            raise Problem(422, "invalid-request", "The request has fields to correct.", errors=faults)
        return caller

    return Depends(check)


def allow_known() -> Any:
    """Let in every caller that the service knows: for what says how the service is, and nothing of what it holds."""

    # A coroutine, though it awaits nothing: FastAPI runs plain functions in a thread, which costs more than the check.
    @declares_access
    async def check(request: Request, authorization: Annotated[str | None, Header()] = None) -> str:
        return _caller_of(request, authorization)

    return Depends(check)


def public() -> Any:
    """Let in anyone, and say so."""

    @declares_access
    async def everyone() -> None: ...

    return Depends(everyone)


def undeclared_endpoints(app: FastAPI) -> list[str]:
    """The endpoints that say nothing about who may call them; a test holds this to be empty."""

    def declared(dependant: Any) -> bool:
        own = getattr(dependant.call, "__declares_access__", False)
        return own or any(declared(one) for one in dependant.dependencies)

    return [
        f"{sorted(route.methods)} {route.path}" for route in endpoints(app) if not declared(route.dependant)
    ]


def endpoints(app: FastAPI) -> list[Any]:
    """Every endpoint of the app, those of included routers with the dependencies they are included with."""
    found: list[Any] = []
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        # An included router keeps its routes to itself, and tells what they are where it is included.
        included: Any = getattr(route, "effective_candidates", None)
        if included is not None:
            waiting += included()
        elif getattr(route, "dependant", None) is not None:
            found.append(route)
    return found
