"""What a reader sees when something went wrong: what happened, whether anything was stored, and what to do next."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from opentelemetry import trace

from chassis.http.problems import Problem
from gateway.clients import NotFoundError, ServiceRefusedError, ServiceUnavailableError
from gateway.sessions import Session, SignInNeededError
from gateway.web.page import Page, page_for, redirect
from gateway.web.translations import msg


@dataclass(frozen=True)
class Failure:
    """One kind of failure in words. `again` offers the same page, `home` the way back."""

    heading: str
    lines: tuple[str, ...] = ()
    again: bool = False


HOME = ("/", msg("Go to the inbox"))

NOT_FOUND = Failure(
    msg("There is no such page"), (msg("The address may be misspelt, or what was here has moved."),)
)
NOT_ALLOWED = Failure(
    msg("This is not open to you"),
    (msg("Your role or your unit may not see or do this. If it should, ask the Cooperatives Unit."),),
)
OUT_OF_DATE = Failure(
    msg("The form was out of date"),
    (msg("Nothing was stored. Go back, load the page again and repeat what you did."),),
)
CHANGED_MEANWHILE = Failure(
    msg("Someone else was faster"),
    (
        msg("The task has moved on since your page was loaded, so your action was not stored."),
        msg("Open the task to see where it stands now."),
    ),
)
AWAY = Failure(
    msg("This cannot be shown right now"),
    (msg("A part of the network does not answer. Nothing is lost; try again in a moment."),),
    again=True,
)
NOT_STORED = Failure(
    msg("Your action was not stored"),
    (msg("A part of the network does not answer. Try again in a moment; an action is never counted twice."),),
)
BROKEN = Failure(
    msg("Something went wrong on our side"),
    (msg("The failure has been recorded. Try again in a moment."),),
    again=True,
)
NOT_DONE = Failure(
    msg("This could not be done"), (msg("Nothing was stored. Go back and check what you sent."),)
)

BY_STATUS = {403: NOT_ALLOWED, 404: NOT_FOUND, 405: NOT_FOUND, 500: BROKEN, 503: AWAY}
UNPROCESSABLE = 422
CSRF_CODES = {"csrf-token-mismatch", "foreign-origin"}


async def failure_page(
    page: Page,
    failure: Failure,
    status: int,
    *,
    forward: tuple[str, str] = HOME,
    retry_after: int | None = None,
) -> Response:
    """Render a failure, with the trace by which the operator finds it."""
    request = page.request
    span = trace.get_current_span().get_span_context()
    answer = await page.html(
        "web/error.html",
        status=status,
        heading=page.gettext(failure.heading),
        lines=[page.gettext(line) for line in failure.lines],
        again=page.back if failure.again and request.method in {"GET", "HEAD"} else None,
        forward=(forward[0], page.gettext(forward[1])),
        reference=f"{span.trace_id:032x}" if span.is_valid and status >= 500 else None,  # noqa: PLR2004
    )
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def page_of(request: Request) -> Page:
    """The page of a request that failed, with the session where that is known already."""
    session: Session | None = getattr(request.state, "session", None)
    return page_for(request, session)


class PageRoute(APIRoute):
    """A route whose errors are pages, not problem documents."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the whole handling of a request, its dependencies included."""
        handle = super().get_route_handler()

        async def with_pages(request: Request) -> Response:
            try:
                return await handle(request)
            except SignInNeededError:
                # A page is led to the sign-in by the app's own handler; a form that was filled in deserves a word.
                if request.method == "POST" and "HX-Request" not in request.headers:
                    return redirect(request, "/sign-in", flash="session-over")
                raise
            except ServiceUnavailableError:
                return await _unavailable(request)
            except NotFoundError:
                return await failure_page(page_of(request), NOT_FOUND, 404)
            except ServiceRefusedError as refused:
                return await _refused(request, refused)
            except Problem as problem:
                failure = (
                    OUT_OF_DATE if problem.code in CSRF_CODES else BY_STATUS.get(problem.status, NOT_DONE)
                )
                return await failure_page(page_of(request), failure, problem.status)

        return with_pages


async def _unavailable(request: Request) -> Response:
    page = page_of(request)
    if request.method in {"GET", "HEAD"}:
        return await failure_page(page, AWAY, 503, retry_after=5)
    return await failure_page(page, NOT_STORED, 503, forward=_origin_of(request), retry_after=5)


async def _refused(request: Request, refused: ServiceRefusedError) -> Response:
    status = _as_seen(request, refused.status)
    failure = {403: NOT_ALLOWED, 404: NOT_FOUND, 409: CHANGED_MEANWHILE}.get(status, NOT_DONE)
    forward = HOME if failure is NOT_FOUND else _origin_of(request)
    return await failure_page(page_of(request), failure, status, forward=forward)


def _as_seen(request: Request, status: int) -> int:
    """Who only opens an address has sent nothing that could be wrong: there is no such page."""
    return 404 if status == UNPROCESSABLE and request.method in {"GET", "HEAD"} else status


def _origin_of(request: Request) -> tuple[str, str]:
    """Where the reader came from with a form: the task it is about, else the inbox."""
    task_id = request.path_params.get("task_id")
    return (f"/tasks/{task_id}", msg("Open the task")) if task_id else HOME


async def plain_page(request: Request, status: int) -> Response:
    """The page for an error that arose outside our routes: an unknown address, a crash."""
    page = page_of(request)
    status = _as_seen(request, status)
    failure = BY_STATUS.get(status, NOT_DONE)
    if failure is AWAY and request.method == "POST":
        failure = NOT_STORED
    return await failure_page(page, failure, status)
