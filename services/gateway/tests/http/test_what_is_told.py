"""What operators are told of requests at the one public door: no key, no link that lets in, no name a partner gave."""

from typing import Any

import httpx
import pytest
from page_kit import Reader
from partner_kit import KEY, Gateway, Others, an_event, bearer, post_event

from chassis.testing import Watch
from contracts.words import Language, Role

TOKEN = "live-token-of-Amina-Diop"
HIDDEN = "%6Cive%2Dtoken%2Dof%2DAmina%2DDiop"
URL = "http://service.test"
ADDRESSES = [
    f"/events?limit=1&key={KEY}",
    f"/nope/{KEY}",
    f"/events/{TOKEN}",
    f"/events/{HIDDEN}?source={TOKEN}",
    f"/events/?key={KEY}",
    f"/sign-in/{TOKEN}",
    f"//sign-in/{TOKEN}",
    f"/Sign-In/{TOKEN}",
    f"/foo/sign-in/{TOKEN}",
    f"/sign-in;{TOKEN}",
    f"/sign-in%2F{TOKEN}",
    f"/sign-in/{TOKEN}/",
    f"/SIGN-IN/{TOKEN.upper()}",
    f"/?next={TOKEN}",
    f"/sign-in?t={TOKEN}",
    f"/inbox?x={TOKEN}",
    f"/inbox/?x={TOKEN}",
    f"/static/{TOKEN}?{TOKEN}",
    f"/status?{TOKEN}",
    f"/docs%0A{HIDDEN}",
    f"/{HIDDEN}",
]
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "DELETE")


def _assert_untold(watch: Watch) -> None:
    told = watch.everything().lower()
    found = [secret for secret in (KEY, TOKEN, HIDDEN) if secret.lower() in told]
    assert found == []


@pytest.mark.parametrize("method", METHODS)
async def test_no_address_that_is_asked_for_is_told(
    client: httpx.AsyncClient, watch: Watch, method: str
) -> None:
    for address in ADDRESSES:
        await client.request(method, URL + address, headers={**bearer(), "tracestate": f"a={TOKEN}"})
        await client.request(method, URL + address, headers={"Accept": "text/html", "Host": TOKEN})

    assert len(watch.spans) > len(ADDRESSES)
    _assert_untold(watch)


async def test_a_link_that_lets_in_is_told_by_its_route(stranger: Reader, watch: Watch) -> None:
    path = httpx.URL(await stranger.link(Role.FOCAL_POINT, Language.FR)).path
    token = path.rpartition("/")[2]
    assert (await stranger.open(path)).status_code == 200
    assert (await stranger.send(path)).status_code == 303

    names = [span.name for span in watch.spans]
    assert [name for name in names if "sign-in" in name] == ["GET /sign-in/{token}", "POST /sign-in/{token}"]
    assert token not in watch.everything()


async def test_a_call_that_fails_is_told_without_what_was_asked(
    gateway: Gateway, others: Others, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"{request.url}/{TOKEN} is away")

    monkeypatch.setattr(others, "handle", fail)
    async with gateway() as client:
        event: dict[str, Any] = an_event(id=TOKEN)
        assert (await post_event(client, event)).status_code == 503

    [call] = [span for span in watch.spans if span.name == "POST registry"]
    assert dict(call.attributes or {}) == {
        "http.request.method": "POST",
        "server.address": "registry.test",
        "error.type": "ConnectError",
    }
    assert (call.status.is_ok, call.status.description, list(call.events)) == (False, None, [])
    _assert_untold(watch)
