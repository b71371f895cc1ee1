"""What contradicts the code lists or the directory: each finding points at the field it was found in."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from contracts import codes
from contracts.checks import MESSAGES
from contracts.findings import Finding


class RefusedError(Exception):
    """The request contradicts the code lists or the directory; every refused field is named."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


def unknown_countries(countries: Iterable[str], pointer: Callable[[int], str]) -> list[Finding]:
    """Name each code that is not a country's."""
    return [
        Finding(pointer(place), "unknown-country", MESSAGES["unknown-country"], {"value": country})
        for place, country in enumerate(countries)
        if not codes.known("countries", country)
    ]


def unknown_time_zone(time_zone: str, pointer: str = "/time_zone") -> list[Finding]:
    """Accept only zones of the IANA database."""
    zones = _time_zones()
    if time_zone in zones:
        return []
    return [unknown(pointer, "unknown-time-zone", "%(value)s is not an IANA time zone.", time_zone, zones)]


def unknown_organisation(pointer: str, code: str) -> Finding:
    """Say that a field names an organisation nobody registered."""
    return Finding(pointer, "unknown-organisation", "There is no organisation %(value)s.", {"value": code})


def unknown(pointer: str, code: str, message: str, value: str, known: Iterable[str]) -> Finding:
    """Say that a value is none of those known, with the one that was probably meant."""
    nearest = get_close_matches(value, list(known), n=1, cutoff=0.5)
    if not nearest:
        return Finding(pointer, code, message, {"value": value})
    params = {"value": value, "suggestion": nearest[0]}
    return Finding(pointer, code, f"{message} Did you mean %(suggestion)s?", params)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
