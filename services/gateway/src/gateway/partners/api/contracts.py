"""`/contracts/`: what the network and its partners agree on, for tools and for people, open to anyone."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from chassis.http.access import public
from chassis.http.problems import Problem
from contracts.catalogue import PARTNER_EVENTS
from gateway.http.negotiation import accepts_gzip, prefers_html
from gateway.partners.markup import code
from gateway.partners.published import Document, document, documents
from gateway.web.page import AnyonesPage

router = APIRouter(include_in_schema=False, dependencies=[public()])

CACHED = "public, max-age=300"
"""A new edition is seen within minutes; until then nobody asks again, and then with the tag alone."""
ANYONE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Tools that run in a browser read from pages of their own."""


@router.get("/contracts/")
@router.get("/contracts")
async def contracts(request: Request, page: AnyonesPage) -> Response:
    """List all that is published: a page for a browser, JSON for a tool."""
    published = await asyncio.to_thread(documents)
    if prefers_html(request.headers.get("Accept")):
        return await page.html(
            "partners/contracts.html", events=PARTNER_EVENTS, listed=_listed(published), code=code
        )
    base = f"{request.app.state.public_url.rstrip('/')}/contracts"
    index = {
        kind: {name: f"{base}/{path}" for name, path in paths.items()}
        for kind, paths in _listed(published).items()
    }
    text = orjson.dumps(index, option=orjson.OPT_INDENT_2).decode() + "\n"
    return answer(request, document("application/json", text), vary="Accept, Accept-Encoding")


@router.get("/contracts/{path:path}")
async def contract(path: str, request: Request) -> Response:
    """Give one document."""
    found = (await asyncio.to_thread(documents)).get(path)
    if found is None:
        raise Problem(404, "not-found", "There is nothing at this address.")
    return answer(request, found)


def answer(request: Request, found: Document, *, vary: str = "Accept-Encoding") -> Response:
    """Send a document, packed where that is taken, or say that the caller has it already."""
    packs = accepts_gzip(request.headers.get("Accept-Encoding"))
    # What is packed is another representation, and has a tag of its own.
    etag = f'{found.etag[:-1]}-gzip"' if packs else found.etag
    headers = {"ETag": etag, "Cache-Control": CACHED, "Vary": vary, **ANYONE}
    if etag in _tags(request) or "*" in _tags(request):
        return Response(status_code=304, headers=headers)
    if packs:
        headers["Content-Encoding"] = "gzip"
    return Response(found.packed if packs else found.body, media_type=found.media_type, headers=headers)


def _tags(request: Request) -> set[str]:
    return {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}


def _listed(published: Mapping[str, Document]) -> Mapping[str, Mapping[str, Any]]:
    """Group the paths by what they are, under the name of each."""
    listed: dict[str, dict[str, str]] = {"documents": {}, "schemas": {}, "codes": {}, "examples": {}}
    for path in published:
        kind, slash, name = path.partition("/")
        listed[kind if slash else "documents"][(name if slash else path).removesuffix(".json")] = path
    return listed
