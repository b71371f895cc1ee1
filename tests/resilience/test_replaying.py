"""What a run of seeds says of one that failed: what was violated, and the command that runs the same faults again."""

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from tests.resilience.checker import Violation
from tests.resilience.conftest import RESULTS, pytest_generate_tests, pytest_terminal_summary, replay
from tests.resilience.schedule import draw
from tests.resilience.seeds import Outcome

LOST = Violation("every_outbox_row_reached_the_stream", "e1 (gateway) is not in the stream")


def an_outcome(seed: int, *violations: Violation) -> Outcome:
    schedule = draw(seed)
    return Outcome(schedule, schedule.faults, [], 120, waited=2, recovered_after=1.5, violations=violations)


def asked_for(*arguments: str) -> Any:
    """A configuration of pytest where these options were given."""
    options = {name: int(value) for name, value in zip(arguments[::2], arguments[1::2], strict=True)}
    return SimpleNamespace(getoption=options.__getitem__, stash=pytest.Stash())


def summed_up(config: Any, *outcomes: Outcome) -> list[str]:
    config.stash[RESULTS] = list(outcomes)
    told: list[str] = []
    reporter: Any = SimpleNamespace(section=told.append, write_line=told.append)
    pytest_terminal_summary(reporter, config)
    return told


def test_the_summary_names_the_seed_that_failed_and_how_to_replay_it_and_no_other() -> None:
    told = summed_up(asked_for("--seeds", "3"), an_outcome(16), an_outcome(17, LOST, LOST), an_outcome(18))

    assert "1 seeds with violations" in told[1]
    assert told[-1].startswith("seed 17: 2 VIOLATIONS; ")
    assert told[-1].endswith(f"\n  {replay(17)}")
    assert not any(replay(seed) in line for line in told for seed in (16, 18))


def test_what_replays_a_seed_runs_that_seed_alone() -> None:
    _, _, command = replay(17).partition("again: ")
    *called, test = shlex.split(command)[:3]
    parametrized: list[Any] = []
    metafunc: Any = SimpleNamespace(
        fixturenames=["seed"],
        config=asked_for(*shlex.split(command)[3:]),
        parametrize=lambda *drawn: parametrized.append(drawn),  # pyright: ignore[reportUnknownLambdaType]
    )

    pytest_generate_tests(metafunc)

    assert (called, test) == (["./ssenet", "test"], "tests/resilience/test_faults.py")
    assert parametrized == [("seed", range(17, 18))]
