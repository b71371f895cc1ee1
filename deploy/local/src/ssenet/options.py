"""Options that several commands share, and what holds for every one that takes words."""

from typing import Annotated, TypeVar

import typer

from ssenet.errors import USAGE, CommandError

Words = TypeVar("Words", str, list[str], None)


def in_utf8(option: typer.CallbackParam, value: Words) -> Words:
    """The callback of an option whose words are sent on; raises CommandError for bytes that are no text."""
    for word in [value] if isinstance(value, str) else value or []:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"{option.opts[0]}: {word!r} is not UTF-8.", exit_code=USAGE) from error
    return value


ByOption = Annotated[
    str,
    typer.Option(
        "--by", metavar="ROLE", help="Your role, for the record. No names of persons.", callback=in_utf8
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.", callback=in_utf8)
]
