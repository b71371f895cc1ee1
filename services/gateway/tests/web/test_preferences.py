"""The choices in the head of every page: language, and light or dark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_kit import Reader

from gateway.web.page import local_path


@pytest.mark.parametrize(
    ("language", "direction", "heading"),
    [("fr", "ltr", "Boîte de réception"), ("es", "ltr", "Bandeja de entrada"), ("ar", "rtl", "صندوق الوارد")],
)
async def test_a_member_switches_language_and_stays_on_the_page(
    member: Reader, language: str, direction: str, heading: str
) -> None:
    switched = await member.send("/language", language=language, back="/inbox?only=all")

    assert switched.headers["Location"] == "/inbox?only=all"
    page = (await member.open("/inbox?only=all")).text
    assert f'<html lang="{language}" dir="{direction}"' in page
    assert f"<h1>{heading}</h1>" in page


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "inbox"])
async def test_the_language_switch_never_leads_to_another_site(member: Reader, back: str) -> None:
    switched = await member.send("/language", language="fr", back=back)

    assert switched.headers["Location"] == "/"


async def test_a_stranger_reads_in_the_language_their_browser_asks_for(stranger: Reader) -> None:
    page = await stranger.open("/sign-in", **{"Accept-Language": "pt-BR, es-419;q=0.8, en;q=0.5"})

    assert '<html lang="es" dir="ltr"' in page.text


async def test_a_browsers_second_choice_is_not_its_first(stranger: Reader) -> None:
    page = await stranger.open("/sign-in", **{"Accept-Language": "en;q=0.2, fr;q=0.9"})

    assert '<html lang="fr"' in page.text


async def test_the_chosen_theme_is_kept(member: Reader) -> None:
    await member.send("/theme", theme="dark", back="/inbox")

    assert 'data-theme="dark"' in (await member.open("/inbox")).text


@given(st.text())
def test_a_path_to_go_back_to_is_never_another_host(path: str) -> None:
    kept = local_path(path)

    assert kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
