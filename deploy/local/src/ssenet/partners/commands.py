"""The `partner` commands: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.terminal.options import DataOption, JsonOption, in_utf8

partner = typer.Typer(no_args_is_help=True, help="Partner systems and their keys.")

CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help="The partner's code, as `partner list` shows it.")
]

ExpiresOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="When the key stops by itself: 365d from now, or a date, from its first moment in UTC. (default: never)",
        callback=in_utf8,
    ),
]


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
        str, typer.Option(help="Language of its name, as a BCP 47 tag.", callback=in_utf8)
    ] = "en",
    expires: ExpiresOption = None,
    data: DataOption = None,
) -> None:
    """Let a partner's system post events; prints its key, this once.

    Run again for the same partner it sets the name and the grants anew and adds a key; at most two are live.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import add

    granted = [*grant, *(more or [])]
    add(data_folder(data), code, name=name or code, grants=granted, language=language, expires=expires)


@partner.command("list")
def partner_list(*, json: JsonOption = False, data: DataOption = None) -> None:
    """The partners, what each may post, its live keys and until when they are good."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import show

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
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import revoke

    revoke(data_folder(data), code, key=key)


@partner.command("rotate")
def partner_rotate(code: CodeArgument, *, expires: ExpiresOption = None, data: DataOption = None) -> None:
    """Print a new key for a partner; the one before stays good until the next rotation."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import rotate

    rotate(data_folder(data), code, expires=expires)


@partner.command("try")
def partner_try(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A CloudEvent, or an array of them, in JSON; - reads the standard input."
        ),
    ],
    *,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="The partner's key.",
            envvar="SSENET_KEY",
            show_default=False,
            callback=in_utf8,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The network's address. (default: the one that runs here)", callback=in_utf8
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            "-H",
            metavar="HEADER",
            help="Such as 'ce-type: ...': sends FILE in binary mode, as the data alone; may be repeated.",
            callback=in_utf8,
        ),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            help="Language to be answered in: en, fr, es or ar, as a partner's Accept-Language says it.",
            callback=in_utf8,
        ),
    ] = "en",
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """See what would become of an event: it is checked and answered as if it had been sent, and nothing is stored.

    Exits with 1 where the network would refuse it, or a part of it.
    """
    from ssenet.partners.try_event import Attempt, try_event

    attempt = Attempt(file, key=key, url=url, headers=tuple(header or ()), language=language)
    raise typer.Exit(try_event(data, attempt, as_json=json))
