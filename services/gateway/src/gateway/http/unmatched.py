"""What no route takes: a method, answered with all that are taken there, and an address one slash too long."""

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.routing import Match

from chassis.http.problems import Problem, problem_response
from gateway.http.problems import localise

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def allowed_at(request: Request) -> str:
    """Name the methods that are taken at an address, as `Allow` does; `OPTIONS` is everywhere."""
    path = request.scope["path"]
    return ", ".join(one for one in METHODS if one == "OPTIONS" or _is_taken(request, path, one))


async def method_not_allowed(request: Request, _error: Exception) -> Response:
    """Answer with 405; one address may have several routes, each with a method of its own.

    Who asks for the methods themselves is told them.
    """
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed_at(request)})
    problem = Problem(
        405,
        "method-not-allowed",
        "This address does not take this method.",
        headers={"Allow": allowed_at(request)},
    )
    return problem_response(request, localise(request, problem))


async def not_found(request: Request, _error: Exception) -> Response:
    """Answer with 404, or lead a reader who typed a slash too many to the address without it.

    The redirect names no host: what a request says of the host may be anybody's word.
    """
    if request.scope["path"] == "*":
        # `OPTIONS *` asks about the server, not about an address (RFC 9110, section 9.3.7).
        return Response(status_code=204, headers={"Allow": ", ".join(METHODS)})
    path = request.scope["path"].rstrip("/")
    leads = request.method in {"GET", "HEAD"} and path.startswith("/") and not path.startswith("//")
    if leads and path != request.scope["path"] and _is_taken(request, path, "GET"):
        query = request.url.query
        return RedirectResponse(f"{path}?{query}" if query else path, status_code=308)
    problem = Problem(404, "not-found", "There is nothing at this address.")
    return problem_response(request, localise(request, problem))


def _is_taken(request: Request, path: str, method: str) -> bool:
    # `HEAD` is asked as `GET`, on every address.
    scope = {**request.scope, "path": path, "method": "GET" if method == "HEAD" else method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
