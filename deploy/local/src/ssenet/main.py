"""The `ssenet` command. Sub-commands import what they need when they run, so that `--help` comes at once."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from ssenet.deadletter_commands import deadletters
from ssenet.errors import CommandError
from ssenet.event_commands import events
from ssenet.options import in_utf8

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Data folder of the network; several can run side by side. (default: .ssenet)",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help="The partner's code, as `partner list` shows it.")
]
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
RUN, PEOPLE, WORK = "The network", "Partners and members", "Working on the code"


@cli.command(rich_help_panel=RUN)
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return once it is ready, and leave it running.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of its address; 0 finds a free one. (default: 8080)"),
    ] = None,
    data: DataOption = None,
) -> None:
    """Start everything, wait until it is ready, and say how to go on.

    PostgreSQL, NATS and the four services run as processes of this machine and listen on loopback only.
    Whatever ends is started again. Ctrl-C (or `down`) stops it all; the data is kept.
    """
    from ssenet.folders import data_folder
    from ssenet.running import bring_up

    raise typer.Exit(bring_up(data_folder(data), port=port, detach=detach))


@cli.command(rich_help_panel=RUN)
def down(data: DataOption = None) -> None:
    """Stop everything cleanly. The data is kept for the next `up`."""
    from ssenet.folders import data_folder
    from ssenet.running import bring_down

    bring_down(data_folder(data))


@cli.command(rich_help_panel=RUN)
def status(*, json: JsonOption = False, data: DataOption = None) -> None:
    """What runs, what keeps it from being ready, and its memory. Exits with 1 unless everything runs and is ready."""
    from ssenet.folders import data_folder
    from ssenet.looking import show_status

    raise typer.Exit(show_status(data_folder(data), as_json=json))


@cli.command(rich_help_panel=RUN)
def logs(
    process: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE",
            help="registry, coordination, notifications, gateway, postgres, nats, nursery or supervisor. "
            "(default: all)",
        ),
    ] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines to begin with.")] = 40,
    data: DataOption = None,
) -> None:
    """What the processes say, the newest last."""
    from ssenet.folders import data_folder
    from ssenet.looking import show_logs

    show_logs(data_folder(data), process, lines=lines, follow=follow)


@cli.command(rich_help_panel=RUN)
def tour(*, json: JsonOption = False, data: DataOption = None) -> None:
    """Follow one real event from a partner's system to an open inbox, hop by hop.

    A partner posts a request for assistance in Senegal; a task opens at CO-Dakar; its focal point's inbox
    shows it. What restarts meanwhile is waited for. Exits with 1, naming the hop that is missing, when the way
    is not complete within 10 seconds.
    """
    from ssenet.folders import data_folder
    from ssenet.tour import take_tour

    raise typer.Exit(take_tour(data_folder(data), as_json=json))


cli.add_typer(deadletters, name="deadletters", rich_help_panel=RUN)
cli.add_typer(events, name="events", rich_help_panel=RUN)


@cli.command(rich_help_panel=PEOPLE)
def link(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="coordinator, focal_point or operator.")],
    *,
    organisation: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Unit or office of the role. (default: COOP; for focal_point: CO-Dakar)",
            callback=in_utf8,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Print a fresh sign-in link for a role account; it works once."""
    from ssenet.folders import data_folder
    from ssenet.links import ROLES, make_link
    from ssenet.network import the_network

    wanted = role.replace("-", "_").lower()
    if wanted not in ROLES:
        raise CommandError(f"There is no role {role!r}.", hint=f"Roles: {', '.join(ROLES)}.", exit_code=2)
    typer.echo(make_link(the_network(data_folder(data)), wanted, organisation).url)


partner = typer.Typer(no_args_is_help=True, help="Partner systems and their keys.")
cli.add_typer(partner, name="partner", rich_help_panel=PEOPLE)


