"""The inbox: what waits for the member, newest first, and the buttons that say it was read or is done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response

from gateway.clients import Item, Notifications
from gateway.sessions import SignedIn, check_csrf, signed_in
from gateway.web.error_pages import PageRoute
from gateway.web.page import AnyonesPage, Page, redirect, unread_count

router = APIRouter(route_class=PageRoute, dependencies=[Depends(signed_in)])

Only = Literal["open", "unread", "all"]


@router.get("/inbox")
async def show(
    page: AnyonesPage,
    session: SignedIn,
    notifications: Notifications,
    only: Only = "open",
    before: int | None = None,
) -> Response:
    inbox = await notifications.inbox(session.member_id, language=page.language, only=only, before=before)
    return await replace(page, unread=inbox.unread).html(
        "members/inbox.html",
        only=only,
        before=before,
        next=inbox.next,
        days=by_day(page, inbox.items),
        live_after=inbox.position if before is None else None,
    )


def by_day(page: Page, items: Sequence[Item]) -> list[tuple[date, list[Item]]]:
    """Group items by the member's own calendar days, newest day first, in the order they came within a day."""
    days: dict[date, list[Item]] = {}
    for item in items:
        days.setdefault(page.formats.local_day(item.created_at), []).append(item)
    return sorted(days.items(), reverse=True, key=lambda group: group[0])


@router.post("/inbox/{item_id}/{mark}", dependencies=[Depends(check_csrf)])
async def mark(
    item_id: UUID,
    mark: Literal["read", "done"],
    *,
    page: AnyonesPage,
    session: SignedIn,
    notifications: Notifications,
    only: Annotated[Only, Form()] = "open",
) -> Response:
    marking = notifications.read if mark == "read" else notifications.done
    item = await marking(session.member_id, item_id, language=page.language)
    if "HX-Request" not in page.request.headers:
        return redirect(page.request, f"/inbox?only={only}", flash=mark)
    unread = await unread_count(page, notifications)
    return await page.html("members/inbox_item_answer.html", item=item, only=only, unread=unread)
