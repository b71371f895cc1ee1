"""Style, script and fonts: what is served, how it is cached, and what the sheet may not contain."""

import gzip
import re
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from gateway.web.assets import assets, static

FOLDER = files("gateway.web") / "static"
TEMPLATES = sorted(Path(str(files("gateway"))).glob("*/templates/*.html"))
OWN_SHEET = (FOLDER / "network.css").read_text()

PHYSICAL = re.compile(
    r"(?<![\w-])(?:(?:margin|padding|border|inset|scroll-margin|scroll-padding)-(?:left|right|top|bottom)"
    r"|left|right|top|bottom|(?:min-|max-)?(?:width|height)|border-(?:top|bottom)-(?:left|right)-radius)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)"
)


def _declarations(css: str) -> str:
    """The sheet without comments and without the conditions of media queries, which have physical names alone."""
    return re.sub(r"/\*.*?\*/|@media[^{]*", "", css, flags=re.DOTALL)


def test_the_sheet_has_logical_properties_alone() -> None:
    assert PHYSICAL.findall(_declarations(OWN_SHEET)) == []


@pytest.mark.parametrize(
    "planted", ["a{margin-left:1px}", "a { text-align: right }", "a{width:1px}", "a{top:0}"]
)
def test_a_physical_property_is_found(planted: str) -> None:
    assert PHYSICAL.search(_declarations(planted))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_no_template_needs_a_weaker_policy(template: Path) -> None:
    text = template.read_text()

    assert not re.search(r'\sstyle=|\son(?!ly)\w+="|hx-on|javascript:|<style|hx-vals=.js:', text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_every_address_in_the_sheet_leads_to_a_file_of_ours() -> None:
    served = {f"/static/{asset.path}" for asset in assets().values()}
    addresses = re.findall(r'url\("([^"]+)"\)', assets()["network.css"].body.decode())

    assert len(addresses) == 7
    assert {one for one in addresses if not one.startswith("data:")} <= served


def test_a_change_of_content_is_a_change_of_address() -> None:
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", asset.path) for asset in assets().values())


def test_a_first_visit_is_light_enough_for_a_weak_link() -> None:
    script, sheet = assets()["network.js"].packed, assets()["network.css"].packed
    fonts = sum(len(asset.body) for name, asset in assets().items() if name.endswith(".woff2"))

    assert script is not None
    assert sheet is not None
    assert len(script) + len(sheet) < 28_000
    assert fonts < 180_000


def test_vendored_files_stand_with_their_licences() -> None:
    listed = (FOLDER / "vendor" / "README.md").read_text()

    for folder in ("htmx", "fonts"):
        assert (FOLDER / "vendor" / folder / "LICENSE").is_file()
        assert f"`{folder}/LICENSE`" in listed
    assert "4.0.1" in listed


async def test_an_asset_is_kept_for_ever_and_sent_packed(client: httpx.AsyncClient) -> None:
    answer = await client.get(static("network.css"), headers={"Accept-Encoding": "gzip"})
    plain = await client.get(static("network.css"), headers={"Accept-Encoding": "identity"})

    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.content == plain.content
    assert len(gzip.compress(plain.content)) < len(plain.content) / 3


@pytest.mark.parametrize("path", ["network.css", "../app.py", "%2e%2e/app.py", "vendor/README.md"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/static/{path}")).status_code == 404
