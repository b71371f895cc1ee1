"""What every answer tells the browser about safety, and HTML for people where the app would answer in JSON."""

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http import PROBLEM_JSON
from gateway.pages.failures import plain_page

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under it browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
}


def security_headers(app: ASGIApp) -> ASGIApp:
    """Middleware: the headers on every answer, and an error page where a person's browser meets an error."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        try:
            await app(scope, receive, answer.send)
        except Exception:
            # Logged and recorded by the layers outside, which see it go on; the reader gets a page meanwhile.
            await answer.fail()
            raise

    return guarded


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = False
        self._replaced = False
        accept = Headers(scope=scope).get("accept", "")
        self._for_a_person = scope["method"] in {"GET", "HEAD"} and "text/html" in accept

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if self._for_a_person and _is_problem(message):
                self._replaced = True
                await self._page(message["status"])
                return
            _add_headers(message)
        if not self._replaced:
            await self._send(message)

    async def fail(self) -> None:
        if not self._started and self._for_a_person:
            self._started = self._replaced = True
            await self._page(500)

    async def _page(self, status: int) -> None:
        answer, _ = plain_page(Request(self._scope), status)
        await answer(self._scope, self._receive, self._with_headers)

    async def _with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            _add_headers(message)
        await self._send(message)


def _is_problem(message: MutableMapping[str, Any]) -> bool:
    return MutableHeaders(raw=message["headers"]).get("content-type", "").startswith(PROBLEM_JSON)


def _add_headers(message: Message) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
