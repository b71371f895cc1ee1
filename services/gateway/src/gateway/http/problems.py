"""Every error of the gateway as a problem document (RFC 9457) in the caller's language."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from chassis.field_errors import FieldError
from chassis.http.problems import PROBLEM, Problem, problem_response
from chassis.http.requests import MANY, unknown_name
from chassis.i18n import Catalogues
from gateway.clients import NotFoundError, ServiceRefusedError, ServiceUnavailableError
from gateway.http.budgets import CALLER, OverBudgetError
from gateway.http.faults import Fault, RefusalError, Sentence, pointer
from gateway.http.negotiation import language_of
from gateway.http.validation import sentence_for

_COME_BACK = "5"
"""Seconds after which what is under way now has been answered."""

catalogues = Catalogues("gateway", domain="problems")


class TranslatedProblem(Problem):
    """A problem whose title, too, is in the caller's language."""

    def __init__(
        self, problem: Problem, *, title: str, detail: str, language: str, errors: tuple[FieldError, ...]
    ) -> None:
        headers = problem.headers | {"Content-Language": language, "Vary": "Accept-Language"}
        super().__init__(
            problem.status, problem.code, detail, params=problem.params, errors=errors, headers=headers
        )
        self.title = title

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {"title": self.title}


def refusal_as_problem(error: RefusalError, *, headers: Mapping[str, str] | None = None) -> Problem:
    """Write a refusal of the domain as a problem."""
    return Problem(
        error.status,
        error.code,
        error.detail.text,
        params=dict(error.detail.params),
        errors=[
            FieldError(fault.pointer, fault.code, fault.sentence.text, dict(fault.sentence.params))
            for fault in error.faults
        ],
        headers=headers,
    )


def unavailable(detail: Sentence) -> Problem:
    """Ask the caller to come back while a part of the network is away."""
    return Problem(503, "unavailable", detail.text, params=dict(detail.params), headers={"Retry-After": "5"})


def come_back(error: OverBudgetError) -> Problem:
    """Ask the caller to come back when what is under way now has been answered."""
    headers = {"Retry-After": _COME_BACK}
    if error.whose == CALLER:
        sentence = Sentence(
            "You are sending too much at the same time. Wait for answers before you send more."
        )
        return Problem(429, "too-much-at-once", sentence.text, headers=headers)
    sentence = Sentence("Others are sending much just now. Send the same again in a moment.")
    return Problem(503, "busy", sentence.text, headers=headers)


def translated(problem: Problem, language: str) -> Problem:
    """Put a problem into a language: title, detail and every field's sentence."""
    translate = catalogues.for_language(language).gettext
    title = problem.as_json()["title"]
    errors = tuple(
        FieldError(error.pointer, error.code, translate(error.detail), error.params)
        for error in problem.errors
    )
    return TranslatedProblem(
        problem, title=translate(title), detail=translate(problem.detail), language=language, errors=errors
    )


def faults_in_words(faults: Sequence[Fault], language: str) -> list[dict[str, str]]:
    """Tell faults in a language, each with its place."""
    translate = catalogues.for_language(language).gettext
    return [
        FieldError(one.pointer, one.code, translate(one.sentence.text), dict(one.sentence.params)).as_json()
        for one in faults
    ]


def localise(request: Request, problem: Problem) -> Problem:
    """Put a problem into the language the caller asks for."""
    return translated(problem, language_of(*request.headers.getlist("Accept-Language")))


def error_as_problem(error: Exception) -> Problem:
    """Say what an error of the gateway's own layers means to the caller."""
    match error:
        case Problem():
            return error
        case RefusalError():
            return refusal_as_problem(error)
        case NotFoundError():
            return Problem(404, "not-found", _detail(error.problem, "There is nothing at this address."))
        case ServiceRefusedError():
            return Problem(error.status, _code(error.problem), _detail(error.problem, "This was refused."))
        case ServiceUnavailableError():
            return unavailable(
                Sentence("A part of the network is not available just now. Try again in a moment.")
            )
        case _:
            raise error


async def handle_error(request: Request, error: Exception) -> Response:
    """Handle the errors above, wherever in the app they come from."""
    return problem_response(request, localise(request, error_as_problem(error)))


async def handle_invalid(request: Request, error: Exception) -> Response:
    """Point at every fault of a request that does not fit its endpoint."""
    assert isinstance(error, RequestValidationError)
    errors = [unknown_name(request, one) or _field_error(one) for one in error.errors()[:MANY]]
    problem = Problem(422, "invalid-request", "The request has fields to correct.", errors=errors)
    return problem_response(request, localise(request, problem))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    """Name one fault of a request as the chassis does, but in sentences that the catalogues know."""
    where: str
    path: Sequence[str | int]
    where, *path = error["loc"]
    # Outside the body there is no document to point into: the parameter's kind and name say where.
    at = pointer(*path) if where == "body" else f"{where}:{pointer(*path).lstrip('/')}"
    kind = str(error["type"])
    sentence = sentence_for(kind, error.get("ctx"))
    return FieldError(at, kind.replace("_", "-"), sentence.text, dict(sentence.params))


def _detail(problem: Mapping[str, Any], otherwise: str) -> str:
    detail = problem.get("detail")
    # Another service's words may hold anything: as a text of ours they must not be read as a pattern.
    return detail if isinstance(detail, str) and detail else otherwise


def _code(problem: Mapping[str, Any]) -> str:
    return str(problem.get("type", "")).removeprefix(PROBLEM) or "refused"
