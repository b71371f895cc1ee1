"""The running registry over HTTP, with its database and its broker."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from chassis.database.tables import outbox, published
from chassis.http.access import undeclared_endpoints
from chassis.testing import Running
from registry.app import build
from registry.directory import packaged
from registry.settings import Settings

GATEWAY = {"Authorization": "Bearer for-the-gateway"}
OPERATOR = {"Authorization": "Bearer for-the-operator"}
OTTAWA = {
    "kind": "office",
    "names": [{"language": "en", "name": "ILO Office, Ottawa"}, {"language": "fr", "name": "Bureau, Ottawa"}],
    "country": "CA",
    "covers": ["CA"],
}
PARTNER = {
    "name": "UN Inter-Agency Task Force on SSE",
    "language": "en",
    "grants": ["partner.assistance.requested.v1"],
}


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    callers = {"gateway": "for-the-gateway", "operator": "for-the-operator"}
    async with running(build, Settings, "registry", callers=callers) as client:
        yield client


async def _get(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path, headers=GATEWAY)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _put(client: httpx.AsyncClient, path: str, body: object) -> httpx.Response:
    return await client.put(path, json=body, headers=OPERATOR)


async def _issued(client: httpx.AsyncClient) -> dict[str, str]:
    await _put(client, "/partners/UNTFSSE", PARTNER)
    answer = await client.post("/partners/UNTFSSE/keys", headers=OPERATOR)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _digest(key: str) -> dict[str, str]:
    from hashlib import sha256

    _, key_id, secret = key.split("_", 2)
    return {"key_id": key_id, "secret_sha256": sha256(secret.encode()).hexdigest()}


async def test_every_endpoint_says_who_may_call(client: httpx.AsyncClient) -> None:
    assert undeclared_endpoints(client.app) == []  # type: ignore[attr-defined]


async def test_a_ready_registry_has_its_directory_on_the_stream(client: httpx.AsyncClient) -> None:
    database = client.app.state.service.database  # type: ignore[attr-defined]
    async with database.reading() as session:
        waiting = await session.scalar(sa.select(sa.func.count()).where(~published).select_from(outbox))
        announced = await session.scalar(sa.select(sa.func.count()).select_from(outbox))

    assert (waiting, announced) == (0, 126)
    assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("code", ["DWT/CO-Dakar", "DWT%2FCO-Dakar", "CO-Dakar", "co-dakar"])
async def test_an_office_is_found_as_people_write_it(client: httpx.AsyncClient, code: str) -> None:
    found = await _get(client, f"/organisations/{code}")

    assert found["code"] == "DWT/CO-Dakar"
    assert found["covers"] == ["CV", "GN", "GW", "SN"]
    assert [name["language"] for name in found["names"]] == ["en", "fr", "es", "ar"]


async def test_a_code_with_accents_and_spaces_is_found(client: httpx.AsyncClient) -> None:
    assert (await _get(client, "/organisations/DWT/CO-Yaoundé"))["code"] == "DWT/CO-Yaoundé"
    assert (await _get(client, "/organisations/RO-Arab States"))["region"] == "arab_states"


async def test_a_country_finds_its_one_office(client: httpx.AsyncClient) -> None:
    assert [each["code"] for each in await _get(client, "/organisations?covers=SN")] == ["DWT/CO-Dakar"]
    assert await _get(client, "/organisations?covers=CA") == []
    assert len(await _get(client, "/organisations?kind=unit")) == 6


async def test_a_country_that_does_not_exist_is_pointed_at(client: httpx.AsyncClient) -> None:
    answer = await client.get("/organisations?covers=XX", headers=GATEWAY)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "query:covers"


async def test_an_unknown_organisation_or_member_is_a_plain_answer(client: httpx.AsyncClient) -> None:
    for path, code in [
        ("/organisations/CO-Atlantis", "no-such-organisation"),
        ("/members?organisation=CO-Atlantis", "no-such-organisation"),
        (f"/members/{uuid4()}", "no-such-member"),
    ]:
        answer = await client.get(path, headers=GATEWAY)
        assert (answer.status_code, answer.json()["type"]) == (404, f"urn:ilo:sse:problem:{code}")


async def test_the_focal_point_of_an_office_is_found(client: httpx.AsyncClient) -> None:
    [member] = await _get(client, "/members?organisation=CO-Dakar&role=focal_point")

    assert member["label"] == "focal point, CO-Dakar"
    assert await _get(client, f"/members/{member['member_id']}") == member


async def test_the_gateway_reads_and_never_writes(client: httpx.AsyncClient) -> None:
    calls = [
        ("PUT", "/organisations/ILO-Ottawa", OTTAWA),
        ("PUT", f"/members/{uuid4()}", {}),
        ("DELETE", f"/members/{uuid4()}", None),
        ("PUT", "/partners/UNTFSSE", PARTNER),
        ("POST", "/partners/UNTFSSE/keys", None),
        ("POST", "/partners/UNTFSSE/keys/rotate", None),
        ("DELETE", "/partners/UNTFSSE/keys", None),
        ("DELETE", "/partners/UNTFSSE/keys/a", None),
    ]
    for method, path, body in calls:
        answer = await client.request(method, path, json=body, headers=GATEWAY)
        assert answer.status_code == 403, (method, path)


async def test_without_a_token_nothing_is_told(client: httpx.AsyncClient) -> None:
    for path in ("/organisations", "/organisations/COOP", "/members", "/partners"):
        assert (await client.get(path)).status_code == 401
    operators = await client.post("/keys/verify", json=_digest("sse_a_b"), headers=OPERATOR)
    assert operators.status_code == 403


async def test_an_office_is_registered_then_updated_then_left_as_it_is(client: httpx.AsyncClient) -> None:
    path = "/organisations/ILO-Ottawa"

    created = await _put(client, path, OTTAWA)
    updated = await _put(client, path, OTTAWA | {"city": "Ottawa", "confirmed": True})

    assert (created.status_code, updated.status_code) == (201, 200)
    assert await _get(client, path) == updated.json()
    assert [each["code"] for each in await _get(client, "/organisations?covers=CA")] == ["ILO-Ottawa"]


async def test_a_new_offices_focal_point_is_spoken_to_as_the_operator_says(
    client: httpx.AsyncClient,
) -> None:
    told = OTTAWA | {"focal_point": {"language": "fr", "time_zone": "America/Toronto"}}

    assert (await _put(client, "/organisations/ILO-Ottawa", told)).status_code == 201

    [member] = await _get(client, "/members?organisation=ILO-Ottawa")
    assert (member["role"], member["language"], member["time_zone"]) == (
        "focal_point",
        "fr",
        "America/Toronto",
    )


async def test_a_focal_point_in_no_time_zone_is_pointed_at(client: httpx.AsyncClient) -> None:
    body = OTTAWA | {"focal_point": {"language": "fr", "time_zone": "America/Otawa"}}

    answer = await _put(client, "/organisations/ILO-Ottawa", body)

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/focal_point/time_zone"]


async def test_a_coordinator_of_another_unit_is_refused_by_its_role(client: httpx.AsyncClient) -> None:
    body = {"organisation": "CO-Hanoi", "role": "coordinator", "language": "en", "time_zone": "Asia/Bangkok"}

    answer = await _put(client, f"/members/{uuid4()}", body)

    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/role", "misplaced-coordinator")
    ]


async def test_every_wrong_field_of_an_organisation_is_pointed_at(client: httpx.AsyncClient) -> None:
    body = OTTAWA | {"country": "XX", "covers": ["CA", "SN", "QQ"], "parent": "RO-Nowhere"}

    answer = await _put(client, "/organisations/ILO-Ottawa", body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {error["pointer"]: error["code"] for error in answer.json()["errors"]} == {
        "/country": "unknown-country",
        "/covers/1": "country-covered",
        "/covers/2": "unknown-country",
        "/parent": "unknown-organisation",
    }


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"kind": "partner"}, "/kind"),
        ({"names": []}, "/names"),
        ({"names": [{"language": "en", "name": "a\u0000b"}]}, "/names/0/name"),
        ({"region": "atlantis"}, "/region"),
        ({"cuntry": "CA"}, "/cuntry"),
    ],
)
async def test_a_malformed_field_is_pointed_at(
    client: httpx.AsyncClient, change: dict[str, object], pointer: str
) -> None:
    answer = await _put(client, "/organisations/ILO-Ottawa", OTTAWA | change)

    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


async def test_an_account_is_opened_changed_and_closed(client: httpx.AsyncClient) -> None:
    path = f"/members/{uuid4()}"
    body = {"organisation": "CO-Hanoi", "role": "focal_point", "language": "en", "time_zone": "Asia/Bangkok"}

    created = await _put(client, path, body)
    changed = await _put(client, path, body | {"language": "fr", "themes": ["just_transition"]})
    closed = await client.delete(path, headers=OPERATOR)

    assert [each.status_code for each in (created, changed, closed)] == [201, 200, 204]
    assert changed.json()["label"] == "focal point, CO-Hanoi"
    assert (await client.get(path, headers=GATEWAY)).status_code == 404
    assert (await client.delete(path, headers=OPERATOR)).status_code == 404


async def test_an_account_needs_a_place_and_a_time_zone_that_exist(client: httpx.AsyncClient) -> None:
    body = {"organisation": "CO-Atlantis", "role": "focal_point", "language": "en", "time_zone": "100%/Mars"}

    answer = await _put(client, f"/members/{uuid4()}", body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/time_zone", "/organisation"]


async def test_a_key_opens_for_the_gateway_with_its_grants(client: httpx.AsyncClient) -> None:
    issued = await _issued(client)

    answer = await client.post("/keys/verify", json=_digest(issued["key"]), headers=GATEWAY)

    assert answer.json() == {
        "partner": "UNTFSSE",
        "partner_name": PARTNER["name"],
        "grants": PARTNER["grants"],
        "key_id": issued["key_id"],
        "expires_at": None,
    }


async def test_all_keys_that_do_not_open_get_one_answer(client: httpx.AsyncClient) -> None:
    issued = _digest((await _issued(client))["key"])
    revoked = _digest((await _issued(client))["key"])
    await client.delete(f"/partners/UNTFSSE/keys/{revoked['key_id']}", headers=OPERATOR)
    shown = [
        revoked,
        issued | {"secret_sha256": "0" * 64},
        issued | {"key_id": "aaaaaaaaaaaa"},
        issued | {"key_id": "\u0000"},
        issued | {"secret_sha256": "é"},
    ]

    answers = [await client.post("/keys/verify", json=each, headers=GATEWAY) for each in shown]

    bodies = [{key: value for key, value in each.json().items() if key != "trace_id"} for each in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["type"] == "urn:ilo:sse:problem:no-such-key"


async def test_partners_are_listed_with_their_live_keys_and_no_secret(client: httpx.AsyncClient) -> None:
    first = await _issued(client)
    second = (await client.post("/partners/UNTFSSE/keys/rotate", headers=OPERATOR)).json()

    answer = await client.get("/partners", headers=OPERATOR)

    [partner] = answer.json()
    assert [key["key_id"] for key in partner["keys"]] == [first["key_id"], second["key_id"]]
    assert (partner["code"], partner["grants"]) == ("UNTFSSE", PARTNER["grants"])
    assert first["key"].split("_", 2)[2] not in answer.text


async def test_a_third_key_is_a_conflict_that_says_what_to_do(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await _issued(client)

    answer = await client.post("/partners/UNTFSSE/keys", headers=OPERATOR)

    assert answer.status_code == 409
    assert "rotate" in answer.json()["detail"]


async def test_a_wrong_grant_is_pointed_at_with_the_nearest_name(client: httpx.AsyncClient) -> None:
    body = PARTNER | {"grants": ["partner.assistance.requested"]}

    answer = await _put(client, "/partners/UNTFSSE", body)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/grants/0")
    assert "partner.assistance.requested.v1" in error["detail"]


async def test_a_unit_is_not_entered_as_a_partner(client: httpx.AsyncClient) -> None:
    answer = await _put(client, "/partners/COOP", PARTNER)

    assert answer.status_code == 409


async def test_a_partner_that_nobody_entered_gets_no_key(client: httpx.AsyncClient) -> None:
    for code in ("NOBODY", "COOP"):
        answer = await client.post(f"/partners/{code}/keys", headers=OPERATOR)
        assert answer.json()["type"] == "urn:ilo:sse:problem:no-such-partner"


async def test_a_key_that_has_expired_already_is_refused(client: httpx.AsyncClient) -> None:
    await _put(client, "/partners/UNTFSSE", PARTNER)

    answer = await client.post(
        "/partners/UNTFSSE/keys", json={"expires_at": "2020-01-01T00:00:00Z"}, headers=OPERATOR
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"


async def test_an_expiry_that_would_have_to_be_guessed_is_refused(client: httpx.AsyncClient) -> None:
    await _put(client, "/partners/UNTFSSE", PARTNER)

    for expiry in (20270101000000, "20270101000000", "2027-01-01"):
        answer = await client.post("/partners/UNTFSSE/keys", json={"expires_at": expiry}, headers=OPERATOR)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/expires_at")


async def test_a_rotation_gives_the_new_key_the_expiry_that_is_asked_for(client: httpx.AsyncClient) -> None:
    await _issued(client)
    until = "2999-01-01T00:00:00Z"

    answer = await client.post("/partners/UNTFSSE/keys/rotate", json={"expires_at": until}, headers=OPERATOR)

    assert (answer.status_code, answer.json()["expires_at"]) == (201, until)
    [partner] = await _get(client, "/partners")
    assert [key["expires_at"] for key in partner["keys"]] == [None, until]
    verified = await client.post("/keys/verify", json=_digest(answer.json()["key"]), headers=GATEWAY)
    assert verified.json()["expires_at"] == until


def test_the_packaged_directory_belongs_to_headquarters() -> None:
    assert packaged().home == Settings.model_fields["site"].default
