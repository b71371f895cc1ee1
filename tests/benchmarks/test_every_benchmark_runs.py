"""Each benchmark, tiny: it runs end to end on servers of its own, and its figures have their shape."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import apply, peers, relay
from benchmarks.commands import FAILED, MISSED, NAMES, asked, main
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figure, as_json, bounded, compared, percentile, reported
from benchmarks.machine import machine_line
from benchmarks.site import rate_after_first
from benchmarks.taking import Taking

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


def test_a_rate_is_told_of_what_comes_after_the_first_batch() -> None:
    assert rate_after_first(1_500, 500, 2.0) == 500


def test_no_rate_is_told_of_a_single_batch() -> None:
    with pytest.raises(BenchmarkError, match="all 500 events came in the first batch"):
        rate_after_first(500, 500, 0.1)


def test_the_machine_is_told_with_its_disk(tmp_path: Path) -> None:
    assert "fdatasync p50" in machine_line(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_benchmark_is_named_in_the_refusal() -> None:
    with pytest.raises(SystemExit, match="there is no realy"):
        asked(["realy"])


def test_a_peer_that_cannot_run_here_fails_the_benchmark_and_the_other_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def take(_: Taking) -> list[Figure]:
        return peers.against_each(6_000, {peers.FASTSTREAM.name: 300})

    monkeypatch.setattr(peers, "take", take)

    assert main(["peers"], json=True, quick=True) == FAILED

    told = capsys.readouterr()
    assert [one["name"] for one in json.loads(told.out)] == [f"peers, times {peers.FASTSTREAM.name}"]
    assert "install the package redis-server" in " ".join(told.err.split())


def test_a_benchmark_that_breaks_is_told_with_its_traceback_and_the_others_with_their_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def breaks(_: Taking) -> list[Figure]:
        raise KeyError("[/nowhere]")

    async def takes(_: Taking) -> list[Figure]:
        return [reported("apply", "events/s", 3)]

    monkeypatch.setattr(relay, "take", breaks)
    monkeypatch.setattr(apply, "take", takes)

    assert main(["relay", "apply"], json=True, quick=True) == FAILED

    told = capsys.readouterr()
    assert [one["name"] for one in json.loads(told.out)] == ["apply"]
    assert "Traceback" in told.err
    assert "KeyError: '[/nowhere]'" in told.err


def test_a_latency_is_worth_nothing_below_the_rate_it_is_asked_for() -> None:
    assert bounded("p99", "ms", measured=30, at_most=150).ok
    assert not bounded("p99", "ms", measured=160, at_most=150).ok
    assert not bounded("p99", "ms", measured=30, at_most=150, valid=False).ok


def test_with_every_peer_there_each_has_its_figure() -> None:
    rates = {peers.FASTSTREAM.name: 300.0, peers.CELERY.name: 2_000.0}

    assert [one.ok for one in peers.against_each(6_000, rates)] == [True, False]


@pytest.mark.timeout(660)
@pytest.mark.parametrize("name", list(NAMES))
def test_a_benchmark_runs_end_to_end(name: str, request: pytest.FixtureRequest) -> None:
    # One is enough each time; the others take longer, and peers installs what it compares with.
    if name != "apply" and not request.config.getoption("--benchmarks", default=False):
        pytest.skip("asked for with --benchmarks")
    command = [sys.executable, "-P", "-m", "benchmarks", name, "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    assert done.returncode in {0, MISSED}, done.stderr
    # An uncaught error ends with the 1 of a goal missed, but leaves no figures of this benchmark.
    figures = json.loads(done.stdout)
    assert figures
    assert {one["name"].partition(",")[0] for one in figures} == {name}
    assert all(set(one) == KEYS and one["measured"] > 0 for one in figures), figures
    assert "cores" in done.stderr
