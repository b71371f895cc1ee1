"""The `contracts` commands: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.terminal.options import JsonOption

contracts = typer.Typer(no_args_is_help=True, help="The typed events and what is generated from them.")


@contracts.command("generate")
def contracts_generate(
    *,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if anything is out of date.")
    ] = False,
) -> None:
    """Write JSON Schemas, the AsyncAPI document and the catalogue from the events."""
    from ssenet.development.generate_contracts import generate_contracts

    raise typer.Exit(generate_contracts(check_only=check_only))


EventArgument = Annotated[
    str | None,
    typer.Argument(metavar="EVENT", help="Type of one event, or `envelope`. (default: all)"),
]


@contracts.command("diff")
def contracts_diff(event: EventArgument = None, *, json: JsonOption = False) -> None:
    """What differs from each published edition, and whom it would hurt. Exits with 1 when anybody."""
    from ssenet.development.contract_editions import show_diff

    raise typer.Exit(show_diff(event, as_json_text=json))


@contracts.command("publish")
def contracts_publish(
    *,
    retire: Annotated[
        str | None,
        typer.Option(
            metavar="EVENT", help="Instead, forget an event whose class is gone and of which none is left."
        ),
    ] = None,
) -> None:
    """Record what was added as published, from now on for ever. Refuses what breaks a published edition."""
    from ssenet.development.contract_editions import publish

    raise typer.Exit(publish(retire))


@contracts.command("examples")
def contracts_examples(event: EventArgument = None, *, json: JsonOption = False) -> None:
    """The examples, and whether today's classes read them as they were published. Exits with 1 when not."""
    from ssenet.development.contract_editions import show_examples

    raise typer.Exit(show_examples(event, as_json_text=json))
