"""HTTP in: the inbox of a member, what changed in it, what the member does with an item; whose inbox changes, live."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from chassis.http.access import allow
from chassis.http.dependencies import Reading, Tx, service_of
from contracts.words import ItemId, Language, MemberId
from notifications import views, workflows
from notifications.stream import Streams
from notifications.tables import Item
from notifications.views import Changes, InboxView, ItemView, Only

_READERS = allow("gateway", "operator")
router = APIRouter(prefix="/members/{member_id}/inbox", dependencies=[_READERS])
live = APIRouter(prefix="/inboxes", dependencies=[_READERS])

_LARGEST_POSITION = 2**63 - 1


async def streams_of(request: Request) -> Streams:
    """The live streams of this process."""
    streams: Streams = request.app.state.streams
    return streams


@router.get("")
async def inbox(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    member_id: MemberId,
    session: Reading,
    language: Language | None = None,
    only: Only = Only.OPEN,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST_POSITION)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
) -> InboxView:
    """Show a page of the inbox, and how many items are unread; whom the directory lacks has an empty one."""
    reader = await views.reader_of(session, member_id, language, service_of(request).database.clock())
    return await views.inbox_page(session, member_id, reader, only=only, before=before, limit=limit)


@router.post("/{item_id}/read")
async def read(member_id: MemberId, item_id: ItemId, tx: Tx, language: Language | None = None) -> ItemView:
    """Note that the member opened the item. Repeating it changes nothing."""
    return await _shown(tx, await workflows.mark_read(tx, member_id, item_id), language)


@router.post("/{item_id}/done")
async def done(member_id: MemberId, item_id: ItemId, tx: Tx, language: Language | None = None) -> ItemView:
    """Note that the member has nothing more to do about the item. Repeating it changes nothing."""
    return await _shown(tx, await workflows.mark_done(tx, member_id, item_id), language)


@router.get("/changes")
async def changes(  # noqa: PLR0917 - FastAPI passes by name
    request: Request,
    member_id: MemberId,
    session: Reading,
    language: Language | None = None,
    after: Annotated[int | None, Query(ge=0, le=_LARGEST_POSITION)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Changes:
    """Tell what changed after a position, a page at a time; without one, the position to go on from."""
    reader = await views.reader_of(session, member_id, language, service_of(request).database.clock())
    return await views.changes_in(session, member_id, reader, after=after, limit=limit)


@live.get("/stream")
async def stream(streams: Annotated[Streams, Depends(streams_of)]) -> Response:
    """Name the members whose inbox changes, as it happens: `event: changed`, `data: {"members": [...]}`.

    `null` in place of the list means any of them: notices were lost, or too many to name. A client that begins, or
    comes back, takes it that all have changed.
    """
    return streams.open()


async def _shown(tx: Tx, item: Item, language: Language | None) -> ItemView:
    reader = await views.reader_of(tx.session, item.member_id, language, tx.now)
    [view] = await views.items_for(tx.session, [item], reader)
    return view
