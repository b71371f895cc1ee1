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
