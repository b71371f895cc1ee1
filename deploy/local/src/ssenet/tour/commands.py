"""`tour`: what can be asked, and where it is done."""

import typer

from ssenet.terminal.options import DataOption, JsonOption


def tour(*, json: JsonOption = False, data: DataOption = None) -> None:
    """Follow one real event from a partner's system to an open inbox, hop by hop.

    A partner posts a request for assistance in Senegal; a task opens at CO-Dakar; its focal point's inbox
    shows it. What restarts meanwhile is waited for. Exits with 1, naming the hop that is missing, when the way
    is not complete within 10 seconds.
    """
    from ssenet.data_folder.folder import data_folder
    from ssenet.tour.follow import take_tour

    raise typer.Exit(take_tour(data_folder(data), as_json=json))
