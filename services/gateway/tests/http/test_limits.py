"""What is alike whatever the address: long bodies, methods, headers given twice, a slash too many."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from partner_kit import KEY, OPERATOR, STRUCTURED, an_event, bearer


async def test_no_form_and_no_internal_call_is_longer_than_a_page_of_text(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    declared = await client.post("/internal/sign-in-links", content=b" " * 300_000, headers=OPERATOR)
    undeclared = await client.post("/internal/sign-in-links", content=endless(), headers=OPERATOR)

    assert declared.status_code == undeclared.status_code == 413


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/events", headers=bearer())
    french = await client.delete("/events", headers={"Accept-Language": "fr", **bearer()})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert answer.json()["detail"] == "This address does not take this method."
    assert french.json()["detail"] == "Cette adresse n’accepte pas cette méthode."


async def test_who_asks_about_the_server_itself_is_told_the_methods(client: httpx.AsyncClient) -> None:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http", "method": "OPTIONS", "path": "*", "raw_path": b"*", "query_string": b"",
        "scheme": "http", "http_version": "1.1", "root_path": "", "headers": [],
    }  # fmt: skip
    await client.app(scope, receive, send)  # type: ignore[attr-defined]

    assert told[0]["status"] == 204
    assert dict(told[0]["headers"])[b"allow"] == b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"


@pytest.mark.parametrize("again", ["Authorization", "Content-Type", "Content-Encoding"])
async def test_a_header_that_means_one_thing_is_given_once(client: httpx.AsyncClient, again: str) -> None:
    headers = [
        ("Authorization", f"Bearer {KEY}"),
        ("Content-Type", STRUCTURED),
        ("Content-Encoding", "identity"),
    ]
    body = orjson.dumps(an_event())

    answer = await client.post("/events", content=body, headers=[*headers, (again, "Bearer sse_another")])
    french = await client.get("/events", headers=[*headers, (again, ""), ("Accept-Language", "fr")])

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:ilo:sse:problem:repeated-header")
    assert answer.json()["detail"] == f"The header {again} is given more than once."
    assert french.json()["detail"] == f"L’en-tête {again} est donné plusieurs fois."


async def test_the_api_takes_a_slash_at_its_end(client: httpx.AsyncClient) -> None:
    sent = await client.post(
        "/events/", content=orjson.dumps(an_event()), headers={"Content-Type": STRUCTURED, **bearer()}
    )
    listed = await client.get("/events/", headers=bearer())

    assert sent.status_code == 202
    assert [event["event_id"] for event in listed.json()["events"]] == [sent.json()["event_id"]]


JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.mark.parametrize(
    "path", ["/events", "/events/none", "/events?limit=0", "/openapi.json?x=1", "/health/live?x"]
)
async def test_the_api_answers_programs_whatever_they_accept(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Accept": JAVA, "Authorization": "Bearer wrong"})

    head = await client.head(path, headers={"Accept": JAVA, "Authorization": "Bearer wrong"})

    assert "html" not in answer.headers["Content-Type"]
    assert head.headers["Content-Type"] == answer.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/", "/sign-in", "/events", "/openapi.json", "/health/live", "/nowhere"])
async def test_head_is_answered_wherever_get_is(client: httpx.AsyncClient, path: str) -> None:
    head = await client.head(path, headers=bearer())
    get = await client.get(path, headers=bearer())

    assert head.status_code == get.status_code
    assert head.headers.get("Content-Length") == get.headers.get("Content-Length")
    assert head.headers.get("Content-Type") == get.headers.get("Content-Type")
    assert head.content == b""


async def test_head_is_refused_where_get_is(client: httpx.AsyncClient) -> None:
    answer = await client.head("/language")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("path", ["/events", "/events/", "/events/none"])
async def test_a_question_brings_no_long_body_and_of_a_short_one_fifty_fields_are_named(
    client: httpx.AsyncClient, path: str
) -> None:
    def asked(names: int) -> bytes:
        return orjson.dumps({f"field-{number}": 1 for number in range(names)})

    short = await client.request("GET", path, content=asked(1000), headers=bearer())
    long = await client.request("GET", path, content=asked(20_000), headers=bearer())

    assert (short.status_code, len(short.json()["errors"])) == (422, 50)
    assert long.status_code == 413


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("gzip;q=0", False),
        ("identity;q=1, gzip;q=0", False),
        ("x-gzip", False),
    ],
)
@pytest.mark.parametrize("path", ["/contracts/codes/countries.json", "/docs"])
async def test_what_is_packed_is_packed_for_who_takes_it(
    client: httpx.AsyncClient, path: str, accepts: str, *, packed: bool
) -> None:
    answer = await client.get(path, headers={"Accept-Encoding": accepts})

    assert answer.status_code == 200
    assert ("Content-Encoding" in answer.headers) is packed
