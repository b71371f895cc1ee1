"""Who sends: whose key gets in, and when the registry is asked."""

from datetime import timedelta

import httpx
from partner_kit import KEY, STRUCTURED, Gateway, Others, an_event, outbox, post_event

from gateway.clients import (
    NotFoundError,
    RegistryClient,
    VerifiedKey,
)
from gateway.partners.domain.api_keys import PresentedKey
from gateway.partners.key_cache import MANY, VerifiedKeys
from gateway.settings import Settings


async def test_nobody_gets_in_without_a_known_key(client: httpx.AsyncClient) -> None:
    for authorization in (None, "Basic x", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}A"):
        headers = {"Content-Type": STRUCTURED, **({"Authorization": authorization} if authorization else {})}

        answer = await client.post("/events", content=b"{not even json", headers=headers)

        assert answer.status_code == 401, authorization
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_revoked_key_stops_working(gateway: Gateway, others: Others) -> None:
    async with gateway(key_cache=0) as client:
        assert (await post_event(client, an_event())).status_code == 202
        others.forgets(KEY)
        assert (await post_event(client, an_event())).status_code == 401


def test_a_revoked_key_is_remembered_for_two_seconds_at_most() -> None:
    assert Settings.model_fields["key_cache"].default <= timedelta(seconds=2)


async def test_a_key_is_looked_up_once_in_a_while(client: httpx.AsyncClient, others: Others) -> None:
    for _ in range(5):
        await post_event(client, an_event())

    assert others.asked == ["POST /keys/verify"]


async def test_a_registry_that_is_away_opens_no_door(client: httpx.AsyncClient, others: Others) -> None:
    others.away = True

    answer = await post_event(client, an_event())

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert await outbox(client) == []


class _Registry(RegistryClient):
    """Knows one key, and notes what it was asked."""

    def __init__(self, known: str) -> None:
        self._known = known
        self.asked: list[tuple[str, str]] = []

    async def verify_key(self, key_id: str, secret_sha256: str) -> VerifiedKey:
        self.asked.append((key_id, secret_sha256))
        if key_id != self._known:
            raise NotFoundError("registry", {})
        return VerifiedKey(key_id=key_id, partner="MINFI-SN", partner_name="Ministry", grants=frozenset())


async def test_made_up_keys_push_no_good_one_out() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(minutes=1))
    good = PresentedKey("good", "hash")
    assert await keys.owner_of(good) is not None
    for number in range(MANY + 1):
        assert await keys.owner_of(PresentedKey(f"made up {number}", "hash")) is None
    before = len(registry.asked)

    assert await keys.owner_of(good) is not None
    assert len(registry.asked) == before
