"""The chassis knows no word of the trade: what it does, it does for any services and any events."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chassis
from contracts.catalogue import EVENTS
from contracts.event import SUBJECTS, URN
from contracts.words import OrganisationKind, Role

SOURCE = Path(chassis.__file__).parent
SERVICES = Path(__file__).parents[2] / "services"

ALLOWED = {
    "task": "asyncio's, what runs beside other work",
    "operator": "who runs a network, whatever it is for: the role that may ask for dead letters and rebuilds",
    "registry": "prometheus_client's, what holds a process's metrics",
}
"""Words that mean something else here, or that cannot be spared, and why."""


def words_of_the_trade() -> set[str]:
    """Who announces what, what the services are called, who takes part, and the names of the house."""
    named = {part for event_type in EVENTS for part in event_type.split(".")[:2]}
    services = {folder.name for folder in SERVICES.iterdir() if (folder / "pyproject.toml").exists()}
    roles = {part for role in Role for part in role.split("_")} - {"point"}
    house = {SUBJECTS, *URN.split(":")[1:]}
    # No list has these, or has them in words of their own.
    others = {"headquarters", "country", "cooperative", "constituent", "theme"}
    return {*named, *services, *OrganisationKind, *roles, *house, *others} - set(ALLOWED)


def words_in(text: str) -> Iterator[tuple[int, str]]:
    """Every word with its line, those within names (`_open_task`, `TaskOpened`) and plurals in the singular too."""
    for number, line in enumerate(text.splitlines(), start=1):
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", line):
            yield number, word.lower()
            yield number, re.sub(r"(?:ies|s)$", lambda end: "y" if end[0] == "ies" else "", word.lower())


def trade_in(text: str) -> list[str]:
    trade = words_of_the_trade()
    return sorted({f"{number}: {word}" for number, word in words_in(text) if word in trade})


def test_no_word_of_the_trade_occurs_in_the_chassis() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 30

    found = {path.name: said for path in files if (said := trade_in(path.read_text(encoding="utf-8")))}

    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        "# the office decides",
        "def open_partnership():",
        "class MemberJoined:",
        "FOCAL_POINTS = 3",
        'PREFIX = "urn:ilo:"',
        'KIND = "ORGANISATIONS"',
        "entities",
    ],
)
def test_a_word_of_the_trade_is_found_wherever_it_stands(planted: str) -> None:
    assert trade_in(f"import sys\n{planted}\n")


def test_every_exception_is_still_needed() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))

    assert {word for _, word in words_in(text)} >= set(ALLOWED)
