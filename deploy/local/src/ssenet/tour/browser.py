"""As much of a browser as signing in and watching an inbox takes: cookies, forms, redirects, a live stream."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

from ssenet.data_folder.folder import DataFolder
from ssenet.network.hints import in_full
from ssenet.terminal.errors import CommandError

REDIRECTS = {302, 303, 307}
FAILURE = 400
MANY_REDIRECTS = 5


@dataclass(frozen=True)
class Page:
    """What came back, and the address it came from."""

    url: str
    status: int
    text: str


@dataclass(frozen=True)
class Form:
    """A form as its page holds it."""

    action: str
    fields: dict[str, str]


class Browser:
    """One visitor of one network's site."""

    def __init__(self, folder: DataFolder, *, timeout: float) -> None:
        self.timeout = timeout
        self._folder = folder
        self._cookies: dict[str, str] = {}

    def open(self, url: str, form: Form | None = None) -> Page:
        """Go there, or send a form there, and follow where it leads; raises CommandError on an error page."""
        for _ in range(MANY_REDIRECTS):
            connection, answer = self._ask(url, form)
            with connection:
                text = answer.read().decode("utf-8", "replace")
            if answer.status in REDIRECTS:
                url, form = urljoin(url, answer.headers["Location"]), None
                continue
            if answer.status >= FAILURE:
                raise CommandError(f"{_path(url)} answered {answer.status}.", hint=self._see("logs gateway"))
            return Page(url, answer.status, text)
        raise CommandError(f"{_path(url)} redirects without end.")

    def stream(self, url: str) -> Iterator[str]:
        """The lines of a live stream as they come; the first comes once the stream is open."""
        connection, answer = self._ask(url, None, accept="text/event-stream")
        with connection:
            if answer.status >= FAILURE:
                raise CommandError(f"{_path(url)} answered {answer.status}.", hint=self._see("logs gateway"))
            while line := answer.readline():
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    def _ask(
        self, url: str, form: Form | None, *, accept: str = "text/html"
    ) -> "tuple[_Connection, http.client.HTTPResponse]":
        parts = urlsplit(url)
        headers = {"Accept": accept, "Accept-Language": "en"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        body = None
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"{parts.scheme}://{parts.netloc}",
                "Sec-Fetch-Site": "same-origin",
            }
            body = urlencode(form.fields)
        connection = _Connection(parts.netloc, timeout=self.timeout)
        try:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request("POST" if form else "GET", path, body=body, headers=headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise CommandError("The gateway does not answer.", hint=self._see("status")) from error
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
        return connection, answer

    def _see(self, words: str) -> str:
        return f"See {in_full(self._folder, words)}."


class _Connection(http.client.HTTPConnection):
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class _Reader(HTMLParser):
    """Collects the forms of a page, and the attributes that name a live stream."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.streams: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", ""), {}))
            self._open = True
        elif self._open and tag in {"input", "button"} and attributes.get("name"):
            self.forms[-1].fields[attributes["name"]] = attributes.get("value", "")
        if stream := attributes.get("hx-sse:connect"):
            self.streams.append(stream)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def form_to(page: Page, action: str) -> Form:
    """The form of a page that goes to this address."""
    for form in _read(page).forms:
        if urljoin(page.url, form.action) == urljoin(page.url, action):
            return Form(urljoin(page.url, form.action), form.fields)
    raise CommandError(f"{_path(page.url)} has no form to {_path(action)}.")


def stream_of(page: Page) -> str:
    """The address of the live stream that a page opens."""
    for stream in _read(page).streams:
        return urljoin(page.url, stream)
    raise CommandError(f"{_path(page.url)} opens no live stream.")


def _read(page: Page) -> _Reader:
    reader = _Reader()
    reader.feed(page.text)
    return reader


def _path(url: str) -> str:
    # A sign-in link's token is not for messages.
    return "/sign-in/…" if urlsplit(url).path.startswith("/sign-in/") else urlsplit(url).path
