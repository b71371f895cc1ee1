"""The checks are run, all of them."""

import pytest

from ssenet.development.checks.run import Check, run_checks


def test_one_failed_check_fails_the_whole_and_the_others_still_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = [Check("spelling", lambda: "line 3: [teh]"), Check("order", lambda: "")]

    assert run_checks(checks) == 1

    printed = capsys.readouterr().out
    assert "failed  spelling" in printed
    assert "line 3: [teh]" in printed
    assert "ok      order" in printed


def test_a_check_that_cannot_look_fails_and_the_others_still_run(capsys: pytest.CaptureFixture[str]) -> None:
    def look() -> str:
        raise ValueError("themes.json: crisis has no label in es")

    assert run_checks([Check("labels", look), Check("order", lambda: "")]) == 1

    printed = capsys.readouterr().out
    assert "It could not look: ValueError: themes.json: crisis has no label in es" in printed
    assert "ok      order" in printed
