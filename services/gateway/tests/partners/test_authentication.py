"""Who sends: whose key gets in, and when the registry is asked."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from partner_kit import KEY, OTHER_KEY, STRUCTURED, Gateway, Others, an_event, outbox, post_event

from gateway.clients import (
    NotFoundError,
    RegistryClient,
    VerifiedKey,
)
from gateway.partners.domain.api_keys import PresentedKey
from gateway.partners.key_cache import ADDRESSES, MANY, TooManyKeysError, VerifiedKeys
from gateway.settings import Settings


async def test_nobody_gets_in_without_a_known_key(client: httpx.AsyncClient) -> None:
    for authorization in (None, "Basic x", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}A"):
        headers = {"Content-Type": STRUCTURED, **({"Authorization": authorization} if authorization else {})}

        answer = await client.post("/events", content=b"{not even json", headers=headers)

        assert answer.status_code == 401, authorization
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "shown", [KEY, f"ApiKey {KEY}", f'Bearer "{KEY}"', "Bearer sse_...", "Basic eDp5", ""]
)
async def test_what_has_not_the_form_of_a_key_is_told_how_one_is_sent(
    client: httpx.AsyncClient, shown: str
) -> None:
    answer = await client.get("/events", headers={"Authorization": shown})
    unknown = await client.get("/events", headers={"Authorization": f"Bearer {KEY[:-1]}A"})

    assert answer.json()["detail"] == "Send your key as: Authorization: Bearer sse_..."
    assert unknown.json()["detail"] == "This key is unknown or revoked."
    assert "invalid_token" in unknown.headers["WWW-Authenticate"]


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

    knows_all = False

    def __init__(self, known: str) -> None:
        self._known = known
        self.asked: list[tuple[str, str]] = []

    async def verify_key(self, key_id: str, secret_sha256: str) -> VerifiedKey:
        self.asked.append((key_id, secret_sha256))
        await asyncio.sleep(0)
        if key_id != self._known and not self.knows_all:
            raise NotFoundError("registry", {})
        return VerifiedKey(key_id=key_id, partner="MINFI-SN", partner_name="Ministry", grants=frozenset())


def _made_up(number: int) -> PresentedKey:
    return PresentedKey(f"made up {number}", "hash")


async def test_made_up_keys_push_no_good_one_out() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(minutes=1), checks_burst=2 * MANY)
    good = PresentedKey("good", "hash")
    assert await keys.owner_of(good, address="partner") is not None
    for number in range(MANY + 1):
        assert await keys.owner_of(_made_up(number), address="guesser") is None
    before = len(registry.asked)

    assert await keys.owner_of(good, address="partner") is not None
    assert len(registry.asked) == before


async def test_a_wrong_key_costs_the_registry_one_question_however_often_it_is_shown() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(0))

    for _ in range(50):
        assert await keys.owner_of(_made_up(1), address="partner") is None

    assert len(registry.asked) == 1


async def test_who_guesses_keys_is_told_to_come_back_and_holds_up_nobody_with_a_good_one() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(0), checks_per_second=1, checks_burst=3)
    good = PresentedKey("good", "hash")
    assert await keys.owner_of(good, address="shared") is not None
    for number in range(3):
        assert await keys.owner_of(_made_up(number), address="shared") is None

    with pytest.raises(TooManyKeysError) as refused:
        await keys.owner_of(_made_up(3), address="shared")

    assert refused.value.wait_seconds >= 1
    assert len(registry.asked) == 4
    # Asked about anew, since its life is nothing; and from an address that has guessed.
    assert await keys.owner_of(good, address="shared") is not None
    assert await keys.owner_of(_made_up(3), address="elsewhere") is None


async def test_guesses_from_everywhere_have_a_bound_in_all() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(0), checks_per_second=1, checks_burst=2)
    refused = 0
    for number in range(100):
        try:
            await keys.owner_of(_made_up(number), address=f"address {number}")
        except TooManyKeysError:
            refused += 1

    assert len(registry.asked) == 100 - refused <= 2 * ADDRESSES + 2


async def test_a_good_key_costs_none_of_the_allowance_for_guesses() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(0), checks_per_second=1, checks_burst=1)
    registry.knows_all = True

    for number in range(20):
        assert await keys.owner_of(_made_up(number), address="proxy") is not None


async def test_many_clients_with_one_key_ask_about_it_once() -> None:
    registry = _Registry("good")
    keys = VerifiedKeys(registry, life=timedelta(minutes=1))
    good = PresentedKey("good", "hash")

    owners = await asyncio.gather(*(keys.owner_of(good, address="partner") for _ in range(200)))

    assert None not in owners
    assert len(registry.asked) == 1


async def test_a_guesser_is_answered_with_429_over_http(gateway: Gateway, others: Others) -> None:
    async with gateway(key_checks_per_second=1, key_checks_burst=2) as client:
        answers = [
            await post_event(client, an_event(), key=f"sse_{'a' * 11}{letter}_" + "x" * 43)
            for letter in "bcde"
        ]
        partner = await post_event(client, an_event(), key=OTHER_KEY)

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    # From the same address, and never seen before: it has to wait as well, and is told so.
    assert partner.status_code == 429
    assert others.asked.count("POST /keys/verify") == 2
