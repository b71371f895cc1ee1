"""The code lists of the network: versioned data with labels in its four working languages.

    codes.known("countries", "SN")              True
    codes.label("countries", "SN", "fr")        "Sénégal"
    codes.suggest("countries", "uk")            "GB"
    codes.label_of(Theme.JUST_TRANSITION, "ar")

The lists are read once, at import, from the JSON files in `data/`.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from pydantic.fields import FieldInfo

from contracts.fields import mark_of, types_of
from contracts.words import InList, LabelledBy, Labels, Language


class Guesses:
    """How many near misses may still be looked for: each costs milliseconds, and a sender decides how many it makes."""

    def __init__(self, most: int) -> None:
        self._left = most

    def spend(self) -> bool:
        """Take one, if any is left."""
        self._left -= 1
        return self._left >= 0


class UnknownCodeError(LookupError):
    """The list has no such code, or there is no such list."""


@dataclass(frozen=True)
class Code:
    """One code of a list: its labels, what else people write for it, and what marks it."""

    code: str
    labels: Labels
    aliases: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CodeList:
    """One list, in its published order."""

    name: str
    version: int
    source: str
    codes: Mapping[str, Code] = field(repr=False)

    def __iter__(self) -> Iterator[Code]:
        return iter(self.codes.values())

    def __len__(self) -> int:
        return len(self.codes)

    def __contains__(self, code: object) -> bool:
        return code in self.codes

    def __getitem__(self, code: str) -> Code:
        try:
            return self.codes[code]
        except KeyError:
            raise UnknownCodeError(f"{self.name} has no code {code}") from None

    def label(self, code: str, language: str) -> str:
        """Name the code in this language, or in English where it is none of the four."""
        return self[code].labels.in_language(language)

    def tagged(self, tag: str) -> tuple[Code, ...]:
        return tuple(code for code in self if tag in code.tags)

    def sorted_by_label(self, language: str) -> list[tuple[str, str]]:
        """Pair codes and labels in the order of the labels, accents aside: the choices on a page."""
        return sorted(
            ((code.code, code.labels.in_language(language)) for code in self),
            key=lambda pair: _folded(pair[1]),
        )

    def suggest(self, text: str, guesses: Guesses | None = None) -> str | None:
        """Give the code that was probably meant: an alias, a label in any of the languages, or a near miss.

        Codes of two letters have too many neighbours for a guess; for them a near miss must be in a name. What is
        longer than any name was not meant as one. A near miss is looked for while there are `guesses` left.
        """
        if len(text) > _LONGEST_GUESS:
            return None
        wanted = _folded(text)
        exact = self._meant.get(wanted)
        if exact is not None or len(wanted) <= _TOO_SHORT_TO_GUESS:
            return exact
        if guesses is not None and not guesses.spend():
            return None
        near = get_close_matches(wanted, self._meant, n=1, cutoff=0.8)
        return self._meant[near[0]] if near else None

    def is_alias(self, text: str) -> bool:
        """Whether this is what some people write instead of one of the codes."""
        return text in self._aliases

    @cached_property
    def _aliases(self) -> frozenset[str]:
        return frozenset(alias for code in self for alias in code.aliases)

    @cached_property
    def _meant(self) -> Mapping[str, str]:
        meant: dict[str, str] = {}
        for code in self:
            labels = code.labels
            for text in (code.code, *code.aliases, labels.en, labels.fr, labels.es, labels.ar):
                meant.setdefault(_folded(text), code.code)
        return meant


_TOO_SHORT_TO_GUESS: Final = 3
_LONGEST_GUESS: Final = 100
_THREE_LETTERS: Final = 3


def _folded(text: str) -> str:
    """Letters and digits alone: without case, accents, signs and spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _load(name: str) -> CodeList:
    content = json.loads(files("contracts").joinpath("data", f"{name}.json").read_text(encoding="utf-8"))
    codes = {row["code"]: _code(name, row) for row in content["codes"]}
    return CodeList(name, content["version"], content["source"], MappingProxyType(codes))


