"""Message catalogues: gettext, with English in the code and .po files for the other languages."""

from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "fr", "es", "ar")


class Catalogues:
    """The catalogues of one package and domain, compiled in memory at start: no build step, nothing to go stale."""

    def __init__(self, package: str, *, domain: str = "messages") -> None:
        folder = files(package) / "locales"
        self._by_language: dict[str, NullTranslations] = {"en": NullTranslations()}
        for language in LANGUAGES[1:]:
            source = folder / language / "LC_MESSAGES" / f"{domain}.po"
            with source.open("rb") as file:
                catalogue = read_po(file, locale=language)
            compiled = BytesIO()
            write_mo(compiled, catalogue)
            compiled.seek(0)
            self._by_language[language] = GNUTranslations(compiled)

    def for_language(self, language: str) -> NullTranslations:
        """The translations into a language; English for any that is not one of the four."""
        return self._by_language.get(language, self._by_language["en"])
