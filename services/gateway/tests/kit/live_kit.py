"""Inboxes behind the live pages, as notifications would answer for them, and members who are signed in."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import orjson
from page_kit import ITEM, an_item

from chassis.database.engine import Database
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId, Role
from gateway.clients import NotificationsClient, http_client
from gateway.sessions import Session
from gateway.sign_in.workflows import issue_link, redeem_link

Json = dict[str, Any]
STANDS = b"retry: 2000\n\n"


class _Notices(httpx.AsyncByteStream):
    """What is put into a queue; None ends it as a lost connection does."""

    def __init__(self, open_ones: "list[_Notices]") -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.queue.put_nowait(STANDS)
        self._open_ones = open_ones
        open_ones.append(self)

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while (chunk := await self.queue.get()) is not None:
            yield chunk
        raise httpx.ReadError("cut")

    async def aclose(self) -> None:
        self._open_ones.remove(self)


@dataclass
class Inboxes:
    """Each member's changes, in the order of their positions; who listens to notices; and what was asked."""

    away: bool = False
    inboxes: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    listening: list[_Notices] = field(default_factory=list[_Notices])
    looks: list[tuple[str, int | None]] = field(default_factory=list[tuple[str, int | None]])

    def change(self, member_id: MemberId, *, item: UUID | None = None, quietly: bool = False) -> int:
        """Put an item, or a change of one, into an inbox; tell of it unless it is to be missed."""
        inbox = self.inboxes.setdefault(str(member_id), [])
        position = len(inbox) + 1
        name = str(item or uuid5(ITEM, f"{member_id} {position}"))
        inbox.append(an_item(item_id=name, position=position, traceparent=None))
        if not quietly:
            self.tell([member_id])
        return position

    def tell(self, members: Iterable[MemberId] | None) -> None:
        told = None if members is None else [str(one) for one in members]
        for notices in self.listening:
            notices.queue.put_nowait(b"event: changed\ndata: %b\n\n" % orjson.dumps({"members": told}))

    def beat(self) -> None:
        for notices in self.listening:
            notices.queue.put_nowait(b": still here\n\n")

    def cut(self) -> None:
        for notices in self.listening:
            notices.queue.put_nowait(None)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        if request.url.path == "/inboxes/stream":
            return httpx.Response(200, stream=_Notices(self.listening))
        _, _, member_id, _, asked = request.url.path.split("/")
        assert asked == "changes"
        after = request.url.params.get("after")
        self.looks.append((member_id, int(after) if after else None))
        await asyncio.sleep(0)
        return httpx.Response(200, json=self._changes(member_id, after, int(request.url.params["limit"])))

    def _changes(self, member_id: str, after: str | None, limit: int) -> Json:
        inbox = self.inboxes.get(member_id, [])
        newest = {one["item_id"]: one for one in inbox}.values()
        found = [one for one in newest if after is not None and one["position"] > int(after)][:limit]
        position = found[-1]["position"] if found else len(inbox)
        return {"unread": len(newest), "position": position, "items": found}

    def client(self) -> NotificationsClient:
        transport = httpx.MockTransport(self.handle)
        http = http_client(
            "http://behind.test", token="ours", timeout=timedelta(seconds=5), transport=transport
        )
        return NotificationsClient(http, streams=http)


async def signed_in(database: Database, member_id: MemberId | None = None) -> tuple[str, Session]:
    """A member with a session of their own: its cookie, and what the pages know of it."""
    facts = MemberFacts(
        member_id=member_id or MemberId(uuid4()),
        organisation="CO-Dakar",
        role=Role.FOCAL_POINT,
        label="focal point, CO-Dakar",
        language=Language.EN,
        time_zone="UTC",
    )
    async with database.transaction() as tx:
        entered = await redeem_link(tx, await issue_link(tx, facts))
    assert entered is not None
    return entered