def _code(name: str, row: Mapping[str, Any]) -> Code:
    if missing := [language for language in Language if not row.get(language)]:
        raise ValueError(
            f"contracts/src/contracts/data/{name}.json: {row['code']} has no label in {', '.join(missing)}"
        )
    return Code(
        code=row["code"],
        # Our own data, checked by the tests: validating 3,000 labels at every start would cost more than
        # reading them.
        labels=Labels.model_construct(en=row["en"], fr=row["fr"], es=row["es"], ar=row["ar"]),
        aliases=tuple(row.get("aliases", ())),
        tags=frozenset(row.get("tags", ())),
    )


def _load_all() -> Iterator[CodeList]:
    for each in sorted(files("contracts").joinpath("data").iterdir(), key=lambda file: file.name):
        yield _load(each.name.removesuffix(".json"))


LISTS: Final[Mapping[str, CodeList]] = MappingProxyType({each.name: each for each in _load_all()})
"""Every list that stands in `data/`, by its name."""

countries: Final = LISTS["countries"]
languages: Final = LISTS["languages"]
isic_sections: Final = LISTS["isic_sections"]
roles: Final = LISTS["roles"]


def list_name_of(enum: type[StrEnum]) -> str:
    """Name the list that an enum's labels belong in: the plural of its name."""
    singular = re.sub(r"(?<=.)(?=[A-Z])", "_", enum.__name__).lower()
    if singular.endswith("y"):
        return f"{singular[:-1]}ies"
    return f"{singular}es" if singular.endswith(("s", "x", "ch", "sh")) else f"{singular}s"


@cache
def list_of_enum(enum: type[StrEnum]) -> CodeList:
    """Give the list with the labels of an enum's values: `knowledge_kinds` for `KnowledgeKind`."""
    return _list(list_name_of(enum))


def list_name_for(field: FieldInfo) -> str | None:
    """Name the list that the labels of a field's values belong in, if they are codes."""
    if mark := mark_of(field, InList) or mark_of(field, LabelledBy):
        return mark.name
    enums = (kind for kind in types_of(field) if issubclass(kind, StrEnum))
    return next((list_name_of(enum) for enum in enums), None)


def list_for(field: FieldInfo) -> CodeList | None:
    """Give the list with the labels of a field's values, if they are codes; raises where there is no such list."""
    name = list_name_for(field)
    return None if name is None else _list(name)


def known(list_name: str, code: str) -> bool:
    return code in _list(list_name)


def label(list_name: str, code: str, language: str) -> str:
    """Name the code in this language, or in English where it is none of the four."""
    return _list(list_name).label(code, language)


def suggest(list_name: str, code: str, guesses: Guesses | None = None) -> str | None:
    """Give the code of the list that was probably meant, if one is near enough."""
    return _list(list_name).suggest(code, guesses)


def label_of(value: StrEnum, language: str) -> str:
    """Name an enum's value in this language, or in English where it is none of the four."""
    return list_of_enum(type(value)).label(value.value, language)


def known_language(tag: str) -> bool:
    """Whether a BCP 47 tag starts with a language.

    A code of two letters must be one of ISO 639-1. Of the three-letter codes ISO 639-3 has thousands, more
    than have labels: they pass, unless BCP 47 wants the shorter one (`eng` is to be written `en`). What is private
    (`x-…`), or was registered as a whole (`i-…`), names its language in a way of its own.
    """
    primary = tag.partition("-")[0].lower()
    if primary in languages or primary in {"i", "x"}:
        return True
    return len(primary) == _THREE_LETTERS and not languages.is_alias(primary)


def suggest_language(tag: str, guesses: Guesses | None = None) -> str | None:
    """Give the tag with its language put right, where that can be guessed."""
    primary, hyphen, rest = tag.partition("-")
    meant = languages.suggest(primary, guesses)
    return None if meant is None else f"{meant}{hyphen}{rest}"


def _list(name: str) -> CodeList:
    try:
        return LISTS[name]
    except KeyError:
        raise UnknownCodeError(f"there is no list {name}") from None
