"""The HTTP edge every service shares: problems (RFC 9457), who may call, and the transaction of a request."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from chassis.database.engine import is_database_away
from chassis.database.transaction import Transaction
from contracts.event import URN

if TYPE_CHECKING:
    from chassis.runtime.service import Service

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: where (RFC 6901 pointer into the body), a stable code, and words.

    `detail` may hold `%(name)s` places that `params` fill, so that an edge can translate it.
    """

    pointer: str
    code: str
    detail: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, str]:
        return {
            "pointer": self.pointer,
            "code": self.code,
            "detail": self.detail % self.params or self.detail,
        }


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An answer that says what is wrong and what to do about it, as `application/problem+json`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        params: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.params = dict(params or {})
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """The fields of the problem document, less those that only the request knows."""
        body: dict[str, Any] = {
            "type": f"{PROBLEM}{self.code}",
            "title": self.code.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail % self.params if self.params else self.detail,
        }
        if self.errors:
            body["errors"] = [error.as_json() for error in self.errors]
        return body


PROBLEM = f"{URN}:problem:"
"""What the types of our problems begin with; their code follows."""

Localise = Callable[[Request, Problem], Problem]
# Any, since a mapping's key type is invariant: a dict of one error class would not fit `type[Exception]`.
Problems = Mapping[Any, tuple[int, str]]


def problem_response(request: Request, problem: Problem) -> Response:
    """Write a problem, with the path it arose on and the trace to look it up by."""
    body = problem.as_json() | {"instance": request.url.path}
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        body["trace_id"] = f"{span.trace_id:032x}"
    headers = problem.headers | {"Cache-Control": "no-store"}
    return JSONResponse(body, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)


def install_problems(app: FastAPI, problems: Problems, localise: Localise | None) -> None:
    """Give every error of the app its problem document: domain errors by `problems`, all others by what they are."""

    def answer(request: Request, problem: Problem) -> Response:
        told = log.warning if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
        told("request refused", status=problem.status, code=problem.code, **_place(request))
        return problem_response(request, localise(request, problem) if localise else problem)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(request, error)

    async def on_domain_error(request: Request, error: Exception) -> Response:
        status, code = next(found for kind, found in problems.items() if isinstance(error, kind))
        return answer(request, Problem(status, code, str(error)))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [_field_error(one) for one in error.errors()]
        told = "The request has fields to correct."
        return answer(request, Problem(422, "invalid-request", told, errors=errors))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, _problem_of(error))

    async def on_trouble(request: Request, error: Exception) -> Response:
        if not is_database_away(error):
            raise error
        detail = "The service cannot reach its database now. Repeat the request in a moment."
        return answer(request, Problem(503, "unavailable", detail, headers={"Retry-After": "2"}))

    async def on_unexpected(request: Request, error: Exception) -> Response:
        log.error("request failed", **_place(request), exc_info=error)
        failure = Problem(500, "internal-error", "The service failed. The trace id names the failure.")
        return problem_response(request, localise(request, failure) if localise else failure)

    handlers: dict[type[Exception], Any] = {
        Problem: on_problem,
        **dict.fromkeys(problems, on_domain_error),
        RequestValidationError: on_invalid,
        HTTPException: on_http,
        **dict.fromkeys((DBAPIError, PoolTimeoutError, OSError), on_trouble),
        Exception: on_unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _problem_of(error: HTTPException) -> Problem:
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, f"http-{error.status_code}")
    return Problem(error.status_code, code, str(error.detail), headers=error.headers)


def _place(request: Request) -> dict[str, str | None]:
    """The route's pattern, not the path: a path may carry a secret."""
    return {"method": request.method, "route": getattr(request.scope.get("route"), "path", None)}


def _field_error(error: Mapping[str, Any]) -> FieldError:
    where, *path = error["loc"]
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    # Outside the body there is no document to point into: the parameter's kind and name say where.
    at = pointer if where == "body" else f"{where}:{pointer.lstrip('/')}"
    return FieldError(at, str(error["type"]).replace("_", "-"), str(error["msg"]).replace("%", "%%"))


def service_of(request: Request) -> "Service":
    """The running service behind a request."""
    service: Service = request.app.state.service
    return service


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
    """Let in only these callers, by their bearer tokens; put it into the `dependencies` of a route."""

    # A coroutine, though it awaits nothing: FastAPI runs plain functions in a thread, which costs more than the check.
    @declares_access
    async def check(request: Request, authorization: Annotated[str | None, Header()] = None) -> str:
        caller = _caller_of(request, authorization)
        if caller not in callers:
            raise Problem(403, "caller-not-allowed", f"{caller} may not use this endpoint.")
        return caller

    return Depends(check)


def allow_known() -> Any:
    """Let in every caller that the service knows: for what says how the service is, and nothing of what it holds."""

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


async def _transaction(request: Request) -> AsyncIterator[Transaction]:
    async with service_of(request).database.transaction() as tx:
        yield tx


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with service_of(request).database.reading() as session:
        yield session


# `scope="function"`: the dependency ends, and so commits, before the response is sent; a failed commit is an error.
Tx = Annotated[Transaction, Depends(_transaction, scope="function")]
"""The one transaction of a request."""
Reading = Annotated[AsyncSession, Depends(_reading, scope="function")]
"""A session that only reads."""


async def _actor(x_actor: Annotated[UUID | None, Header()] = None) -> UUID | None:
    return x_actor


ActorId = Annotated[UUID | None, Depends(_actor)]
"""On whose behalf an allowed caller acts."""
