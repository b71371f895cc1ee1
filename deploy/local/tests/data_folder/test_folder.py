"""Which data folder is meant."""

from pathlib import Path

from ssenet.data_folder.folder import data_folder


def test_the_data_folder_is_the_projects_own_unless_another_is_named(tmp_path: Path) -> None:
    assert data_folder(None).path.name == ".ssenet"
    assert data_folder(tmp_path).path == tmp_path
