"""What a caller asks for is found in whatever spelling clients have for it."""

import pytest

from gateway.http.negotiation import language_of, prefers_html

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR", "fr"),
        ("fr-CH, en;q=0.5", "fr"),
        ("fr_FR", "fr"),
        ("ar;q=0.9, es;q=0.95", "es"),
        ("fr ; q = 0.5", "fr"),
        ("es;Q=0.8, en;q=0.7", "es"),
        ("fr;q=0.8;x=1,en;q=0.1", "fr"),
        ("en;q=0, fr", "fr"),
        ("fr;q=NaN, es;q=0.1", "es"),
        ("fr;q=inf, es;q=0.1", "es"),
        ("fr;q=7, es", "es"),
        ("zh, *", "en"),
        ("x" * 5000, "en"),
        (", ".join(["zz"] * 20 + ["ar"]), "en"),
    ],
)
def test_the_language_is_the_best_of_those_asked_for(asked: str | None, language: str) -> None:
    assert language_of(*([] if asked is None else [asked])) == language


def test_a_header_in_two_lines_is_one_list() -> None:
    assert language_of("de", "fr") == "fr"
    assert language_of("es;q=0.5", "ar") == "ar"


def test_any_language_is_none_that_was_declined() -> None:
    assert language_of("en;q=0, *") == "fr"
    assert language_of("*, fr;q=0") == "en"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (CHROME, True),
        (JAVA, True),
        ("text/html", True),
        ("TEXT/HTML;Q=1", True),
        ("text/html, application/json", True),
        (None, False),
        ("*/*", False),
        ("application/json, text/html;q=0.1", False),
        ("application/problem+json, application/json;q=0.9, text/html;q=0", False),
        ("text/html;q=0", False),
        ("text/html;q=0.5, */*", False),
        ("application/xhtml+xml", False),
    ],
)
def test_a_page_is_for_who_asks_for_it_by_name_and_above_all(accept: str | None, *, wanted: bool) -> None:
    assert prefers_html(accept) is wanted
