"""What a caller would rather have, by its `Accept` headers (RFC 9110, 12.5): which language, and whether a page."""

import re
from collections.abc import Iterator

from chassis.i18n import LANGUAGES

_MOST = 20
"""Wishes that are looked at; browsers and libraries send fewer than ten."""
_QUALITY = re.compile(r"\s*q\s*=\s*(0?\.\d+|[01]\.?|1\.0+)\s*", re.IGNORECASE)
_DOCUMENTS = ("application/problem+json", "application/json", "application/*", "*/*")


def language_of(*accept_language: str) -> str:
    """Choose the best of the four languages for the `Accept-Language` headers; English where none is asked for.

    A locale of an operating system, such as `fr_CH`, is taken for the tag that it means.
    """
    ranked: list[tuple[float, int, str]] = []
    unwanted: set[str] = set()
    for place, (tag, weight) in enumerate(_wishes(", ".join(accept_language))):
        primary = re.split("[-_]", tag, maxsplit=1)[0]
        if weight == 0:
            unwanted.add(primary)
        elif primary in LANGUAGES or primary == "*":
            ranked.append((-weight, place, primary))
    best = min(ranked, default=(0.0, 0, "en"))[2]
    return next((one for one in LANGUAGES if one not in unwanted), "en") if best == "*" else best


def prefers_html(accept: str | None) -> bool:
    """Tell whether an `Accept` header asks for a page by name, and for nothing that a program reads more than that."""
    weights = dict(_wishes(accept))
    page = weights.get("text/html", 0.0)
    document = next((weights[one] for one in _DOCUMENTS if one in weights), 0.0)
    return page > 0 and page >= document


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Tell whether an `Accept-Encoding` header takes gzip by name."""
    return dict(_wishes(accept_encoding)).get("gzip", 0.0) > 0


def _wishes(header: str | None) -> Iterator[tuple[str, float]]:
    """Each thing that is asked for, in lower case, with its weight; what has a weight that is none is passed over."""
    for part in (header or "").split(",")[:_MOST]:
        name, *parameters = part.split(";")
        named = [one for one in parameters if one.strip().lower().startswith("q")]
        match = _QUALITY.fullmatch(named[0]) if named else None
        if not named or match:
            yield name.strip().lower(), float(match[1]) if match else 1.0
