"""deploy/prepare.py: secrets made once, kept to their owner, and written out for each container."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Prepare = Callable[[Path], str]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_an_operator_who_prepares_again_changes_nothing(tmp_path: Path, run_prepare: Prepare) -> None:
    run_prepare(tmp_path / "secrets")
    before = contents(tmp_path / "secrets")

    assert run_prepare(tmp_path / "secrets") == "Nothing had to be changed.\n"
    assert contents(tmp_path / "secrets") == before


def test_an_operator_changes_one_secret_and_no_other(tmp_path: Path, run_prepare: Prepare) -> None:
    run_prepare(tmp_path)
    kept = json.loads((tmp_path / "secrets.json").read_text())
    old = kept["nats_seeds"].pop("registry")
    (tmp_path / "secrets.json").write_text(json.dumps(kept))

    wrote = run_prepare(tmp_path)

    assert wrote.split("\n")[:-1] == ["wrote secrets.json", "wrote nats-users.conf", "wrote registry.env"]
    assert old not in (tmp_path / "registry.env").read_text()


def test_a_mounted_file_stays_the_file_that_containers_see(tmp_path: Path, run_prepare: Prepare) -> None:
    run_prepare(tmp_path)
    before = (tmp_path / "nats-users.conf").stat().st_ino
    kept = json.loads((tmp_path / "secrets.json").read_text())
    del kept["nats_seeds"]["registry"]
    (tmp_path / "secrets.json").write_text(json.dumps(kept))

    run_prepare(tmp_path)

    assert (tmp_path / "nats-users.conf").stat().st_ino == before


def test_no_other_user_of_the_server_reads_a_secret(tmp_path: Path, run_prepare: Prepare) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)

    run_prepare(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    # These are mounted into containers with users of their own; the folder keeps everybody else out.
    mounted = {"nats-users.conf", "metrics-token", "operator-header"}
    assert {name for name, mode in modes.items() if mode == 0o444} == mounted
    assert {mode for name, mode in modes.items() if name not in mounted} == {0o600}


def test_the_broker_is_given_public_keys_only(tmp_path: Path, run_prepare: Prepare) -> None:
    run_prepare(tmp_path)
    seeds = json.loads((tmp_path / "secrets.json").read_text())["nats_seeds"].values()

    users = (tmp_path / "nats-users.conf").read_text()

    assert users.count('"nkey"') == len(seeds)
    assert not [seed for seed in seeds if seed in users]


def test_secrets_are_left_out_of_git_and_of_the_images() -> None:
    assert (ROOT / "deploy" / "secrets" / ".gitignore").read_text().splitlines()[1:] == ["*", "!.gitignore"]
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().splitlines()
    assert os.access(ROOT / "deploy" / "prepare.py", os.X_OK)
