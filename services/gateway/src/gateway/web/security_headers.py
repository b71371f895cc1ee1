"""What every answer tells the browser about safety, and HTML for people where the app would answer in JSON."""

from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import PROBLEM_JSON, Problem, failure, problem_response
from gateway.http.negotiation import prefers_html
from gateway.http.problems import localise
from gateway.web.error_pages import PageRoute, plain_page

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
    "Cache-Control": "no-store",
}
"""On every answer that says nothing else of the same."""
OVER_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
"""A browser that was here once over https never again sends anything in the clear, not even by a typed address."""


def security_headers(app: ASGIApp, *, https: bool) -> ASGIApp:
    """Middleware: the headers on every answer, and an error page where a person's browser meets an error."""
    wanted = ALWAYS | (OVER_HTTPS if https else {})
    # As they go over the wire, made once: there are as many as all others together, in every answer.
    headers = [(name.lower().encode(), value.encode()) for name, value in wanted.items()]

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send, headers)
        try:
            await app(scope, receive, answer.send)
        except Exception:
            # Logged and recorded by the layers outside, which see it go on; the reader gets a page meanwhile.
            await answer.fail()
            raise

    return guarded


class _Answer:
    """One answer on its way out."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, always: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._always = always
        self._started = False
        self._replaced = False

    @property
    def _for_a_person(self) -> bool:
        """Whether an error is to be a page: by the address it arose at, and for an address of nobody by `Accept`."""
        route = self._scope.get("route")
        headers = Headers(scope=self._scope)
        return (
            self._scope["method"] in {"GET", "HEAD", "POST"}
            # A fragment's script shows failures in its own way; the page around it stays.
            and "hx-request" not in headers
            and (route is None or isinstance(route, PageRoute))
            and prefers_html(headers.get("accept"))
        )

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if _is_problem(message) and self._for_a_person and await self._page(message["status"]):
                self._replaced = True
                return
            self._add_headers(message)
        if not self._replaced:
            await self._send(message)

    async def fail(self) -> None:
        """Say that it failed, here, where the headers are put on: what is answered further out has none."""
        if self._started:
            return
        self._started = self._replaced = True
        if self._for_a_person and await self._page(500):
            return
        request = Request(self._scope)
        answer = problem_response(request, localise(request, failure()))
        await answer(self._scope, self._receive, self._with_headers)

    async def _page(self, status: int) -> bool:
        """Answer with a page; tells whether there was time to make one."""
        try:
            answer = await plain_page(Request(self._scope), status)
        except Problem:
            return False
        await answer(self._scope, self._receive, self._with_headers)
        return True

    async def _with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        headers = list(message["headers"])
        said = {name.lower() for name, _ in headers}
        message["headers"] = headers + [one for one in self._always if one[0] not in said]


def _is_problem(message: MutableMapping[str, Any]) -> bool:
    return MutableHeaders(raw=message["headers"]).get("content-type", "").startswith(PROBLEM_JSON)
