"""`up`, `down`, `status`, `logs` and `link`: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.terminal.errors import CommandError
from ssenet.terminal.options import DataOption, JsonOption, in_utf8


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
    from ssenet.data_folder.folder import data_folder
    from ssenet.network.up import bring_up

    raise typer.Exit(bring_up(data_folder(data), port=port, detach=detach))


def down(data: DataOption = None) -> None:
    """Stop everything cleanly. The data is kept for the next `up`."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.network.down import bring_down

    bring_down(data_folder(data))


def status(*, json: JsonOption = False, data: DataOption = None) -> None:
    """What runs, what keeps it from being ready, and its memory. Exits with 1 unless everything runs and is ready."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.network.status import show_status

    raise typer.Exit(show_status(data_folder(data), as_json=json))


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
    from ssenet.data_folder.folder import data_folder
    from ssenet.network.logs import show_logs

    show_logs(data_folder(data), process, lines=lines, follow=follow)


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
    from ssenet.data_folder.folder import data_folder
    from ssenet.network.client import the_network
    from ssenet.network.sign_in_links import ROLES, make_link

    wanted = role.replace("-", "_").lower()
    if wanted not in ROLES:
        raise CommandError(f"There is no role {role!r}.", hint=f"Roles: {', '.join(ROLES)}.", exit_code=2)
    typer.echo(make_link(the_network(data_folder(data)), wanted, organisation).url)
