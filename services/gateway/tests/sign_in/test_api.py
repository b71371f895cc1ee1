"""Operators' tools ask for sign-in links."""

import httpx
from partner_kit import KEY, OPERATOR, Others, a_member, bearer

from contracts.words import Role


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


async def test_an_operator_reads_in_their_language_which_field_nobody_takes(
    client: httpx.AsyncClient,
) -> None:
    body = {"role": "focal_point", "organization": "CO-Dakar", "phone": "1"}

    refused = await client.post(
        "/internal/sign-in-links", json=body, headers={**OPERATOR, "Accept-Language": "es"}
    )

    assert refused.status_code == 422
    assert {one["pointer"]: one["detail"] for one in refused.json()["errors"]} == {
        "/organization": "Aquí no hay organization. ¿Quiso decir organisation?",
        "/phone": "Aquí no hay phone. Hay: role, organisation.",
    }
