"""Partners ask what became of their events."""

from urllib.parse import quote

import httpx
import orjson
import pytest
from partner_kit import BATCH, OTHER_KEY, STRUCTURED, an_event, bearer


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


async def test_whatever_id_is_taken_can_be_asked_for(client: httpx.AsyncClient) -> None:
    names = [
        "a/b",
        "/lead",
        "trail/",
        "a//b",
        "...",
        "../x",
        "a/../b",
        "a/./b",
        "a?b",
        "a#b",
        "a b",
        " lead",
        "trail ",
    ]
    names += [
        "a%2Fb",
        "a%b",
        "%",
        "é",
        "e\u0301",
        "😀" * 200,
        "a\\b",
        "a;b",
        "a&b=c",
        "<script>",
        "null",
        "events",
    ]
    names += [
        "\u202eid",
        "a\u200bb",
        "\ufeffid",
        "01a2094f-3135-7379-98ef-a17e7f5abaa5",
        "{a}",
        "~",
        "+",
        "*",
        "x" * 200,
    ]
    await _send(client, *(an_event(id=name) for name in names))

    for name in names:
        found = await client.get(f"/events/{quote(name, safe='')}", headers=bearer())

        assert (found.status_code, found.json().get("id")) == (200, name)


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
    no_id = (await client.get("/events?before=x", headers=bearer())).json()["errors"]
    assert [(one["pointer"], one["detail"]) for one in no_id] == [
        ("query:before", "This must be a UUID, such as an event_id that you were told.")
    ]


@pytest.mark.parametrize("written", ["1_0", " 5", "5.0", "+5", "٥", "", "1" * 5000])
async def test_a_number_in_a_query_is_digits_and_nothing_else(
    client: httpx.AsyncClient, written: str
) -> None:
    refused = await client.get("/events", params={"limit": written}, headers=bearer())

    assert refused.status_code == 422
    [fault] = refused.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("query:limit", "int-parsing")


@pytest.mark.parametrize(
    "path", ["/events", "/events/", "/docs", "/openapi.json", "/contracts/asyncapi.yaml"]
)
async def test_a_line_end_behind_an_address_makes_it_another(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path, headers=bearer())).status_code == 200
    answer = await client.get(f"{path}%0A", headers=bearer())
    posted = await client.post(f"{path}%0A", content=orjson.dumps(an_event()), headers=bearer())

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:ilo:sse:problem:not-found")
    assert posted.status_code == 404


async def test_an_event_is_asked_for_by_its_id_as_it_was_told_or_sent(client: httpx.AsyncClient) -> None:
    await _send(client, an_event(id="A-1"))
    told = (await client.get("/events/A-1", headers=bearer())).json()["event_id"]
    for other in (f"{{{told}}}", f"urn:uuid:{told}", told.replace("-", "")):
        for address in (f"/events/{other}", f"/events?before={other}", f"/events?since={other}"):
            assert (await client.get(address, headers=bearer())).status_code in {404, 422}

    assert (await client.get(f"/events/{told.upper()}", headers=bearer())).json()["id"] == "A-1"


async def test_a_partner_that_misspells_a_parameter_is_told_which_was_meant(
    client: httpx.AsyncClient,
) -> None:
    for path, said in (
        ("/events?limt=3", ("query:limt", "Il n’y a pas de limt ici. Vouliez-vous dire limit\xa0?")),
        (
            "/events/DEM-1?sorce=/a",
            ("query:sorce", "Il n’y a pas de sorce ici. Vouliez-vous dire source\xa0?"),
        ),
    ):
        refused = await client.get(path, headers={**bearer(), "Accept-Language": "fr"})

        assert refused.status_code == 422
        assert [(one["pointer"], one["detail"]) for one in refused.json()["errors"]] == [said]
        assert (await client.get(path)).status_code == 401


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
