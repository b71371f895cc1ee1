"""The same command watches the rebuild that it began, also where its time is told as so long ago."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import State
from ssenet.network.client import Network, RefusedError
from ssenet.operators import rebuild_projection
from ssenet.operators.rebuild_projection import Wanted, rebuild

HANDLER = "coordination-mirror-organisations"
BEGUN = {
    "id": "1",
    "state": "applying",
    "from_time": "2026-11-22T08:00:00+00:00",
    "total": 9,
    "pending": 4,
    "hindered_by": None,
}
NEVER: dict[str, Any] = {}
OVER = {**BEGUN, "state": "finished", "pending": 0, "report": {}}


@dataclass(frozen=True)
class StandIn(Network):
    """A network whose service has these rebuilds to tell of, one after the other."""

    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Any:  # noqa: ARG002 - told apart by method
        self.asked.append(method)
        found = self.told.pop(0)
        if found is NEVER:
            raise RefusedError(404, {"detail": "It was never rebuilt."})
        return found


def asked_for(
    since: str | None, told: Sequence[dict[str, Any]], patch: pytest.MonkeyPatch, folder: Path
) -> list[str]:
    """How the service was asked, in which order."""
    data = DataFolder(folder)
    network = StandIn(data, State(0, 0.0, "", 0), told=list(told))

    def found(_: DataFolder) -> Network:
        return network

    patch.setattr(rebuild_projection, "the_network", found)
    patch.setattr(rebuild_projection, "LOOK_EVERY", 0)
    assert rebuild(data, Wanted(HANDLER, None, since, by="operator", reason=""), as_json=True) == 0
    return network.asked


def test_so_long_ago_means_the_rebuild_that_is_under_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_for("2d", [BEGUN, OVER], monkeypatch, tmp_path) == ["GET", "GET"]
    printed = capsys.readouterr()
    assert json.loads(printed.out)["state"] == "finished"
    assert "A rebuild from 2026-11-22T08:00:00+00:00 is under way" in printed.err


def test_what_keeps_it_from_going_on_is_said_once_while_it_lasts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hindered = {**BEGUN, "hindered_by": "no answer for the durable coordination-look-up"}
    asked_for(None, [BEGUN, hindered, hindered, BEGUN, OVER], monkeypatch, tmp_path)
    printed = capsys.readouterr()
    assert printed.err.count("It waits: no answer for the durable coordination-look-up") == 1
    assert json.loads(printed.out)["hindered_by"] is None


@pytest.mark.parametrize(
    ("since", "told", "asked"),
    [
        pytest.param("2d", [OVER, OVER], ["GET", "POST"], id="it is over"),
        pytest.param("2d", [NEVER, OVER], ["GET", "POST"], id="it was never rebuilt"),
        pytest.param("2d", [{**BEGUN, "from_time": None}, OVER], ["GET", "POST"], id="it is from the start"),
        pytest.param("2026-11-22", [OVER], ["POST"], id="a time that stays the same"),
        pytest.param(None, [OVER], ["POST"], id="from the start"),
    ],
)
def test_otherwise_the_service_decides(
    since: str | None,
    told: Sequence[dict[str, Any]],
    asked: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert asked_for(since, told, monkeypatch, tmp_path) == asked
