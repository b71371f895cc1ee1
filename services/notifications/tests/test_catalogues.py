"""The catalogues hold every message of the code, in every language, with the same places for variables."""

import re
from importlib.resources import files
from io import BytesIO

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

PLURAL_FORMS = {"fr": 3, "es": 3, "ar": 6}
PACKAGE = files("notifications")


def the_catalogue(language: str) -> Catalog:
    source = PACKAGE / "locales" / language / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(source.read_bytes()), locale=language, abort_invalid=True)


def messages_of(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def as_written(message: Message) -> str | tuple[str, ...]:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def forms_of(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", text))


@pytest.mark.parametrize("language", PLURAL_FORMS)
def test_a_catalogue_holds_exactly_the_messages_of_the_code(language: str) -> None:
    extracted = extract_from_dir(str(PACKAGE), method_map=[("**.py", "python")])
    in_code = {found[2] for found in extracted}

    assert {as_written(message) for message in messages_of(the_catalogue(language))} == in_code
    assert len(in_code) > 15


@pytest.mark.parametrize("language", PLURAL_FORMS)
def test_no_message_is_empty_or_fuzzy_or_lacks_a_plural_form(language: str) -> None:
    for message in messages_of(the_catalogue(language)):
        forms = forms_of(message)
        assert not message.fuzzy, message.id
        assert all(forms), message.id
        assert len(forms) == (PLURAL_FORMS[language] if message.pluralizable else 1), message.id


@pytest.mark.parametrize("language", PLURAL_FORMS)
def test_translations_keep_the_places_of_the_original(language: str) -> None:
    for message in messages_of(the_catalogue(language)):
        original, forms = as_written(message), forms_of(message)
        wanted = placeholders(original if isinstance(original, str) else original[1])
        # A plural form may say the number in words; the general form, the last, has it as a number.
        assert placeholders(forms[-1]) == wanted, original
        assert all(placeholders(form) <= wanted for form in forms), original
