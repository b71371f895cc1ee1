"""What `up` says once everything is ready: the address, three ways to sign in, and how to go on."""

import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import Network, the_network
from ssenet.network.hints import data_option
from ssenet.network.sign_in_links import ROLES, make_link
from ssenet.terminal.errors import CommandError
from ssenet.terminal.output import mute

WHO = {
    "coordinator": "coordinator, Cooperatives Unit (COOP)",
    "focal_point": "focal point, CO-Dakar",
    "operator": "operator",
}


def welcome(network: Network, *, detached: bool) -> None:
    """Print it, each link on a line of its own, for a terminal to open or a person to copy."""
    # Nothing may be wrapped or shortened: a broken link is no link.
    console = _Patient(soft_wrap=True, highlight=False)
    console.print(f"\n[bold green]The network is ready:[/] [bold]{network.state.url}[/]\n")
    console.print("Sign in (each link works once, for ten minutes; `link` makes another):")
    for role in ROLES:
        try:
            url = f"[cyan]{escape(make_link(network, role).url)}[/]"
        except CommandError as error:
            url = f"[red]no link: {escape(error.what)}[/]"
        console.print(f"  {WHO[role]}\n    {url}")
    where = data_option(network.folder)
    console.print("\nGo on:")
    for command, what in (
        ("tour", "follow one event from a partner's system to an open inbox"),
        (
            "partner add CODE --grant partner.assistance.requested.v1",
            f"let a partner's system post events; how it does is shown at {escape(network.state.url)}/docs",
        ),
        ("link ROLE", "a fresh sign-in link"),
        ("logs [SERVICE] --follow", "what each process says"),
        ("status", "what runs, and how much memory it takes"),
        ("down", "stop it; the data stays" if detached else "stop it, or press Ctrl-C here; the data stays"),
    ):
        console.print(f"  [bold]./ssenet {escape(command)}{where}[/]\n      {what}")
    console.print()


class _Patient(Console):
    """A reader that has had enough, as `head` has, is no failure of the network."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        mute()


if __name__ == "__main__":
    try:
        welcome(the_network(DataFolder(Path(sys.argv[1]))), detached=False)
    except CommandError as error:
        print(f"ssenet: {error.what} {error.hint}", file=sys.stderr)
