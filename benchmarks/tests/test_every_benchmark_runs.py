"""Each benchmark, tiny: it runs end to end on servers of its own, and its figures have their shape."""

import json
from pathlib import Path

import pytest
import uvloop

from benchmarks.commands import asked
from benchmarks.figures import Figure, as_json, bounded, compared, percentile, reported
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
