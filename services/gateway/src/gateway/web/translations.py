"""The words of the pages: gettext catalogues, and the mark for messages that stand in the code."""

from functools import cache
from gettext import NullTranslations
from typing import Protocol

from chassis.i18n import Catalogues


class Texts(Protocol):
    """What a page needs of a catalogue."""

    def gettext(self, message: str) -> str: ...
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str: ...


def msg(message: str) -> str:
    """Mark a message for the catalogues; it is translated where it is shown."""
    return message


@cache
def _catalogues() -> Catalogues:
    return Catalogues("gateway")


def catalogue(language: str) -> NullTranslations:
    """The words in this language."""
    return _catalogues().for_language(language)