@partner.command("add")
def partner_add(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Short code, for example FAO.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="EVENT_TYPE", hidden=True)] = None,
    *,
    grant: Annotated[
        list[str],
        typer.Option(
            metavar="EVENT_TYPE",
            help="What it may post, for example partner.assistance.requested.v1; may be repeated.",
            callback=in_utf8,
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the partner. (default: its code)", callback=in_utf8)
    ] = None,
    language: Annotated[
        str, typer.Option(help="Language it is answered in: en, fr, es or ar.", callback=in_utf8)
    ] = "en",
    data: DataOption = None,
) -> None:
    """Let a partner's system post events; prints its key, this once.

    Run again for the same partner it sets the name and the grants anew and adds a key; at most two are live.
    """
    from ssenet.folders import data_folder
    from ssenet.partners import add

    add(data_folder(data), code, name=name or code, grants=[*grant, *(more or [])], language=language)


@partner.command("list")
def partner_list(*, json: JsonOption = False, data: DataOption = None) -> None:
    """The partners, what each may post, and its live keys."""
    from ssenet.folders import data_folder
    from ssenet.partners import show

    show(data_folder(data), as_json=json)


@partner.command("revoke")
def partner_revoke(
    code: CodeArgument,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY_ID", help="Only this key, instead of all.", callback=in_utf8)
    ] = None,
    data: DataOption = None,
) -> None:
    """Take a partner's keys back; within two seconds they are refused."""
    from ssenet.folders import data_folder
    from ssenet.partners import revoke

    revoke(data_folder(data), code, key=key)


@partner.command("rotate")
def partner_rotate(code: CodeArgument, *, data: DataOption = None) -> None:
    """Print a new key for a partner; the one before stays good until the next rotation."""
    from ssenet.folders import data_folder
    from ssenet.partners import rotate

    rotate(data_folder(data), code)


@cli.command(rich_help_panel=WORK, context_settings=PASS_ON)
def test(context: typer.Context) -> None:
    """Run the tests, on real PostgreSQL and NATS; what follows is passed to pytest."""
    from ssenet.development import run_tests

    run_tests(context.args)


@cli.command(rich_help_panel=WORK)
def check() -> None:
    """Check everything that can be checked without running it; exits with 1 if anything failed."""
    from ssenet.checks import run_checks

    raise typer.Exit(run_checks())


@cli.command(rich_help_panel=WORK)
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="relay|apply|flow|peers|trace|recovery", help="Which to take. (default: all)"),
    ] = None,
    *,
    json: JsonOption = False,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny runs that show that all works.")] = False,
) -> None:
    """Measure the backbone against floors taken in the same run; exits with 1 when a goal is missed.

    Each benchmark starts servers of its own and takes minutes; leave the machine alone meanwhile. What each
    measures, and the figures so far, stand in benchmarks/README.md.
    """
    from ssenet.development import run_benchmarks

    run_benchmarks(names or [], json=json, quick=quick)


contracts = typer.Typer(no_args_is_help=True, help="The typed events and what is generated from them.")
cli.add_typer(contracts, name="contracts", rich_help_panel=WORK)


@contracts.command("generate")
def contracts_generate(
    *,
    check_only: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if anything is out of date.")
    ] = False,
) -> None:
    """Write JSON Schemas, the AsyncAPI document and the catalogue from the events."""
    from ssenet.development import generate_contracts

    raise typer.Exit(generate_contracts(check_only=check_only))


EventArgument = Annotated[
    str | None,
    typer.Argument(metavar="EVENT", help="Type of one event, or `envelope`. (default: all)"),
]


@contracts.command("diff")
def contracts_diff(event: EventArgument = None, *, json: JsonOption = False) -> None:
    """What differs from each published edition, and whom it would hurt. Exits with 1 when anybody."""
    from ssenet.contracting import show_diff

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
    from ssenet.contracting import publish

    raise typer.Exit(publish(retire))


@contracts.command("examples")
def contracts_examples(event: EventArgument = None, *, json: JsonOption = False) -> None:
    """The examples, and whether today's classes read them as they were published. Exits with 1 when not."""
    from ssenet.contracting import show_examples

    raise typer.Exit(show_examples(event, as_json_text=json))


def app() -> None:
    """Run the command; what goes wrong is one sentence on the error output, never a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cli(prog_name="./ssenet")
    except CommandError as error:
        error.tell()
        sys.exit(error.exit_code)
