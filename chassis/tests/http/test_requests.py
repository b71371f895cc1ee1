"""What a request says and nobody takes is refused by its name, with what could have been said."""

from collections.abc import AsyncIterator
from hashlib import sha256
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Query
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from chassis.http import requests
from chassis.http.access import allow, endpoints
from chassis.http.problems import install_problems
from chassis.http.requests import MANY, RequestBody, lenient_models

GATEWAY = {"Authorization": "Bearer for-the-gateway"}
router = APIRouter(dependencies=[allow("gateway")])


class Line(RequestBody):
    text: str = ""
    language: str = "en"


class Letter(RequestBody):
    lines: tuple[Line, ...] = ()
    first: Line | None = None
    by_name: Annotated[dict[str, Line], Field(default_factory=dict)]
    amount: int = 1
    currency: str = "CHF"


class Wanted(RequestBody):
    newest: bool = False
    limit: int = 10


async def _site(site: str = "hq") -> str:
    return site


@router.post("/letters")
async def write(letter: Letter | None = None) -> None: ...


@router.post("/letters/two")
async def write_two(one: Letter, other: Letter) -> None: ...


@router.post("/letters/seal")
async def seal() -> None: ...


@router.get("/letters")
async def letters(
    site: Annotated[str, Depends(_site)],
    tag: Annotated[list[str] | None, Query()] = None,
    limit: int = 10,
    state: str = "open",
) -> None: ...


@router.get("/letters/wanted")
async def wanted(wanted: Annotated[Wanted, Query()]) -> None: ...


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    callers = {"gateway": sha256(b"for-the-gateway").hexdigest()}
    app.state.service = SimpleNamespace(settings=SimpleNamespace(callers=callers))
    install_problems(app, {}, None)
    app.include_router(router)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://letters.test", headers=GATEWAY
    ) as found:
        yield found


async def _faults(client: httpx.AsyncClient, method: str, path: str, **said: Any) -> list[dict[str, str]]:
    answer = await client.request(method, path, **said)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:ilo:sse:problem:invalid-request"
    return answer.json()["errors"]


async def test_a_field_nobody_takes_is_named_with_those_there_are(client: httpx.AsyncClient) -> None:
    [fault] = await _faults(client, "POST", "/letters", json={"phone": "1"})

    assert fault == {
        "pointer": "/phone",
        "code": "unknown-field",
        "detail": "There is no phone here. There are: lines, first, by_name, amount, currency.",
    }


async def test_a_misspelt_field_is_named_with_the_one_that_was_meant(client: httpx.AsyncClient) -> None:
    [fault] = await _faults(client, "POST", "/letters", json={"currancy": "CHF"})

    assert fault["detail"] == "There is no currancy here. Did you mean currency?"


@pytest.mark.parametrize(
    ("letter", "pointer"),
    [
        ({"lines": [{}, {"langage": "fr"}]}, "/lines/1/langage"),
        ({"first": {"langage": "fr"}}, "/first/langage"),
        ({"by_name": {"a/b": {"langage": "fr"}}}, "/by_name/a~1b/langage"),
    ],
)
async def test_a_field_deep_inside_is_compared_with_those_of_its_own_place(
    client: httpx.AsyncClient, letter: dict[str, Any], pointer: str
) -> None:
    [fault] = await _faults(client, "POST", "/letters", json=letter)

    assert (fault["pointer"], fault["detail"]) == (
        pointer,
        "There is no langage here. Did you mean language?",
    )


async def test_a_field_of_one_body_of_two_is_compared_with_those_of_that_body(
    client: httpx.AsyncClient,
) -> None:
    [fault] = await _faults(client, "POST", "/letters/two", json={"one": {}, "other": {"amuont": 1}})

    assert (fault["pointer"], fault["detail"]) == (
        "/other/amuont",
        "There is no amuont here. Did you mean amount?",
    )


async def test_every_other_fault_is_named_beside_it(client: httpx.AsyncClient) -> None:
    faults = await _faults(client, "POST", "/letters", json={"amount": "many", "%(name)s": 1})

    assert {fault["pointer"]: fault["code"] for fault in faults} == {
        "/amount": "int-parsing",
        "/%(name)s": "unknown-field",
    }
    assert "There is no %(name)s here." in faults[1]["detail"]


async def test_of_a_thousand_fields_some_are_named(client: httpx.AsyncClient) -> None:
    faults = await _faults(client, "POST", "/letters", json={"x" * n: 1 for n in range(1, 1000)})

    assert len(faults) == MANY


@pytest.mark.parametrize("path", ["/letters?limt=3", "/letters?site=hq&state=open&limt=3"])
async def test_a_misspelt_parameter_is_named_with_the_one_that_was_meant(
    client: httpx.AsyncClient, path: str
) -> None:
    [fault] = await _faults(client, "GET", path)

    assert fault == {
        "pointer": "query:limt",
        "code": "unknown-parameter",
        "detail": "There is no limt here. Did you mean limit?",
    }


async def test_the_parameters_of_a_model_are_known_as_every_other(client: httpx.AsyncClient) -> None:
    [fault] = await _faults(client, "GET", "/letters/wanted?limt=3")

    assert (await client.get("/letters/wanted?limit=3&newest=true")).status_code == 200
    assert (fault["pointer"], fault["code"]) == ("query:limt", "unknown-parameter")


async def test_all_but_the_last_of_a_parameter_are_not_dropped(client: httpx.AsyncClient) -> None:
    [fault] = await _faults(client, "GET", "/letters?state=open&state=sealed&tag=a&tag=b")

    assert fault == {
        "pointer": "query:state",
        "code": "repeated-parameter",
        "detail": "state is given more than once.",
    }


@pytest.mark.parametrize(
    ("body", "pointers"),
    [(b'{"note": "x", "to": 1}', ["/note", "/to"]), (b"note=x", [""]), (b"[1]", [""])],
)
async def test_a_body_that_nobody_reads_is_refused(
    client: httpx.AsyncClient, body: bytes, pointers: list[str]
) -> None:
    faults = await _faults(client, "POST", "/letters/seal", content=body)

    assert [fault["pointer"] for fault in faults] == pointers


@pytest.mark.parametrize("body", [{}, {"json": {}}])
async def test_an_empty_body_says_nothing_and_does_no_harm(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    for path in ("/letters/seal", "/letters"):
        assert (await client.post(path, **body)).status_code == 200


async def test_who_may_not_call_is_not_told_what_could_be_said(client: httpx.AsyncClient) -> None:
    answer = await client.get("/letters?limt=3", headers={"Authorization": "Bearer unknown"})

    assert answer.status_code == 401


@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_a_sentence_is_made_of_any_name(name: str, known: list[str]) -> None:
    fault = requests._no_parameter(name, known)

    assert name in fault.as_json()["detail"]


def test_a_model_that_drops_what_it_does_not_know_is_found(app: FastAPI) -> None:
    class Page(BaseModel):
        number: int

    class Book(RequestBody):
        pages: tuple[Page, ...] | None = None

    @app.post("/books")
    async def print_book(book: Book) -> None: ...

    @app.get("/books")
    async def turn(page: Annotated[Page, Query()]) -> None: ...

    @app.post("/notes")
    async def note(note: Annotated[str, Form()]) -> None: ...

    found = {(one.path, *one.methods): lenient_models(one) for one in endpoints(app) if lenient_models(one)}

    assert found.pop(("/letters/two", "POST"))
    assert found == {("/books", "POST"): [Page], ("/books", "GET"): [Page]}
