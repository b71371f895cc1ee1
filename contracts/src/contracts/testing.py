"""The golden examples, for the tests of everyone who sends or hears events."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.catalogue import EVENTS
from contracts.event import Event
from contracts.fields import languages_in

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
        return languages_in(self.cloudevent["data"])


def golden_events(*types: str) -> list[Golden]:
    """Read every example, or those of the given types, in the order of their names."""
    return [
        Golden(path.parent.name, path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(EXAMPLES.glob("*/*.json"))
        if not types or path.parent.name in types
    ]
