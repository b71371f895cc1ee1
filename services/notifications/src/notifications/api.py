"""HTTP in: the inbox of a member, as a page and as a live stream, and what the member does with an item."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from chassis.field_errors import FieldError
from chassis.http.access import allow
from chassis.http.dependencies import Reading, Tx, service_of
from chassis.http.problems import Problem
from contracts.words import ItemId, Language, MemberId
from notifications import views, workflows
from notifications.stream import Streams
from notifications.tables import Item
from notifications.views import InboxView, ItemView, Only

router = APIRouter(prefix="/members/{member_id}/inbox", dependencies=[allow("gateway", "operator")])

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


@router.get("/stream")
async def stream(
    member_id: MemberId,
    streams: Annotated[Streams, Depends(streams_of)],
    language: Language | None = None,
    after: Annotated[int | None, Query(ge=0, le=_LARGEST_POSITION)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream new and changed items from `Last-Event-ID` on, or from `after`, where a page first connects."""
    position = _position(last_event_id) if last_event_id else after
    return await streams.open(member_id, language, after=position)


async def _shown(tx: Tx, item: Item, language: Language | None) -> ItemView:
    reader = await views.reader_of(tx.session, item.member_id, language, tx.now)
    [view] = await views.items_for(tx.session, [item], reader)
    return view


def _position(last_event_id: str) -> int:
    if not (last_event_id.isascii() and last_event_id.isdigit()) or int(last_event_id) > _LARGEST_POSITION:
        detail = "Last-Event-ID is the id of the last item the stream sent: a whole number."
        error = FieldError("header:Last-Event-ID", "not-a-position", detail)
        raise Problem(400, "unknown-position", detail, errors=[error])
    return int(last_event_id)
