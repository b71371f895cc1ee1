"""Problems (RFC 9457): every error of a service is answered with a document that says what is wrong and what to do."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from chassis.database.engine import DATABASE_AWAY, is_database_away
from chassis.field_errors import FieldError, pointer
from chassis.http.request_spans import known_method
from chassis.http.requests import MANY, unknown_name
from contracts.event import URN

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


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

UNREADABLE_BODY = "The body of the request is not what its Content-Type says, or has too many parts."

Localise = Callable[[Request, Problem], Problem]
# Any, since a mapping's key type is invariant: a dict of one error class would not fit `type[Exception]`.
Problems = Mapping[Any, tuple[int, str]]


_IN_A_PATH = "/:@!$&'()*+,;=~"
"""What stands in the path of a URI reference as it is (RFC 3986, 3.3), with letters, digits and `-._`."""


def problem_response(request: Request, problem: Problem) -> Response:
    """Write a problem, with the path it arose on and the trace to look it up by."""
    body = problem.as_json() | {"instance": quote(request.url.path, safe=_IN_A_PATH)}
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
        # An error of the domain may name the fields that it is about.
        errors: Sequence[FieldError] = getattr(error, "errors", ())
        return answer(request, Problem(status, code, str(error), errors=errors))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [unknown_name(request, one) or _field_error(one) for one in error.errors()[:MANY]]
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
        problem = failure()
        return problem_response(request, localise(request, problem) if localise else problem)

    handlers: dict[type[Exception], Any] = {
        Problem: on_problem,
        **dict.fromkeys(problems, on_domain_error),
        RequestValidationError: on_invalid,
        HTTPException: on_http,
        # Of a bare connection, too, which no library has wrapped up.
        **dict.fromkeys((DBAPIError, PoolTimeoutError, *DATABASE_AWAY), on_trouble),
        Exception: on_unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def failure() -> Problem:
    """Say that something failed that nobody foresaw."""
    return Problem(500, "internal-error", "The service failed. The trace id names the failure.")


def _problem_of(error: HTTPException) -> Problem:
    status, headers = error.status_code, error.headers
    if status == HTTPStatus.BAD_REQUEST:
        # FastAPI and the readers of forms say it in words of their own, each otherwise.
        return Problem(status, "unreadable-body", UNREADABLE_BODY, headers=headers)
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(status, f"http-{status}")
    return Problem(status, code, str(error.detail), headers=headers)


def _place(request: Request) -> dict[str, str | None]:
    """The route's pattern, not the path: a path may carry a secret, as may a method that nobody knows."""
    return {
        "method": known_method(request.method),
        "route": getattr(request.scope.get("route"), "path", None),
    }


def _field_error(error: Mapping[str, Any]) -> FieldError:
    where, *path = error["loc"]
    told = pointer(path)
    # Outside the body there is no document to point into: the parameter's kind and name say where.
    at = told if where == "body" else f"{where}:{told.lstrip('/')}"
    return FieldError(at, str(error["type"]).replace("_", "-"), str(error["msg"]).replace("%", "%%"))
