"""The `deadletters` commands: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.operators.options import ByOption, DataOption, ReasonOption
from ssenet.terminal.options import JsonOption, in_utf8

deadletters = typer.Typer(
    no_args_is_help=True,
    help="Events that could not be handled: find them, mend them, replay or discard them.\n\n"
    "A dead letter is never deleted: it waits until it is [bold]replayed[/] or [bold]discarded[/], and keeps a "
    "record of who did what to it, and why.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The letter's id, as `list` shows it.")]
IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID", help="Single letters, instead of a filter.")
]
ServiceOption = Annotated[
    str | None, typer.Option("--service", "-s", help="Only this service's. (default: all services)")
]
HandlerOption = Annotated[
    str | None,
    typer.Option(
        "--handler", metavar="DURABLE", help="Only this handler's, by its durable.", callback=in_utf8
    ),
]
TypeOption = Annotated[
    str | None, typer.Option("--type", metavar="EVENT_TYPE", help="Only this event type.", callback=in_utf8)
]
ErrorOption = Annotated[
    str | None,
    typer.Option(
        "--error", metavar="CLASS", help="Only this class of error, as `list` shows it.", callback=in_utf8
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Died since then: 2026-11-23T09:00Z, or 30m, 2h, 7d ago."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Died before then, written like --since.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All that wait, without any filter.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]


@deadletters.command("list")
def list_letters(
    *,
    service: ServiceOption = None,
    handler: HandlerOption = None,
    event_type: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    state: Annotated[str, typer.Option(help="waiting, replayed, discarded or any.")] = "waiting",
    after: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on behind this letter, the last of a page.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="Letters on a page.")] = 50,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """List dead letters, the newest first. Shows nothing of what they say; `show` does."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.find_letters import Filter
    from ssenet.operators.show_letters import list_them

    chosen = Filter.read(service, handler, event_type, error, since=since, until=until, state=state)
    raise typer.Exit(list_them(data_folder(data), chosen, after=after, limit=limit, as_json=json))


@deadletters.command("show")
def show(letter_id: IdArgument, *, json: JsonOption = False, data: DataOption = None) -> None:
    """Show a letter: its event, why it died, each attempt, and what was done to it."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.show_letters import show_one

    show_one(data_folder(data), letter_id, as_json=json)


@deadletters.command("edit")
def edit(
    letter_id: IdArgument,
    *,
    reason: ReasonOption,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE", help="Take the new event from here instead; - reads standard input."
        ),
    ] = None,
    by: ByOption = "operator",
    data: DataOption = None,
) -> None:
    """Mend what a letter says, in your $EDITOR. It is checked against its contract; replay it afterwards.

    The whole event is edited: its envelope and its data. What tells it from other events, its id and its place
    in their order, cannot be changed.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.edit_letter import edit_one

    edit_one(data_folder(data), letter_id, file=file, by=by, reason=reason)


@deadletters.command("replay")
def replay(
    ids: IdsArgument = None,
    *,
    service: ServiceOption = None,
    handler: HandlerOption = None,
    event_type: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    everything: AllOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=10_000, help="Letters a second at most.")] = 500,
    by: ByOption = "operator",
    reason: ReasonOption = "",
    yes: YesOption = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Apply letters after all, each once, in the order of the stream.

    Several letters are tried first in a dry run, and then you are asked. The dry run does the work and takes it
    back, batch by batch: a letter is tried without the effects of letters in earlier batches, so one that builds
    on them may fail in the dry run and not in the replay, or the other way round.

    What fails again goes on waiting, with one more attempt in its history. Exits with 1 when any did.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.find_letters import Filter
    from ssenet.operators.replay_letters import Replay, replay_them

    chosen = Filter.read(service, handler, event_type, error, since=since, until=until)
    wanted = Replay(ids or [], chosen.required(ids, everything=everything), by=by, reason=reason, rate=rate)
    raise typer.Exit(replay_them(data_folder(data), wanted, dry_run=dry_run, yes=yes, as_json=json))


@deadletters.command("discard")
def discard(
    ids: IdsArgument = None,
    *,
    service: ServiceOption = None,
    handler: HandlerOption = None,
    event_type: TypeOption = None,
    error: ErrorOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    everything: AllOption = False,
    reason: ReasonOption,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many would be discarded.")] = False,
    by: ByOption = "operator",
    yes: YesOption = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """End letters without applying them. They are kept, with a record, and can never be replayed."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.discard_letters import discard_them
    from ssenet.operators.find_letters import Filter

    chosen = Filter.read(service, handler, event_type, error, since=since, until=until)
    chosen = chosen.required(ids, everything=everything)
    told = {"by": by, "reason": reason}
    raise typer.Exit(
        discard_them(data_folder(data), ids or [], chosen, told, dry_run=dry_run, yes=yes, as_json=json)
    )
