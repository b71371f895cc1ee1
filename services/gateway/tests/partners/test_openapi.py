"""Tools read the description of the partner API."""

import httpx
from partner_kit import BATCH, STRUCTURED

from contracts.catalogue import PARTNER_EVENTS


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
    components = document["components"]
    named = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in components[kind]}
    assert set(_references(document)) <= named
    # What nobody refers to is described in vain.
    assert named - set(_references(document)) == set()


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in _references(value)]
    if isinstance(node, list):
        return [one for value in node for one in _references(value)]
    return []
