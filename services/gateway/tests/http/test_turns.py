"""What keeps the processor has its turn: of each caller one piece at a time, and nobody waits behind another's many."""

import asyncio
import threading

import httpx
import pytest

from gateway.http import turns
from gateway.http.budgets import CALLER, OverBudgetError
from gateway.http.turns import Turns


async def test_one_callers_many_pieces_are_done_one_after_another_and_others_at_once() -> None:
    pages = Turns("pages-under-test", at_once=2)
    goes_on, at_once, most = threading.Event(), 0, 0

    def work() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        goes_on.wait(10)
        at_once -= 1

    many = [asyncio.create_task(pages.do("one", work)) for _ in range(20)]
    await asyncio.sleep(0)

    assert await pages.do("other", lambda: "made") == "made"
    goes_on.set()
    await asyncio.gather(*many)
    assert most == 1
    assert pages.budget.used == 0


async def test_who_asks_for_more_than_can_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_QUEUE", 3)
    pages, goes_on = Turns("pages-under-test", at_once=2), threading.Event()
    many = [asyncio.create_task(pages.do("one", lambda: goes_on.wait(10))) for _ in range(4)]
    await asyncio.sleep(0.01)

    with pytest.raises(OverBudgetError) as error:
        await pages.do("one", lambda: None)

    assert error.value.whose == CALLER
    goes_on.set()
    await asyncio.gather(*many)


async def test_where_no_page_can_be_made_it_is_said_without_one(client: httpx.AsyncClient) -> None:
    app = client.app  # type: ignore[attr-defined]
    goes_on = threading.Event()
    app.state.page_turns = Turns("pages-under-test", at_once=1)
    app.state.page_turns.budget._patience = 0.05
    held = asyncio.create_task(app.state.page_turns.do("address 127.0.0.1", lambda: goes_on.wait(10)))
    await asyncio.sleep(0.01)

    page = await client.get("/sign-in", headers={"Accept": "text/html"})
    nowhere = await client.get("/nowhere", headers={"Accept": "text/html"})

    goes_on.set()
    await held
    assert (page.status_code, page.headers["Retry-After"]) == (429, "5")
    assert page.headers["Content-Type"] == "application/problem+json"
    assert nowhere.status_code == 404
    assert (await client.get("/sign-in", headers={"Accept": "text/html"})).status_code == 200
