"""Are the message catalogues complete: every message of the code and the pages, in every language, well translated."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from chassis.i18n import LANGUAGES

TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
OPTIONS = {"**/templates/**.html": {"silent": "false", "trimmed": "true"}}
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "_gettext", "msg", "Sentence"), None),
    **dict.fromkeys(("ngettext", "_ngettext"), (1, 2)),
    **dict.fromkeys(("pgettext", "_pgettext"), ((1, "c"), 2)),
    "npgettext": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")

Identity = tuple[str, str]
"""A message's context and its text (the singular)."""


@dataclass(frozen=True)
class Elsewhere:
    """A message that a package shows and other code holds: what it is, and the file its translations go into."""

    what: str
    file: str


def catalogue_faults(package: Path, *, also: Mapping[str, Elsewhere] = MappingProxyType({})) -> Iterator[str]:
    """What is missing or wrong in the catalogues of one service's package, a line each; nothing when all is well.

    A language may have several catalogues (domains); a message of the package needs to stand in one of them.
    """
    wanted = sorted(extracted(package))
    for language in TRANSLATED:
        folder = package / "locales" / language / "LC_MESSAGES"
        known: dict[str, set[Identity]] = {}
        for path in sorted(folder.glob("*.po")):
            with path.open("rb") as file:
                catalogue = read_po(file, locale=language)
            known[path.name] = {_identity(message) for message in catalogue if message.id}
            for message in catalogue:
                where = f"{path}:{message.lineno}: {_shown(_identity(message))}"
                yield from (f"{where} {fault}" for fault in translation_faults(message) if message.id)
        in_any = set[Identity]().union(*known.values())
        yield from (
            f"{folder}: {_shown(identity)} is missing" for identity in wanted if identity not in in_any
        )
        for text, one in also.items():
            if ("", text) not in known.get(one.file, set[Identity]()):
                yield f"{folder / one.file}: {_shown(('', text))}, {one.what}, is missing"


def extracted(package: Path) -> set[Identity]:
    """Every message that the code and the templates of a package show."""
    found = extract_from_dir(
        package, METHODS, OPTIONS, KEYWORDS, directory_filter=lambda path: "/static" not in str(path)
    )
    return {
        (context or "", _singular(text))
        for _file, _line, text, _comments, context in found
        if _singular(text)
    }


def translation_faults(message: Message) -> Iterator[str]:
    """What is wrong with one translation."""
    texts, forms = _forms(message.id), _forms(message.string)
    if message.fuzzy:
        yield "is marked as uncertain (fuzzy)"
    if not all(form.strip() for form in forms):
        yield "is not translated"
        return
    allowed = set[str]().union(*(_placeholders(text) for text in texts))
    for form in forms:
        used = _placeholders(form)
        # "One task" may spell its number out, so a plural form need not use them all.
        if not used <= allowed or (len(texts) == 1 and used != allowed):
            yield f"uses the placeholders {sorted(used)}, not {sorted(allowed)}"


def _forms(text: str | Sequence[str | None] | None) -> list[str]:
    """One text, or all the plural forms of it."""
    return [text or ""] if text is None or isinstance(text, str) else [form or "" for form in text]


def _placeholders(text: str) -> set[str]:
    return {match.group(0) for match in PLACEHOLDER.finditer(text)}


def _identity(message: Message) -> Identity:
    return message.context or "", _singular(message.id)


def _singular(text: str | Sequence[str | None]) -> str:
    return _forms(text)[0]


def _shown(identity: Identity) -> str:
    context, text = identity
    short = text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - one line of the report
    return f"{short!r}" + (f" ({context})" if context else "")
