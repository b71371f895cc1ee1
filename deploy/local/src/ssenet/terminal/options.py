"""Options that several commands share, and what holds for every one that takes words."""

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ssenet.terminal.errors import USAGE, CommandError

Words = TypeVar("Words", str, list[str], None)


def in_utf8(option: typer.CallbackParam, value: Words) -> Words:
    """The callback of an option whose words are sent on; raises CommandError for bytes that are no text."""
    for word in [value] if isinstance(value, str) else value or []:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"{option.opts[0]}: {word!r} is not UTF-8.", exit_code=USAGE) from error
    return value


DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data folder of the network; several can run side by side. (default: .ssenet)",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
