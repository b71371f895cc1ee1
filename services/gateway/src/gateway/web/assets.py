"""Style, script and fonts: read once, served under names that carry a hash of the content, cached for ever."""

import gzip
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from chassis.http.access import public
from gateway.http.negotiation import accepts_gzip

router = APIRouter(dependencies=[public()])

# One script, so that htmx and what extends it start together. As separate files, a slow link can deliver htmx
# early: it then sets the page up before the extension is there, and the stream is never opened.
BUNDLES = {"network.js": ("vendor/htmx/htmx.min.js", "vendor/htmx/hx-sse.min.js", "network.js")}
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file as it is sent; `packed` where gzip makes it smaller."""

    path: str
    body: bytes
    packed: bytes | None
    media_type: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every asset by the name it has in the source."""
    sources = dict(_sources(files("gateway.web") / "static", ""))
    for name, parts in BUNDLES.items():
        sources[name] = b"\n;".join(sources[part] for part in parts)
    made = {name: _asset(name, body) for name, body in sources.items() if not name.endswith(".css")}
    sheets = {name: body for name, body in sources.items() if name.endswith(".css")}
    return made | {name: _asset(name, _with_hashed_urls(body, made)) for name, body in sheets.items()}


@cache
def _by_path() -> Mapping[str, Asset]:
    return {asset.path: asset for asset in assets().values()}


def static(name: str) -> str:
    """The address of an asset in a page."""
    return f"/static/{assets()[name].path}"


@router.get("/static/{path:path}")
async def asset(path: str, request: Request) -> Response:
    found = _by_path().get(path)
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if found.packed is not None and accepts_gzip(request.headers.get("Accept-Encoding")):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, f"{name}/")
        elif name.rpartition(".")[2] in TYPES:
            yield name, entry.read_bytes()


def _asset(name: str, body: bytes) -> Asset:
    stem, _, ending = name.rpartition(".")
    # mtime=0: the same content is the same bytes in every process.
    packed = None if ending == "woff2" else gzip.compress(body, 9, mtime=0)
    return Asset(f"{stem}.{sha256(body).hexdigest()[:12]}.{ending}", body, packed, TYPES[ending])


def _with_hashed_urls(css: bytes, made: Mapping[str, Asset]) -> bytes:
    def hashed(match: re.Match[str]) -> str:
        return f'url("/static/{made[match[1]].path}")'

    return re.sub(r'url\("(vendor/[^"]+)"\)', hashed, css.decode()).encode()
