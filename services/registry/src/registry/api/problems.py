"""What the registry's refusals are over HTTP, and what every endpoint shares."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import StringConstraints

from chassis.field_errors import FieldError
from chassis.http.access import allow
from chassis.http.problems import Problem, problem_response
from registry.domain.findings import RefusedError
from registry.domain.members import NoSuchMemberError
from registry.domain.organisations import KindIsFixedError, NoSuchOrganisationError
from registry.domain.partners import KeyExpiredError, NoSuchKeyError, NoSuchPartnerError, TooManyKeysError

PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    NoSuchOrganisationError: (404, "no-such-organisation"),
    NoSuchMemberError: (404, "no-such-member"),
    NoSuchPartnerError: (404, "no-such-partner"),
    NoSuchKeyError: (404, "no-such-key"),
    KeyExpiredError: (410, "key-expired"),
    KindIsFixedError: (409, "kind-is-fixed"),
    TooManyKeysError: (409, "too-many-keys"),
}

OPERATOR = "operator"
READERS = allow("gateway", OPERATOR)
Reader = Annotated[str, READERS]
"""The name of a caller that may read."""
OPERATORS = allow(OPERATOR)
GATEWAY = allow("gateway")

# No control characters: PostgreSQL cannot hold U+0000, and no page should show the others.
Line = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"
    ),
]


async def on_refused(request: Request, error: Exception) -> Response:
    """Point at every field that contradicts the code lists or the directory."""
    assert isinstance(error, RefusedError)
    errors = [FieldError(each.pointer, each.code, each.message, each.params) for each in error.findings]
    problem = Problem(422, "invalid-request", "The request has fields to correct.", errors=errors)
    return problem_response(request, problem)
