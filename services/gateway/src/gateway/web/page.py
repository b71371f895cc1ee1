"""The page of one reader: their language and time zone, what its head shows, and how a template becomes an answer."""

import gzip
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property, partial
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse

from chassis.http.dependencies import service_of
from contracts import codes
from contracts.words import Language
from gateway.clients import Notifications, NotificationsClient, ServiceUnavailableError
from gateway.http.budgets import OverBudgetError
from gateway.http.negotiation import accepts_gzip, language_of
from gateway.http.problems import come_back
from gateway.http.turns import Turns
from gateway.sessions import OptionalSession, Session, is_https
from gateway.sessions.domain import masked
from gateway.web.formats import Formats, direction_of
from gateway.web.templating import environment_for
from gateway.web.translations import catalogue, msg

T = TypeVar("T")

LANGUAGE_NAMES = {"en": "English", "fr": "Français", "es": "Español", "ar": "العربية"}
LANGUAGE_COOKIE = "language"
THEME_COOKIE = "theme"
FLASH_COOKIE = "flash"
THEMES = ("light", "dark")
FONTS = {
    "ar": ("vendor/fonts/ibm-plex-sans-arabic-400.woff2",),
    "en": ("vendor/fonts/ibm-plex-sans-latin-400.woff2",),
}
WORTH_PACKING = 1024

FLASHES = {
    "accept": msg("You accepted the task."),
    "start": msg("You started work on the task."),
    "complete": msg("Your part of the task is complete."),
    "decline": msg("You declined the task. The Cooperatives Unit has been told."),
    "assign": msg("You placed the task."),
    "already": msg("This was already done."),
    "read": msg("Marked as read."),
    "done": msg("Marked as done."),
    "signed-out": msg("You are signed out."),
    "session-over": msg("Your session is over, and what you just sent was not stored. Sign in again."),
}
"""What is confirmed on the page after an action. The cookie holds the key alone, so nobody can put words there."""


@dataclass(frozen=True)
class Page:
    """One reader's page."""

    request: Request
    session: Session | None
    language: Language
    theme: str | None
    now: datetime
    unread: int | None = None
    flash_key: str | None = None
    back_to: str | None = field(default=None)

    language_names = LANGUAGE_NAMES

    @property
    def direction(self) -> str:
        return direction_of(self.language)

    @property
    def back(self) -> str:
        """Where the language and theme switches lead back to."""
        if self.back_to is not None or self.request.method not in {"GET", "HEAD"}:
            return self.back_to or "/"
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path

    @property
    def fonts(self) -> tuple[str, ...]:
        return FONTS.get(self.language, FONTS["en"])

    @property
    def flash(self) -> str | None:
        message = FLASHES.get(self.flash_key or "")
        return self.gettext(message) if message else None

    @cached_property
    def csrf_token(self) -> str:
        """The session's token, in a spelling of this page's own."""
        return masked(self.session.csrf_token) if self.session else ""

    @cached_property
    def formats(self) -> Formats:
        return Formats(self.language, self._zone, self.now, catalogue(self.language))

    def gettext(self, message: str) -> str:
        return catalogue(self.language).gettext(message)

    def label(self, code_list: str, code: str) -> str:
        """Name a code in the reader's language; a code we do not know stands for itself."""
        # A tag such as `pt-BR` is labelled by its language, in whichever case it was sent.
        known = code if codes.known(code_list, code) else code.partition("-")[0].lower()
        return codes.label(code_list, known, self.language) if codes.known(code_list, known) else code

    def reason(self, code: str) -> str:
        return self.label("reasons", code)

    def direction_of(self, tag: str) -> str:
        return direction_of(tag)

    async def html(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Render a template in this reader's turn; a confirmation that was shown is not shown again.

        Raises Problem where more pages are asked for, from one session or address, than can be made in time.
        """
        turns: Turns = self.request.app.state.page_turns
        try:
            return await turns.do(self._reader, partial(self._made, template, status, context))
        except OverBudgetError as error:
            raise come_back(error) from error

    @property
    def _reader(self) -> str:
        """Whose turn it is: a session's, and of all who have none, an address's."""
        client = self.request.client
        return str(self.session.member_id) if self.session else f"address {client.host if client else ''}"

    def _made(self, template: str, status: int, context: Mapping[str, Any]) -> HTMLResponse:
        environment = environment_for(self.language)
        text = environment.get_template(template).render({"section": "", **context, "page": self})
        answer = _packed(self.request, text, status)
        if self.flash_key is not None:
            answer.delete_cookie(FLASH_COOKIE, secure=is_https(self.request), httponly=True, samesite="lax")
        return answer

    def fragment(self, template: str, **context: Any) -> str:
        """Render a piece of a page."""
        return environment_for(self.language).get_template(template).render(page=self, **context)

    @property
    def _zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.session.time_zone) if self.session else UTC
        except (ZoneInfoNotFoundError, ValueError):
            return UTC


def _packed(request: Request, text: str, status: int) -> HTMLResponse:
    # Members sit on weak links, and a page shrinks to a fifth. Lengths of compressed pages may betray what is the
    # same in all of them (BREACH); the one secret in a page, the CSRF token, is masked anew in each.
    body = text.encode()
    if len(body) < WORTH_PACKING or not accepts_gzip(request.headers.get("Accept-Encoding")):
        return HTMLResponse(body, status)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return HTMLResponse(gzip.compress(body, 5), status, headers=headers)


def language_for(request: Request) -> Language:
    """The language of a reader who has not signed in: what they chose, else what their browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGE_NAMES:
        return Language(chosen)
    return Language(language_of(*request.headers.getlist("Accept-Language")))


def page_for(request: Request, session: Session | None) -> Page:
    """The page of a request, whoever reads it."""
    theme = request.cookies.get(THEME_COOKIE)
    return Page(
        request=request,
        session=session,
        language=session.language if session else language_for(request),
        theme=theme if theme in THEMES else None,
        now=service_of(request).database.clock(),
        flash_key=request.cookies.get(FLASH_COOKIE),
    )


async def _page(request: Request, session: OptionalSession) -> Page:
    return page_for(request, session)


AnyonesPage = Annotated[Page, Depends(_page)]
"""A page that may be read without signing in."""


async def _page_with_count(page: AnyonesPage, notifications: Notifications) -> AsyncIterator[Page]:
    yield replace(page, unread=await unread_count(page, notifications))


async def unread_count(page: Page, notifications: NotificationsClient) -> int | None:
    """How many items the reader has not opened; nothing where that cannot be told now, and the page goes on."""
    if page.session is None:
        return None
    inbox = await or_else(
        notifications.inbox(page.session.member_id, language=page.language, only="unread", limit=1), None
    )
    return inbox.unread if inbox else None


CountedPage = Annotated[Page, Depends(_page_with_count)]
"""A page that shows the number of unread items in its head."""


async def or_else(asked: Awaitable[T], otherwise: T) -> T:
    """What a service answers, or this where it cannot answer: for what a page can do without."""
    try:
        return await asked
    except ServiceUnavailableError:
        return otherwise


def redirect(request: Request, path: str, *, flash: str | None = None) -> RedirectResponse:
    """Lead the browser on after a post, with a confirmation to show there."""
    answer = RedirectResponse(path, status_code=303)
    if flash is not None:
        answer.set_cookie(
            FLASH_COOKIE, flash, max_age=60, secure=is_https(request), httponly=True, samesite="lax"
        )
    return answer


def local_path(path: str) -> str:
    """The path if it leads to this site, else the home page: a form field must not lead elsewhere."""
    within = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if within else "/"
