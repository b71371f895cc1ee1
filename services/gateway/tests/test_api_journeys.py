"""Partners ask what became of their events; tools read the description; operators ask for sign-in links."""

from collections.abc import AsyncIterator

import httpx
import orjson
from partner_kit import BATCH, KEY, OPERATOR, OTHER_KEY, STRUCTURED, Others, a_member, an_event, bearer

from contracts.catalogue import PARTNER_EVENTS
from contracts.words import Role


async def _send(client: httpx.AsyncClient, *events: object) -> None:
    answer = await client.post(
        "/events", content=orjson.dumps(events), headers={"Content-Type": BATCH, **bearer()}
    )
    assert answer.status_code == 202, answer.text


async def test_a_partner_finds_its_event_by_either_id(client: httpx.AsyncClient) -> None:
    event = an_event(id="2026/ت/118")
    accepted = await client.post(
        "/events", content=orjson.dumps(event), headers={"Content-Type": STRUCTURED, **bearer()}
    )

    ours = await client.get(accepted.headers["Location"], headers=bearer())
    theirs = await client.get("/events/2026%2F%D8%AA%2F118", headers=bearer())
    of_source = await client.get("/events/2026/ت/118", headers=bearer(), params={"source": "/elsewhere"})

    assert ours.status_code == 200
    assert ours.json() == theirs.json()
    assert of_source.status_code == 404
    body = ours.json()
    assert (body["id"], body["status"]) == (event["id"], "accepted")
    assert [step["name"] for step in body["steps"]] == ["received", "published"]
    assert all(step["at"] for step in body["steps"])


async def test_a_partner_sees_no_other_partners_events(client: httpx.AsyncClient) -> None:
    await _send(client, an_event(id="DEM-1"))

    assert (await client.get("/events/DEM-1", headers=bearer(OTHER_KEY))).status_code == 404
    assert (await client.get("/events", headers=bearer(OTHER_KEY))).json() == {"events": [], "next": None}
    assert (await client.get("/events/DEM-1")).status_code == 401
    assert (await client.get("/events/DEM%00", headers=bearer())).status_code == 404


async def test_a_partner_pages_through_its_latest_events(client: httpx.AsyncClient) -> None:
    await _send(client, *(an_event(id=str(number)) for number in range(5)))

    first = (await client.get("/events?limit=3", headers=bearer())).json()
    rest = (await client.get(f"/events?limit=3&before={first['next']}", headers=bearer())).json()

    assert [event["id"] for event in first["events"] + rest["events"]] == ["4", "3", "2", "1", "0"]
    assert rest["next"] is None
    refused = await client.get("/events?limit=0", headers=bearer())
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "query:limit")


async def test_a_partner_reads_in_its_language_what_is_wrong_with_a_query(client: httpx.AsyncClient) -> None:
    refused = await client.get("/events?limit=0", headers={**bearer(), "Accept-Language": "fr"})

    assert refused.status_code == 422
    assert refused.headers["Content-Language"] == "fr"
    assert refused.json()["errors"] == [
        {
            "pointer": "query:limit",
            "code": "greater-than-equal",
            "detail": "Trop petit\N{NO-BREAK SPACE}: le minimum est 1.",
        }
    ]


async def test_tools_read_the_description_of_the_partner_api(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert set(document["paths"]) == {"/events", "/events/{name}"}
    assert set(document["paths"]["/events"]["post"]["requestBody"]["content"]) == {
        STRUCTURED,
        BATCH,
        "application/json",
    }
    assert set(document["components"]["schemas"]["CloudEvent"]["properties"]["type"]["enum"]) == set(
        PARTNER_EVENTS
    )
    named = set(document["components"]["schemas"])
    assert set(_references(document)) <= {f"#/components/schemas/{name}" for name in named}


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in _references(value)]
    if isinstance(node, list):
        return [one for value in node for one in _references(value)]
    return []


async def test_an_operator_gets_a_link_for_a_role_account(client: httpx.AsyncClient, others: Others) -> None:
    others.members = [a_member(), a_member(organisation="CO-Abuja"), a_member(Role.OPERATOR, "COOP")]

    async def ask(body: object, headers: dict[str, str] = OPERATOR) -> httpx.Response:
        return await client.post("/internal/sign-in-links", json=body, headers=headers)

    made = await ask({"role": "focal_point", "organisation": "CO-Dakar"})
    assert made.status_code == 201, made.text
    assert made.json()["label"] == "focal point, CO-Dakar"
    assert made.json()["url"].startswith("http://service.test/sign-in/")
    assert (await ask({"role": "operator"})).status_code == 201
    assert (await ask({"role": "coordinator"})).status_code == 404
    several = await ask({"role": "focal_point"})
    assert (several.status_code, several.json()["errors"][0]["pointer"]) == (422, "/organisation")
    assert (await ask({"role": "king"})).json()["errors"][0]["pointer"] == "/role"
    assert (await ask({"role": "operator"}, bearer(KEY))).status_code == 401
    assert (await ask({"role": "operator"}, bearer("another"))).status_code == 403


async def test_no_form_and_no_internal_call_is_longer_than_a_page_of_text(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    declared = await client.post("/internal/sign-in-links", content=b" " * 300_000, headers=OPERATOR)
    undeclared = await client.post("/internal/sign-in-links", content=endless(), headers=OPERATOR)

    assert declared.status_code == undeclared.status_code == 413
