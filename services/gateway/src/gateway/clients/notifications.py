"""Calls to notifications: a member's inbox, and the stream of what is new in it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import httpx
from fastapi import Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from chassis.telemetry.tracing import traceparent_of
from contracts.words import ItemId, Language, MemberId, TaskId
from gateway.clients.service_client import ServiceClient, ServiceUnavailableError

SILENCE_LIMIT = 40.0
"""The stream says something every 15 s; a line that is silent for longer is dead."""


class ItemRequest(BaseModel):
    """The partner's own words, in the partner's language."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: str
    text: str


class Item(BaseModel):
    """One entry of an inbox; `title` and `body` are in the language that was asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item_id: ItemId
    position: int
    reason: str
    event_type: str
    task_id: TaskId | None = None
    title: str
    body: str
    request: ItemRequest | None = None
    created_at: AwareDatetime
    due_on: date | None = None
    read_at: AwareDatetime | None = None
    done_at: AwareDatetime | None = None
    trace_id: str | None = None


class Inbox(BaseModel):
    """A page of an inbox, newest first; `next` is the `before` of the following page, `position` where it stands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    unread: int
    position: int
    items: tuple[Item, ...]
    next: int | None = None


class NotificationsClient(ServiceClient):
    """Who must know."""

    service = "notifications"

    def __init__(self, http: httpx.AsyncClient, *, streams: httpx.AsyncClient) -> None:
        super().__init__(http)
        self._streams = streams

    async def inbox(
        self,
        member_id: MemberId,
        *,
        language: Language,
        only: Literal["unread", "open", "all"] = "all",
        before: int | None = None,
        limit: int = 50,
    ) -> Inbox:
        content = await self._call(
            "GET",
            f"/members/{member_id}/inbox",
            query={"language": language, "only": only, "before": before, "limit": limit},
        )
        return self._read(Inbox, content)

    async def read(self, member_id: MemberId, item_id: ItemId | UUID, *, language: Language) -> Item:
        return await self._mark(member_id, item_id, "read", language)

    async def done(self, member_id: MemberId, item_id: ItemId | UUID, *, language: Language) -> Item:
        return await self._mark(member_id, item_id, "done", language)

    async def _mark(self, member_id: MemberId, item_id: UUID, mark: str, language: Language) -> Item:
        content = await self._call(
            "POST", f"/members/{member_id}/inbox/{item_id}/{mark}", query={"language": language}
        )
        return self._read(Item, content)

    @asynccontextmanager
    async def inbox_stream(
        self, member_id: MemberId, *, language: Language, after: int | None = None
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open the live stream and give its raw server-sent events; what fails before them is raised here."""
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        if traceparent := traceparent_of():
            headers["traceparent"] = traceparent
        try:
            async with self._streams.stream(
                "GET",
                f"/members/{member_id}/inbox/stream",
                params={"language": language},
                headers=headers,
                timeout=httpx.Timeout(5.0, read=SILENCE_LIMIT),
            ) as answer:
                if not answer.is_success:
                    self.checked(answer.status_code, await answer.aread())
                yield answer.aiter_raw()
        except httpx.TransportError as error:
            raise ServiceUnavailableError(self.service, type(error).__name__) from error


async def notifications_of(request: Request) -> NotificationsClient:
    client: NotificationsClient = request.app.state.notifications
    return client


Notifications = Annotated[NotificationsClient, Depends(notifications_of)]
