"""The deployment under test; `deployed` beside this file is found by its name."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from deployed import ROOT, Deployment, prepare


@pytest.fixture
def run_prepare() -> Callable[[Path], str]:
    return prepare


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    secrets = tmp_path_factory.mktemp("server") / "secrets"
    prepare(secrets)
    document = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return Deployment(document, secrets)
