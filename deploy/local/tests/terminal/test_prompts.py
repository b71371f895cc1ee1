"""Who agrees to a question."""

from io import StringIO

import pytest

from ssenet.terminal.prompts import agreed


@pytest.mark.parametrize(
    ("typed", "usual", "agrees"),
    [
        ("y\n", False, True),
        ("YES\n", False, True),
        ("\n", False, False),
        ("\n", True, True),
        ("n\n", True, False),
        # The input was ended, as Ctrl-D does.
        ("", True, False),
    ],
)
def test_only_who_answers_agrees(
    *, monkeypatch: pytest.MonkeyPatch, typed: str, usual: bool, agrees: bool
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(typed))

    assert agreed("Go on?", usual=usual) == agrees
