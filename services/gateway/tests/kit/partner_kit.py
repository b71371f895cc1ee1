"""What the gateway's tests speak with: keys, the services behind as they would answer, events as partners send them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson

from chassis.testing import announced
from contracts.catalogue import PARTNER_EVENTS
from contracts.event import Envelope
from contracts.registry import MemberFacts
from contracts.words import Language, MemberId, Role
from gateway.clients import VerifiedKey

Gateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
"""`async with gateway(events_burst=3) as client`: the fixture's type."""

EXAMPLES = Path(__file__).parents[4] / "contracts" / "examples"
ASSISTANCE = "partner.assistance.requested.v1"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
KEY = "sse_abcdefghij23_" + "S" * 43
OTHER_KEY = "sse_zyxwvutsrq54_" + "-" * 43
PARTNER = VerifiedKey(
    key_id="abcdefghij23",
    partner="MINFI-SN",
    partner_name="Ministry, Senegal",
    grants=frozenset(PARTNER_EVENTS),
)
OTHER_PARTNER = VerifiedKey(
    key_id="zyxwvutsrq54",
    partner="STAT-CO",
    partner_name="Statistics, Colombia",
    grants=frozenset({ASSISTANCE}),
)
OPERATOR = {"Authorization": "Bearer for-the-operator"}


def bearer(key: str = KEY) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def an_event(**changes: Any) -> dict[str, Any]:
    """A request for assistance in structured form; `data__country="ZZ"` changes a field of the data."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": "https://ess.gouv.sn.example/demandes",
        "type": ASSISTANCE,
        "time": "2026-11-03T09:12:04Z",
        "data": {
            "title": {"language": "fr", "text": "Appui à la loi d'orientation"},
            "description": {"language": "fr", "text": "Un avis sur les critères d'agrément."},
            "country": "SN",
            "requested_by": "Direction de l'économie sociale",
            "constituency": "government",
        },
    }
    for name, value in changes.items():
        place, _, field = name.partition("__")
        (event[place] if field else event)[field or place] = value
    return event


async def post_event(
    client: httpx.AsyncClient, event: Any, *, key: str = KEY, mode: str = STRUCTURED, **headers: str
) -> httpx.Response:
    return await client.post(
        "/events", content=orjson.dumps(event), headers={"Content-Type": mode, **bearer(key), **headers}
    )


async def outbox(client: httpx.AsyncClient) -> list[Envelope]:
    """What the running gateway announced."""
    return await announced(client.app.state.service.database)  # type: ignore[attr-defined]


def examples() -> list[tuple[str, dict[str, Any]]]:
    """Every example of a partner's event that the contracts publish."""
    paths = sorted(path for kind in PARTNER_EVENTS for path in (EXAMPLES / kind).glob("*.json"))
    return [
        (f"{path.parent.name}/{path.stem}", json.loads(path.read_text(encoding="utf-8"))) for path in paths
    ]


def a_member(role: Role = Role.FOCAL_POINT, organisation: str = "CO-Dakar", **changes: Any) -> MemberFacts:
    return MemberFacts(
        member_id=MemberId(changes.get("member_id", uuid4())),
        organisation=organisation,
        role=role,
        label=f"{role.value.replace('_', ' ')}, {organisation}",
        language=changes.get("language", Language.FR),
        time_zone="Africa/Dakar",
    )


class Others:
    """The registry and the other services, as far as these tests ask them; `away` makes them unreachable."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[str] = []
        self.members: list[MemberFacts] = []
        self._keys: dict[tuple[str, str], VerifiedKey] = {}
        self.knows(KEY, PARTNER)
        self.knows(OTHER_KEY, OTHER_PARTNER)

    def knows(self, key: str, owner: VerifiedKey) -> None:
        self._keys[self._shown(key)] = owner

    def forgets(self, key: str) -> None:
        del self._keys[self._shown(key)]

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if self.away:
            raise httpx.ConnectError("away")
        assert request.headers["Authorization"] == "Bearer the-gateways-own"
        match request.url.path:
            case "/keys/verify":
                return self._verify(json.loads(request.content))
            case "/members":
                found = [one for one in self.members if self._is_asked_for(one, request.url.params)]
                return httpx.Response(200, json=[one.model_dump(mode="json") for one in found])
            case _:
                return httpx.Response(404, json={"type": "urn:ilo:sse:problem:not-found", "status": 404})

    def _verify(self, shown: Mapping[str, str]) -> httpx.Response:
        owner = self._keys.get((shown["key_id"], shown["secret_sha256"]))
        if owner is None:
            return httpx.Response(404, json={"type": "urn:ilo:sse:problem:no-such-key", "status": 404})
        if owner.expires_at is not None and owner.expires_at <= datetime.now(UTC):
            return httpx.Response(410, json={"type": "urn:ilo:sse:problem:key-expired", "status": 410})
        return httpx.Response(200, json=owner.model_dump(mode="json"))

    @staticmethod
    def _is_asked_for(member: MemberFacts, query: Mapping[str, str]) -> bool:
        return query.get("role", member.role) == member.role and (
            query.get("organisation", member.organisation) == member.organisation
        )

    @staticmethod
    def _shown(key: str) -> tuple[str, str]:
        _, key_id, secret = key.split("_", 2)
        return key_id, hashlib.sha256(secret.encode()).hexdigest()


def is_uuid(text: str) -> bool:
    return str(UUID(text)) == text
