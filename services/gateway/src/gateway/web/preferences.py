"""The two choices in the head of every page: language, and light or dark."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse

from chassis.http.access import public
from chassis.http.dependencies import Tx
from contracts.words import Language
from gateway.sessions import OptionalSession, check_csrf, check_origin, is_https
from gateway.sessions.workflows import set_language
from gateway.web.error_pages import PageRoute
from gateway.web.page import LANGUAGE_COOKIE, THEME_COOKIE, local_path, redirect

A_YEAR = 365 * 24 * 3600


async def check_form(request: Request, session: OptionalSession) -> None:
    """Let a choice through from our own pages only, signed in or not."""
    if session is None:
        await check_origin(request)
    else:
        await check_csrf(request, session)


router = APIRouter(route_class=PageRoute, dependencies=[public(), Depends(check_form)])


@router.post("/language")
async def language(
    request: Request,
    tx: Tx,
    session: OptionalSession,
    language: Annotated[Language, Form()],
    back: Annotated[str, Form()] = "/",
) -> RedirectResponse:
    if session is not None:
        await set_language(tx, session.id, language)
    return _keeping(request, LANGUAGE_COOKIE, language, back)


@router.post("/theme")
async def theme(
    request: Request,
    theme: Annotated[Literal["", "light", "dark"], Form()] = "",
    back: Annotated[str, Form()] = "/",
) -> RedirectResponse:
    return _keeping(request, THEME_COOKIE, theme, back)


def _keeping(request: Request, cookie: str, value: str, back: str) -> RedirectResponse:
    answer = redirect(request, local_path(back))
    answer.set_cookie(
        cookie, value, max_age=A_YEAR if value else 0, secure=is_https(request), httponly=True, samesite="lax"
    )
    return answer
