"""The answer to a method that an address does not take: every one it does take is named."""

from fastapi import Request, Response
from starlette.routing import Match

from chassis.http.problems import Problem, problem_response
from gateway.http.problems import localise

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


async def method_not_allowed(request: Request, _error: Exception) -> Response:
    """Answer with 405; one address may have several routes, each with a method of its own."""
    allowed = [method for method in METHODS if _is_taken(request, method)]
    problem = Problem(
        405,
        "method-not-allowed",
        "This address does not take this method.",
        headers={"Allow": ", ".join(allowed)},
    )
    return problem_response(request, localise(request, problem))


def _is_taken(request: Request, method: str) -> bool:
    # `HEAD` is asked as `GET`, on every address.
    scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
