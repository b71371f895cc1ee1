"""A partner's engineer reads how to send events, in four languages and from our own description of the API."""

import ast
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import httpx
import orjson
import pytest
from page_kit import Reader
from pydantic import ValidationError

from contracts.catalogue import PARTNER_EVENTS
from contracts.partner import PartnerEvent
from gateway.journeys.domain import Status
from gateway.partners.api.docs_page import STATUSES
from gateway.partners.api.endpoint_docs import HEADERS
from gateway.partners.api.event_fields import fields_of
from gateway.partners.api.problem_types import PROBLEM_TYPES
from gateway.partners.first_event import first_event

SOURCE = Path(__file__).parents[2] / "src" / "gateway"
HTML = {"Accept": "text/html"}
FROM_ELSEWHERE = {"unavailable", "internal-error", "not-found", "method-not-allowed", "invalid-request"}
"""What the chassis and the gateway's frame answer with, wherever one knocks."""
NOT_OF_PARTNERS = {"http", "sessions", "web", "members", "operators", "sign_in"}


class Document(HTMLParser):
    """The ids of a page, its links, and whatever of it would not pass our security policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.unsafe: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name in {"href", "src", "action"}:
                self.links.add(value or "")
            if name == "style" or name.startswith("on"):
                self.unsafe.append(f"{tag} {name}")
        if tag == "style":
            self.unsafe.append(tag)


@pytest.mark.parametrize(
    ("language", "heading", "direction"),
    [
        ("en", "Your first event, in five minutes", "ltr"),
        ("fr", "Votre premier événement, en cinq minutes", "ltr"),
        ("es", "Su primer evento, en cinco minutos", "ltr"),
        ("ar", "حدثكم الأول في خمس دقائق", "rtl"),
    ],
)
async def test_an_engineer_reads_it_in_their_language(
    client: httpx.AsyncClient, language: str, heading: str, direction: str
) -> None:
    page = await client.get("/docs", headers={**HTML, "Accept-Language": language})

    assert page.status_code == 200
    assert f'lang="{language}" dir="{direction}"' in page.text
    assert heading in page.text
    if language != "en":
        untranslated = [one.meaning for one in PROBLEM_TYPES if one.meaning in unescape(page.text)]
        assert untranslated == []


async def test_everything_that_the_description_says_stands_on_the_page(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    page = unescape((await client.get("/docs", headers=HTML)).text)

    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert f"{method.upper()} {path}" in page
            assert all(f">{one['name']}<" in page for one in told.get("parameters", ()))
    assert all(f">{name}<" in page for name in HEADERS)
    assert all(f'id="{one.code}"' in page for one in PROBLEM_TYPES)


async def test_the_examples_carry_the_readers_own_address(client: httpx.AsyncClient) -> None:
    page = unescape((await client.get("/docs", headers=HTML)).text)

    assert "export URL=http://service.test\n" in page
    for example in first_event().values():
        assert example.command in page


async def test_every_link_of_the_page_leads_somewhere(client: httpx.AsyncClient) -> None:
    for address in ("/docs", "/contracts/"):
        page = Document((await client.get(address, headers=HTML)).text)

        for link in page.links - {"/language", "/theme", "/"}:
            if link.startswith("#"):
                assert link[1:] in page.ids, link
            else:
                assert (await client.get(link)).status_code == 200, link


async def test_the_page_needs_no_looser_security_policy(client: httpx.AsyncClient) -> None:
    page, other = await client.get("/docs", headers=HTML), await client.get("/sign-in", headers=HTML)

    assert page.headers["Content-Security-Policy"] == other.headers["Content-Security-Policy"]
    assert Document(page.text).unsafe == []


async def test_the_door_leads_to_it(stranger: Reader) -> None:
    home = await stranger.http.get("/")
    door = await stranger.http.get("/sign-in")

    assert 'rel="service-doc"' in home.headers["Link"]
    assert "/docs" in Document(door.text).links


def test_every_problem_that_a_partner_may_meet_is_explained() -> None:
    """By what stands in the code: whoever adds a problem explains it."""
    raised = set[str]()
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] in NOT_OF_PARTNERS - {"http"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"Problem": 1, "RefusalError": 1}.get(node.func.id)
                if (
                    place is not None
                    and len(node.args) > place
                    and isinstance(node.args[place], ast.Constant)
                ):
                    raised.add(ast.literal_eval(node.args[place]))

    assert (raised | FROM_ELSEWHERE) - {one.code for one in PROBLEM_TYPES} == set()


def test_the_names_of_headers_are_those_that_are_sent() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py") if "endpoint_docs" not in path.name
    )

    assert [name for name in HEADERS if not re.search(rf'"{name}"', code)] == []


def test_each_status_is_told() -> None:
    assert set(STATUSES) == set(Status)


def _names_in(value: object, within: str = "") -> set[str]:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {f"{within}{name}" for name in fields}.union(
            *(_names_in(one, f"{within}{name}.") for name, one in fields.items())
        )
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return set[str]().union(*(_names_in(one, f"{within.removesuffix('.')}[].") for one in entries))
    return set()


@pytest.mark.parametrize("event", PARTNER_EVENTS.values(), ids=lambda event: event.type)
def test_every_field_of_an_event_is_told_and_no_other(event: type[PartnerEvent]) -> None:
    told = {field.name for field in fields_of(event)}

    # The examples leave out no field.
    assert told == set[str]().union(*(_names_in(example.data) for example in event.examples))


@pytest.mark.parametrize("event", PARTNER_EVENTS.values(), ids=lambda event: event.type)
def test_what_is_needed_of_an_event_is_what_it_is_not_taken_without(event: type[PartnerEvent]) -> None:
    whole = dict(event.examples[0].data)

    for field in fields_of(event):
        if "." in field.name or field.name not in whole:
            continue
        without = {name: value for name, value in whole.items() if name != field.name}
        if field.required:
            with pytest.raises(ValidationError):
                event.model_validate_json(orjson.dumps(without))
        else:
            event.model_validate_json(orjson.dumps(without))


async def test_the_fields_stand_on_the_page_with_the_values_there_are(client: httpx.AsyncClient) -> None:
    page = unescape((await client.get("/docs", headers=HTML)).text)

    assert all(f">{field.name}<" in page for event in PARTNER_EVENTS.values() for field in fields_of(event))
    assert ">not_autonomous<" in page
    assert "a list of 1 to 2000, each: an object with the fields below" in page
    assert "a whole number from 1990 to 2100" in page
