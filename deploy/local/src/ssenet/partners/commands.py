"""The `partner` commands: what can be asked, and where it is done."""

from typing import Annotated

import typer

from ssenet.terminal.options import DataOption, JsonOption, in_utf8

partner = typer.Typer(no_args_is_help=True, help="Partner systems and their keys.")

CodeArgument = Annotated[
    str, typer.Argument(metavar="CODE", help="The partner's code, as `partner list` shows it.")
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
        str, typer.Option(help="Language it is answered in: en, fr, es or ar.", callback=in_utf8)
    ] = "en",
    data: DataOption = None,
) -> None:
    """Let a partner's system post events; prints its key, this once.

    Run again for the same partner it sets the name and the grants anew and adds a key; at most two are live.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import add

    add(data_folder(data), code, name=name or code, grants=[*grant, *(more or [])], language=language)


@partner.command("list")
def partner_list(*, json: JsonOption = False, data: DataOption = None) -> None:
    """The partners, what each may post, and its live keys."""
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
def partner_rotate(code: CodeArgument, *, data: DataOption = None) -> None:
    """Print a new key for a partner; the one before stays good until the next rotation."""
    from ssenet.data_folder.folder import data_folder
    from ssenet.partners.grants_and_keys import rotate

    rotate(data_folder(data), code)
