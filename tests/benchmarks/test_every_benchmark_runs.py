"""Each benchmark, tiny: it runs end to end on servers of its own, and its figures have their shape."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.commands import MISSED, NAMES, asked
from benchmarks.figures import as_json, bounded, compared, percentile, reported
from benchmarks.machine import machine_line

KEYS = {"name", "unit", "floor", "measured", "ratio", "goal", "ok"}


def test_a_figure_meets_its_goal_by_ratio_and_by_its_least_value() -> None:
    assert compared("relay", "events/s", measured=9_000, floor=10_000, goal=0.6, least=8_000).ok is True
    assert compared("relay", "events/s", measured=7_000, floor=10_000, goal=0.6, least=8_000).ok is False
    assert compared("relay", "events/s", measured=9_000, floor=20_000, goal=0.6, least=8_000).ok is False
    assert bounded("wait", "ms", measured=151, at_most=150).ok is False
    assert reported("memory", "MB", 400).ok is None


def test_figures_for_programs_have_the_keys_that_were_promised() -> None:
    figures = json.loads(as_json([compared("apply", "events/s", measured=3, floor=4, goal=0.6)]))

    assert [set(one) for one in figures] == [KEYS]
    assert figures[0]["ratio"] == 0.75


def test_a_percentile_is_the_value_below_which_that_share_lies() -> None:
    assert [percentile(range(100), share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 99]


def test_the_machine_is_told_with_its_disk(tmp_path: Path) -> None:
    assert "fdatasync p50" in machine_line(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_benchmark_is_named_in_the_refusal() -> None:
    with pytest.raises(SystemExit, match="there is no realy"):
        asked(["realy"])


@pytest.mark.parametrize("name", list(NAMES))
def test_a_benchmark_runs_end_to_end(name: str, request: pytest.FixtureRequest) -> None:
    # Of those that measure alike one is enough each time; the others take longer, or install what they compare with.
    if name != "apply" and not request.config.getoption("--benchmarks", default=False):
        pytest.skip("asked for with --benchmarks")
    command = [sys.executable, "-P", "-m", "benchmarks", name, "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)

    assert done.returncode in {0, MISSED}, done.stderr
    figures = json.loads(done.stdout)
    assert figures
    assert all(set(one) == KEYS and one["measured"] > 0 for one in figures), figures
    assert "cores" in done.stderr
