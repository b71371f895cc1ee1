"""What others wrote, such as a message: shown as it is, and unable to steer how it is shown."""

import json
import unicodedata

from rich.text import Text


def printable(told: object) -> str:
    """The text on one line; what has no shape of its own (ESC, line ends, marks of direction) is written out."""
    return "".join(one if _has_shape(one) else json.dumps(one)[1:-1] for one in str(told))


def quoted(told: object, style: str = "") -> Text:
    """The same for a console that would take a string for markup."""
    return Text(printable(told), style)


def printable_json(told: object) -> str:
    """JSON that a person can read, in whatever script; what has no shape stands in it as JSON writes it."""
    lines = json.dumps(told, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(map(printable, lines))


def _has_shape(character: str) -> bool:
    # Blanks other than the usual one do no harm, and French is written with them.
    return character.isprintable() or unicodedata.category(character) == "Zs"
