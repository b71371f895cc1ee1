"""Whatever the machine side answers with has its words in all four languages."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from chassis.http import problems, requests
from contracts.checks import MESSAGES
from gateway.partners.api.problem_types import PROBLEM_TYPES

SOURCE = Path(__file__).parents[2] / "src" / "gateway"
PLACES = re.compile(r"%\(\w+\)s")

# Where a call's sentence stands among its arguments, and its code, which becomes the problem's title.
SENTENCES = {"Sentence": 0, "Problem": 2, "FieldError": 2}
CODES = {"Problem": 1, "RefusalError": 1}
FROM_THE_CHASSIS = {
    "Not Found",
    "The request has fields to correct.",
    "The service cannot reach its database now. Repeat the request in a moment.",
    "The service failed. The trace id names the failure.",
    requests.MEANT,
    requests.LISTED,
    requests.NOTHING,
    requests.REPEATED,
    requests.NO_BODY,
    problems.UNREADABLE_BODY,
}
CODES_FROM_THE_CHASSIS = {
    "not-found",
    "method-not-allowed",
    "invalid-request",
    "unavailable",
    "internal-error",
    "unreadable-body",
}
FALLBACKS = {"There is nothing at this address.", "This was refused.", "Refused"}


def _sentences() -> set[str]:
    titles = {code.replace("-", " ").capitalize() for code in {*_literals(CODES), *CODES_FROM_THE_CHASSIS}}
    # Of those that are refused before anything is known of the sender the page tells as well.
    titles |= {one.title for one in PROBLEM_TYPES}
    return {*_literals(SENTENCES), *titles, *FALLBACKS, *MESSAGES.values(), *FROM_THE_CHASSIS}


def _literals(places: Mapping[str, int]) -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in places:
                place = places[node.func.id]
                if len(node.args) > place and isinstance(node.args[place], ast.Constant):
                    yield ast.literal_eval(node.args[place])


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_a_partner_finds_every_sentence_in_its_language(language: str) -> None:
    source = files("gateway") / "locales" / language / "LC_MESSAGES" / "problems.po"
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language)
    translated = {str(message.id): str(message.string) for message in catalogue if message.id}

    assert set(translated) == _sentences()
    for sentence, translation in translated.items():
        assert translation, sentence
        assert sorted(PLACES.findall(translation)) == sorted(PLACES.findall(sentence)), sentence
