"""Calls to notifications: a member's inbox, what changed in it, and the stream of whose inbox changes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

import httpx
from fastapi import Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

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


class ChangedItem(Item):
    """An item as it stands after its newest change; `traceparent` is what the push of it continues."""

    traceparent: str | None = None


class Changes(BaseModel):
    """What changed in an inbox after a position, oldest first; `position` is where to go on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    unread: int
    position: int
    items: tuple[ChangedItem, ...]


class Notice(BaseModel):
    """Whose inboxes have changed; no list stands for any of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    members: frozenset[MemberId] | None = None


NOTHING_NEW = Notice(members=frozenset())
"""What the stream says when nothing happens, so that one knows that it stands."""


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

    async def changes(
        self, member_id: MemberId, *, language: Language, after: int | None = None, limit: int = 50
    ) -> Changes:
        """What changed after a position, or where the inbox stands now. Not traced: the push of each item is."""
        query = {"language": language, "after": after, "limit": limit}
        answer = await self._send("GET", f"/members/{member_id}/inbox/changes", query=query)
        return self._read(Changes, self.checked(answer.status_code, answer.content))

    @asynccontextmanager
    async def notices(self) -> AsyncGenerator[AsyncIterator[Notice]]:
        """Open the stream of whose inbox changes, of all members; its first notice is that it stands.

        What fails while it is opened, and afterwards, is a ServiceUnavailableError. It does not end by itself.
        """
        timeout = httpx.Timeout(5.0, read=SILENCE_LIMIT)
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._streams.stream(
                "GET", "/inboxes/stream", headers=headers, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    self.checked(answer.status_code, await answer.aread())
                yield self._notices_in(answer.aiter_raw())
        except httpx.TransportError as error:
            raise ServiceUnavailableError(self.service, type(error).__name__) from error

    async def _notices_in(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Notice]:
        async for event in events(chunks):
            try:
                yield Notice.model_validate_json("\n".join(event.data)) if event.data else NOTHING_NEW
            except ValidationError as error:
                raise ServiceUnavailableError(
                    self.service, "it answered something else than a notice"
                ) from error
        raise ServiceUnavailableError(self.service, "its stream ended")


@dataclass
class ServerEvent:
    """One server-sent event, or a comment where it has no data."""

    id: str = ""
    data: list[str] = field(default_factory=list[str])


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Cut a byte stream into its events; comments come as events without data."""
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk.replace(b"\r", b"")).split(b"\n\n")
        for block in blocks:
            event = ServerEvent()
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "id":
                    event.id = value
                elif name == "data":
                    event.data.append(value)
            yield event


async def notifications_of(request: Request) -> NotificationsClient:
    client: NotificationsClient = request.app.state.notifications
    return client


Notifications = Annotated[NotificationsClient, Depends(notifications_of)]
