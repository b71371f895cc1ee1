"""Are the message catalogues complete: every message of the code and the pages, in every language, well translated."""

import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from chassis.i18n import LANGUAGES

TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
OPTIONS = {"**/templates/**.html": {"silent": "false", "trimmed": "true"}}
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "_gettext", "msg", "Words"), None),
    **dict.fromkeys(("ngettext", "_ngettext"), (1, 2)),
    **dict.fromkeys(("pgettext", "_pgettext"), ((1, "c"), 2)),
    "npgettext": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")

Identity = tuple[str, str]
"""A message's context and its text (the singular)."""


def catalogue_faults(package: Path) -> Iterator[str]:
    """What is missing or wrong in the catalogues of one service's package, a line each; nothing when all is well."""
    wanted = extracted(package)
    for language in TRANSLATED:
        path = package / "locales" / language / "LC_MESSAGES" / "messages.po"
        if not path.exists():
            yield f"{path}: there is no such catalogue"
            continue
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        known = {_identity(message): message for message in catalogue if message.id}
        for identity in sorted(wanted - known.keys()):
            yield f"{path}: {_shown(identity)} is missing"
        for identity, message in known.items():
            for fault in translation_faults(message, catalogue):
                yield f"{path}:{message.lineno}: {_shown(identity)} {fault}"


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


def translation_faults(message: Message, catalogue: Catalog) -> Iterator[str]:
    """What is wrong with one translation."""
    plural = isinstance(message.id, (list, tuple))
    forms = list(message.string) if isinstance(message.string, (list, tuple)) else [message.string]
    if message.fuzzy:
        yield "is marked as uncertain (fuzzy)"
    if plural and len(forms) != catalogue.num_plurals:
        yield f"has {len(forms)} plural forms, the language has {catalogue.num_plurals}"
    if not all(form and form.strip() for form in forms):
        yield "is not translated"
        return
    allowed = set[str]().union(*(_placeholders(text) for text in (message.id if plural else [message.id])))
    for form in forms:
        used = _placeholders(form)
        # "One task" may spell its number out, so a plural form need not use them all.
        if not used <= allowed or (not plural and used != allowed):
            yield f"uses the placeholders {sorted(used)}, not {sorted(allowed)}"


def _placeholders(text: str) -> set[str]:
    return {match.group(0) for match in PLACEHOLDER.finditer(text)}


def _identity(message: Message) -> Identity:
    return message.context or "", _singular(message.id)


def _singular(text: str | list[str] | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else text[0]


def _shown(identity: Identity) -> str:
    context, text = identity
    short = text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - one line of the report
    return f"{short!r}" + (f" ({context})" if context else "")
