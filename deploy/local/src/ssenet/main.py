"""The `ssenet` command, composed of what each room offers.

Rooms import what a sub-command needs when it runs, so that `--help` comes at once.
"""

import signal
import sys

import typer

from ssenet.development.commands import bench, check, run_tests_or_mutants
from ssenet.development.contract_commands import contracts
from ssenet.network.commands import down, link, logs, status, up
from ssenet.operators.dead_letter_commands import deadletters
from ssenet.operators.event_commands import events
from ssenet.partners.commands import partner
from ssenet.terminal.errors import CommandError
from ssenet.tour.commands import tour

RUN, PEOPLE, WORK = "The network", "Partners and members", "Working on the code"
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

cli = typer.Typer(
    name="ssenet",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "The ILO's network on decent work and the social and solidarity economy, on this machine.\n\n"
        "Begin with [bold]up[/], then [bold]tour[/]."
    ),
)
for command in (up, down, status, logs, tour):
    cli.command(rich_help_panel=RUN)(command)
cli.add_typer(deadletters, name="deadletters", rich_help_panel=RUN)
cli.add_typer(events, name="events", rich_help_panel=RUN)

cli.command(rich_help_panel=PEOPLE)(link)
cli.add_typer(partner, name="partner", rich_help_panel=PEOPLE)

cli.command("test", rich_help_panel=WORK, context_settings=PASS_ON)(run_tests_or_mutants)
for command in (check, bench):
    cli.command(rich_help_panel=WORK)(command)
cli.add_typer(contracts, name="contracts", rich_help_panel=WORK)


def app() -> None:
    """Run the command; what goes wrong is one sentence on the error output, never a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cli(prog_name="./ssenet")
    except CommandError as error:
        error.tell()
        sys.exit(error.exit_code)
