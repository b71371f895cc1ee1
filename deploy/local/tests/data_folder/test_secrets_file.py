"""What an installation keeps secret."""

import json
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from chassis.broker.nkeys import public_key
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import (
    CALLERS,
    NATS_USERS,
    SUPERUSER,
    check_secrets,
    ensure_secrets,
    read_secrets,
)
from ssenet.project import SERVICES
from ssenet.terminal.errors import CommandError


def test_an_installation_keeps_the_secrets_it_was_given(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path / "secrets.json")

    assert ensure_secrets(tmp_path / "secrets.json") == first == read_secrets(tmp_path / "secrets.json")


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    ensure_secrets(tmp_path / "secrets.json")

    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_every_role_user_and_caller_has_a_secret_of_its_own(tmp_path: Path) -> None:
    secrets = ensure_secrets(tmp_path / "secrets.json")

    assert set(secrets.database_passwords) == {SUPERUSER, *SERVICES}
    assert set(secrets.nats_seeds) == set(NATS_USERS)
    assert set(secrets.tokens) == set(CALLERS)
    every = [*secrets.database_passwords.values(), *secrets.nats_seeds.values(), *secrets.tokens.values()]
    assert len(set(every)) == len(every)


def test_broker_seeds_are_users_keys(tmp_path: Path) -> None:
    seeds = ensure_secrets(tmp_path / "secrets.json").nats_seeds

    assert all(public_key(seed).startswith("U") for seed in seeds.values())


def test_a_service_is_told_the_hash_of_a_token_and_never_the_token(tmp_path: Path) -> None:
    secrets = ensure_secrets(tmp_path / "secrets.json")

    assert secrets.callers() == {
        name: sha256(token.encode()).hexdigest() for name, token in secrets.tokens.items()
    }


def test_an_older_installation_is_given_only_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = ensure_secrets(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    del stored["tokens"]["operator"]
    path.write_text(json.dumps(stored), encoding="utf-8")

    later = ensure_secrets(path)

    assert later.tokens["gateway"] == first.tokens["gateway"]
    assert later.tokens["operator"] != first.tokens["operator"]


def test_unreadable_secrets_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{", encoding="utf-8")

    with pytest.raises(CommandError) as refused:
        ensure_secrets(tmp_path / "secrets.json")

    assert "Restore the file" in refused.value.hint


def test_broken_secrets_of_a_database_are_to_be_restored_and_never_moved_away(
    with_database: DataFolder,
) -> None:
    with_database.secrets.write_text("{", encoding="utf-8")

    with pytest.raises(CommandError) as refused:
        ensure_secrets(with_database.secrets)

    assert "Restore the file" in refused.value.hint
    assert "move it away" not in refused.value.hint
    assert "empty data folder" in refused.value.hint


def test_a_folder_without_a_database_needs_no_secrets_yet(folder: DataFolder) -> None:
    check_secrets(folder)
