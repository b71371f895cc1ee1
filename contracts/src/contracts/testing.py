"""The golden examples, for the tests of everyone who sends or hears events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from contracts.catalogue import EVENTS
from contracts.event import Event

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
"""`contracts/examples` of the checkout: `<type>/<name>.json`."""


@dataclass(frozen=True)
class Golden:
    """One example: a CloudEvent as it is posted (partner events) or as it travels (all others)."""

    type: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.type}/{self.name}"

    @property
    def cloudevent(self) -> dict[str, Any]:
        return json.loads(self.text)

    @property
    def event(self) -> Event:
        return EVENTS[self.type].model_validate(self.cloudevent["data"])

    @property
    def languages(self) -> frozenset[str]:
        """The language tags of its texts and names."""
        return frozenset(_languages_in(self.cloudevent["data"]))


def golden_events(*types: str) -> list[Golden]:
    """Read every example, or those of the given types, in the order of their names."""
    return [
        Golden(path.parent.name, path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(EXAMPLES.glob("*/*.json"))
        if not types or path.parent.name in types
    ]


def _languages_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if "text" in fields or "name" in fields:
            yield fields["language"]
        for item in fields.values():
            yield from _languages_in(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _languages_in(item)
