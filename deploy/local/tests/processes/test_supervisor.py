"""What the supervisor says of a start that it gives up."""

import sys

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.processes.supervisor import Supervisor
from ssenet.terminal.errors import CommandError


@pytest.mark.parametrize(("system", "told"), [("linux", False), ("darwin", True)])
def test_a_start_that_fails_on_a_system_never_tried_says_so(
    *,
    folder: DataFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: str,
    told: bool,
) -> None:
    supervisor = Supervisor(folder, port=1, foreground=False)
    monkeypatch.setattr(sys, "platform", system)

    supervisor._explain(CommandError("registry ended before it was ready."))

    said = capsys.readouterr().out
    assert "registry ended before it was ready." in said
    assert ("docs/how-to/run-it.md" in said) == told
