"""What every call to another service shares: the bearer token, the time limit, the trace, the errors."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import orjson
from opentelemetry import trace
from pydantic import BaseModel, TypeAdapter, ValidationError

from chassis.telemetry.tracing import traceparent_of
from contracts.words import MemberId

M = TypeVar("M", bound=BaseModel)

_tracer = trace.get_tracer("gateway.clients")


class ServiceUnavailableError(Exception):
    """A service could not be reached, took too long, or answered with an error of its own."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service} is not available: {reason}")
        self.service = service


class NotFoundError(Exception):
    """The service knows nothing by this name."""

    def __init__(self, service: str, problem: Mapping[str, Any]) -> None:
        # What the service says of it may quote what was asked, and this is logged.
        super().__init__(f"{service}: not found")
        self.problem = problem


class ServiceRefusedError(Exception):
    """The service understood and refused; `problem` is its RFC 9457 answer."""

    def __init__(self, service: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{service} refused with {status}")
        self.status = status
        self.problem = problem


def http_client(
    url: str,
    *,
    token: str,
    timeout: timedelta,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """One client per service for the life of the process: connections are kept and counted."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=httpx.Timeout(timeout.total_seconds(), connect=2.0),
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=20),
        transport=transport,
        # Never by way of a proxy: these calls carry the service's own token.
        trust_env=False,
    )


class ServiceClient:
    """The part that is the same for every service."""

    service: str

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def status(self) -> Mapping[str, Any]:
        """What the service says of itself to operators: readiness, lag, outbox, dead letters."""
        answer: dict[str, Any] = orjson.loads(await self._call("GET", "/status"))
        return answer

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: object = None,
        actor: MemberId | None = None,
    ) -> bytes:
        headers: dict[str, str] = {}
        if actor is not None:
            headers["X-Actor"] = str(actor)
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._span(method) as span:
            if traceparent := traceparent_of():
                headers["traceparent"] = traceparent
            content = None if body is None else orjson.dumps(body)
            answer = await self._send(method, path, query=query, content=content, headers=headers)
            span.set_attribute("http.response.status_code", answer.status_code)
        return self.checked(answer.status_code, answer.content)

    @contextmanager
    def _span(self, method: str) -> Generator[trace.Span]:
        """A span of one call: which service, and how it ended.

        Nothing of path and query, which name whom it is about; an error by its class alone, its text may quote them.
        """
        with _tracer.start_as_current_span(
            f"{method} {self.service}",
            kind=trace.SpanKind.CLIENT,
            attributes={"http.request.method": method, "server.address": self._http.base_url.host},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error.__cause__ or error).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask without a span of its own; whatever the answer says."""
        params = {key: value for key, value in (query or {}).items() if value is not None}
        try:
            return await self._http.request(method, path, params=params, content=content, headers=headers)
        except httpx.TransportError as error:
            raise ServiceUnavailableError(self.service, type(error).__name__) from error

    def checked(self, status: int, content: bytes) -> bytes:
        """Give the content of a good answer; raise what a bad one means."""
        if 200 <= status < 300:  # noqa: PLR2004 - the range of good answers
            return content
        if status >= 500 or status in {401, 429}:  # noqa: PLR2004 - its own trouble, or ours with it
            raise ServiceUnavailableError(self.service, f"it answered {status}")
        problem = _problem(content)
        if status == 404:  # noqa: PLR2004
            raise NotFoundError(self.service, problem)
        raise ServiceRefusedError(self.service, status, problem)

    def _read(self, model: type[M], content: bytes) -> M:
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            raise ServiceUnavailableError(
                self.service, f"it answered something else than {model.__name__}"
            ) from error

    def _read_list(self, model: type[M], content: bytes) -> list[M]:
        try:
            adapter: TypeAdapter[list[M]] = TypeAdapter(list[model])  # pyright: ignore[reportInvalidTypeForm]
            return adapter.validate_json(content)
        except ValidationError as error:
            raise ServiceUnavailableError(
                self.service, f"it answered something else than {model.__name__}"
            ) from error


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        problem: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}


@dataclass(frozen=True)
class HttpClients:
    """The HTTP clients of one process, opened and closed together."""

    registry: httpx.AsyncClient
    coordination: httpx.AsyncClient
    notifications: httpx.AsyncClient
    streams: httpx.AsyncClient
    """For notifications' live stream alone: it holds a connection for as long as a page is open."""

    async def close(self) -> None:
        """Let go of every connection."""
        for client in (self.registry, self.coordination, self.notifications, self.streams):
            await client.aclose()
