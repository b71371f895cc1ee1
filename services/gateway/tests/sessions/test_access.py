"""Who gets in, who stays in, and which posts are believed: the session as every page relies on it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from partner_kit import OPERATOR, Gateway, Others, a_member

from chassis.http.access import public
from contracts.words import Role
from gateway.sessions import (
    OptionalSession,
    SignedIn,
    check_csrf,
    check_origin,
    cookie_name,
    require_role,
    set_session_cookie,
)
from gateway.sessions.domain import masked
from gateway.sign_in.workflows import redeem_link


def _with_probes(app: FastAPI) -> None:
    """Small pages of the test's own, so that nothing here hangs on how the real ones look."""

    @app.post("/probe/enter/{token}", dependencies=[public(), Depends(check_origin)])
    async def enter(token: str, request: Request) -> Response:
        async with request.app.state.service.database.transaction() as tx:
            entered = await redeem_link(tx, token)
        if entered is None:
            return Response(status_code=410)
        answer = Response(status_code=204)
        set_session_cookie(answer, entered[0], public_url=request.app.state.public_url)
        return answer

    @app.get("/probe/me")
    async def me(session: SignedIn) -> dict[str, str]:
        return {"label": session.label, "csrf": masked(session.csrf_token)}

    @app.get("/probe/maybe", dependencies=[public()])
    async def maybe(session: OptionalSession) -> bool:
        return session is not None

    @app.post("/probe/change", dependencies=[Depends(check_csrf)])
    async def change() -> str:
        return "changed"

    @app.get("/probe/operators", dependencies=[Depends(require_role(Role.OPERATOR))])
    async def operators() -> str:
        return "seen"


@pytest.fixture
async def browser(gateway: Gateway, others: Others) -> AsyncIterator[httpx.AsyncClient]:
    others.members = [a_member(), a_member(Role.OPERATOR, "COOP")]
    async with gateway() as client:
        _with_probes(client.app)  # type: ignore[attr-defined]
        yield client


async def _a_link(client: httpx.AsyncClient, role: str = "focal_point") -> str:
    made = await client.post("/internal/sign-in-links", json={"role": role}, headers=OPERATOR)
    return str(made.json()["url"]).rpartition("/")[2]


async def _enter(client: httpx.AsyncClient, role: str = "focal_point") -> httpx.Response:
    return await client.post(f"/probe/enter/{await _a_link(client, role)}")


async def test_a_link_opens_one_session(browser: httpx.AsyncClient) -> None:
    token = await _a_link(browser)

    entered = await browser.post(f"/probe/enter/{token}")
    again = await browser.post(f"/probe/enter/{token}")

    assert (entered.status_code, again.status_code) == (204, 410)
    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith("session=")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert (await browser.get("/probe/me")).json()["label"] == "focal point, CO-Dakar"


async def test_over_https_the_cookie_is_bound_to_the_host(gateway: Gateway, others: Others) -> None:
    others.members = [a_member()]
    async with gateway(public_url="https://network.test") as client:
        _with_probes(client.app)  # type: ignore[attr-defined]
        cookie = (await _enter(client)).headers["Set-Cookie"]

    assert cookie.startswith(f"{cookie_name('https://network.test')}=")
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie
    assert "Path=/;" in cookie
    assert "Domain" not in cookie


async def test_two_networks_on_one_host_do_not_end_each_others_sessions(
    gateway: Gateway, others: Others
) -> None:
    others.members = [a_member()]
    names: set[str] = set()
    for port in (8080, 8081):
        async with gateway(public_url=f"http://localhost:{port}") as client:
            _with_probes(client.app)  # type: ignore[attr-defined]
            names.add((await _enter(client)).headers["Set-Cookie"].partition("=")[0])

    assert len(names) == 2


async def test_a_reader_without_a_session_is_led_to_the_sign_in(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/probe/me", headers={"Accept": "text/html"})
    fragment = await browser.get("/probe/me", headers={"HX-Request": "true"})
    post = await browser.post("/probe/change", data={"csrf_token": "x"})
    forged = await browser.get("/probe/me", headers={"Cookie": "session=made-up", "Accept": "text/html"})

    assert (page.status_code, page.headers["Location"]) == (303, "/sign-in")
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/sign-in")
    assert post.status_code == 401
    assert forged.status_code == 303
    assert (await browser.get("/probe/maybe")).json() is False


async def test_a_change_needs_the_sessions_own_token(browser: httpx.AsyncClient) -> None:
    await _enter(browser)
    csrf = (await browser.get("/probe/me")).json()["csrf"]

    async def change(token: str | None, **headers: str) -> int:
        data = {} if token is None else {"csrf_token": token}
        return (await browser.post("/probe/change", data=data, headers=headers)).status_code

    assert await change(csrf) == 200
    assert await change(None, **{"X-CSRF-Token": csrf}) == 200
    assert await change(None) == 403
    assert await change("wrong") == 403
    assert await change("é") == 403
    assert await change(csrf, **{"X-CSRF-Token": "wrong"}) == 403


async def test_a_post_from_another_site_is_not_believed(browser: httpx.AsyncClient) -> None:
    token = await _a_link(browser)
    for headers in (
        {"Origin": "https://elsewhere.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert (await browser.post(f"/probe/enter/{token}", headers=headers)).status_code == 403

    own = {"Origin": "http://service.test", "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post(f"/probe/enter/{token}", headers=own)).status_code == 204


async def test_a_role_opens_only_its_own_pages(browser: httpx.AsyncClient) -> None:
    await _enter(browser)
    assert (await browser.get("/probe/operators")).status_code == 403

    await _enter(browser, "operator")
    assert (await browser.get("/probe/operators")).status_code == 200
