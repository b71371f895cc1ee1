"""Who may pass: the live session of a request, the roles a page is for, and the posts that are believed."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from starlette.responses import RedirectResponse

from chassis.database.engine import PATIENCE
from chassis.http.access import declares_access
from chassis.http.dependencies import service_of
from chassis.http.problems import Problem
from contracts.words import Role
from gateway.sessions.cookie import cookie_name, public_url_of
from gateway.sessions.domain import Session, secrets_match, unmasked
from gateway.sessions.workflows import note_seen, session_for

SIGN_IN_PATH = "/sign-in"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"


class SignInNeededError(Exception):
    """A page was asked for without a live session."""


async def optional_session(request: Request) -> Session | None:
    """Find the live session of the request's cookie, if any; an expired one counts as none.

    The database is asked and let go at once: a page that stays open for its live stream holds no connection.
    """
    token = request.cookies.get(cookie_name(public_url_of(request)))
    if not token:
        return None
    database = service_of(request).database
    async with database.reading() as session:
        found = await session_for(session, token, now=database.clock())
    if found is None:
        return None
    session, note_it = found
    if note_it:
        async with database.transaction(within=PATIENCE) as tx:
            await note_seen(tx, session.id)
    request.state.session = session
    return session


OptionalSession = Annotated[Session | None, Depends(optional_session)]


@declares_access
async def signed_in(session: OptionalSession) -> Session:
    """Demand a live session: pages send the reader to the sign-in page, everything else gets 401."""
    if session is None:
        raise SignInNeededError
    return session


SignedIn = Annotated[Session, Depends(signed_in)]


async def check_csrf(request: Request, session: SignedIn) -> None:
    """Let a change through only from our own pages: the session's token, in the form or in the header."""
    await check_origin(request)
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if not secrets_match(unmasked(given), session.csrf_token):
        raise Problem(403, "csrf-token-mismatch", "The form is out of date. Load the page again and repeat.")


async def check_origin(request: Request) -> None:
    """Refuse a post that another site's page sent; browsers say so, and other clients say nothing."""
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        raise Problem(403, "foreign-origin", "This form was sent from another site.")
    origin = request.headers.get("Origin")
    if origin not in {None, _origin(public_url_of(request)), _origin(str(request.base_url))}:
        raise Problem(403, "foreign-origin", "This form was sent from another site.")


def require_role(*roles: Role) -> Callable[[Session], Awaitable[Session]]:
    """Make the dependency that lets only these roles through."""

    async def has_role(session: SignedIn) -> Session:
        if session.role not in roles:
            raise Problem(403, "role-not-allowed", "Your role may not do this.")
        return session

    return has_role


async def redirect_to_sign_in(request: Request, _error: Exception) -> Response:
    """Answer a request that needed a session: a redirect for a page, 401 for the rest."""
    if request.headers.get("HX-Request") == "true":
        # A fragment's redirect would be followed and swapped in: the whole page must go there instead.
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN_PATH})
    if request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "text/html"):
        return RedirectResponse(SIGN_IN_PATH, status_code=303)
    return Response(status_code=401, headers={"WWW-Authenticate": f'Link realm="{SIGN_IN_PATH}"'})


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
