"""What the contracts publish is served to anyone, and nothing else is."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from contracts import codes
from contracts.catalogue import EVENTS, PARTNER_EVENTS

CONTRACTS = Path(__file__).parents[4] / "contracts"


async def test_a_tool_finds_everything_from_the_list(client: httpx.AsyncClient) -> None:
    index = (await client.get("/contracts/")).json()

    assert set(index["schemas"]) == {*EVENTS, "envelope"}
    assert set(index["codes"]) == set(codes.LISTS)
    assert {name.partition("/")[0] for name in index["examples"]} == set(PARTNER_EVENTS)
    assert set(index["documents"]) == {"asyncapi.yaml", "CHANGELOG.md"}
    for kind in index.values():
        for address in kind.values():
            assert address.startswith("http://service.test/contracts/")
            assert (await client.get(address)).status_code == 200, address


@pytest.mark.parametrize("path", ["asyncapi.yaml", "CHANGELOG.md", "schemas/envelope.json"])
async def test_what_is_served_is_what_stands_in_the_repository(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/contracts/{path}")

    text = (CONTRACTS / path).read_text(encoding="utf-8")
    # What a document links to beside the contracts is not served with it.
    assert answer.text == re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", text)
    assert "](../" not in answer.text


async def test_a_dataschema_leads_to_its_schema(client: httpx.AsyncClient) -> None:
    for event in EVENTS.values():
        name = event.dataschema().removeprefix("urn:ilo:sse:schema:")

        schema = (await client.get(f"/contracts/schemas/{name}.json")).json()

        assert schema["$id"] == event.dataschema()


async def test_a_code_list_has_its_labels_in_four_languages(client: httpx.AsyncClient) -> None:
    countries = (await client.get("/contracts/codes/countries.json")).json()

    assert {"code": "SN", "en": "Senegal", "fr": "Sénégal"}.items() <= {
        one["code"]: one for one in countries["codes"]
    }["SN"].items()


async def test_what_a_caller_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    for packed in ("gzip", "identity"):
        headers = {"Accept-Encoding": packed}
        first = await client.get("/contracts/asyncapi.yaml", headers=headers)

        again = await client.get(
            "/contracts/asyncapi.yaml",
            headers={**headers, "If-None-Match": f'"x", W/{first.headers["ETag"]}'},
        )

        assert "max-age" in first.headers["Cache-Control"]
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert yaml.safe_load(first.text)["asyncapi"] == "3.0.0"


async def test_what_is_packed_has_a_tag_of_its_own(client: httpx.AsyncClient) -> None:
    tags = {
        (await client.get("/openapi.json", headers={"Accept-Encoding": packed})).headers["ETag"]
        for packed in ("gzip", "identity")
    }

    assert len(tags) == 2


async def test_nothing_else_is_served(client: httpx.AsyncClient) -> None:
    for path in ("lock.json", "schemas/../published/lock.json", "schemas/nothing.json", "%2e%2e/settings.py"):
        assert (await client.get(f"/contracts/{path}")).status_code == 404, path
    assert json.loads((await client.get("/contracts/nothing")).text)["status"] == 404


async def test_a_person_reads_the_list_as_a_page(client: httpx.AsyncClient) -> None:
    page = await client.get("/contracts/", headers={"Accept": "text/html", "Accept-Language": "es"})

    assert page.headers["Content-Type"].startswith("text/html")
    assert 'lang="es"' in page.text
    assert "Listas de códigos" in page.text
    assert "/contracts/codes/countries.json" in page.text
