import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from network_kit import FIRST, SECOND, Running, StandIn

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import Network
from ssenet.operators import discard_letters, edit_letter, replay_letters, show_letters


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Running:
    """`runs(StandIn(…))`: from now on the commands find this network running."""

    def found(network: StandIn) -> StandIn:
        def the_network(_folder: DataFolder) -> Network:
            return network

        for module in (discard_letters, edit_letter, replay_letters, show_letters):
            monkeypatch.setattr(module, "the_network", the_network)
        return network

    return found


@pytest.fixture
def network(runs: Running, tmp_path: Path) -> StandIn:
    """The registry is down; coordination and notifications hold a letter each."""
    letters = {"coordination": [FIRST], "notifications": [SECOND]}
    return runs(StandIn(DataFolder(tmp_path), letters=letters, answers={"registry": 0}))
