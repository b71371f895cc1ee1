"""Options that several of the operators' commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ssenet.terminal.options import in_utf8

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Data folder of the network. (default: .ssenet)"),
]
"""Told shorter than `terminal.options` tells it: who starts networks may need a second."""
ByOption = Annotated[
    str,
    typer.Option(
        "--by", metavar="ROLE", help="Your role, for the record. No names of persons.", callback=in_utf8
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.", callback=in_utf8)
]
