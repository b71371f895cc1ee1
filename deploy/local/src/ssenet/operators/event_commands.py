"""`ssenet events`: the stored events themselves, for operators."""

from typing import Annotated

import typer

from ssenet.operators.options import ByOption, DataOption, ReasonOption
from ssenet.terminal.options import JsonOption, in_utf8

events = typer.Typer(no_args_is_help=True, help="The events that the broker stores.")


@events.command("replay")
def replay(
    *,
    handler: Annotated[
        str,
        typer.Option(
            "--handler", metavar="DURABLE", help="The projection, by its handler's durable.", callback=in_utf8
        ),
    ],
    service: Annotated[
        str | None, typer.Option("--service", "-s", help="Its service. (default: as the durable's name says)")
    ] = None,
    from_time: Annotated[
        str | None,
        typer.Option(
            "--from-time",
            metavar="TIME",
            help="Only events since then: 2026-11-23T09:00Z, or 30m, 2h, 7d ago. (default: from the start)",
        ),
    ] = None,
    by: ByOption = "operator",
    reason: ReasonOption = "",
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Rebuild a projection from the events, while its service runs.

    Readers go on seeing what it holds; every row is written again by the event it came from. In the end the rows
    that no event reached are reported. A handler that does more than keep the newest state is refused. Ctrl-C
    only stops watching: the rebuild goes on, and the same command watches it again, also with a time such as 2d, which
    is another one by then.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.rebuild_projection import Wanted, rebuild

    wanted = Wanted(handler, service, from_time, by=by, reason=reason)
    raise typer.Exit(rebuild(data_folder(data), wanted, as_json=json))


@events.command("refill")
def refill(
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Publish again even where the broker has lost nothing.")
    ] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Restore a broker that lost its store: recreate the streams and publish every kept event again, in order.

    The services go on running. What a consumer had applied already it drops, so the command can be repeated; it
    ends once all that was committed when it began has been published and heard. Where only a durable is missing, it
    is made again and hears what the stream holds. Exits with 1 when nothing has moved for a minute.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.operators.refill_broker import refill_streams

    raise typer.Exit(refill_streams(data_folder(data), force=force, as_json=json))
