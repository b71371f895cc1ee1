"""What would fail on a server is found before."""

from pathlib import Path

import pytest

from ssenet.development.checks.compose_file import compose_faults

GOOD = """
services:
  database:
    image: docker.io/library/postgres:18.1
    healthcheck: {test: [CMD, pg_isready]}
  registry:
    image: ssenet:1
    depends_on: {database: {condition: service_healthy}}
"""


def test_a_sound_compose_file_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD, encoding="utf-8")

    assert list(compose_faults(tmp_path / "compose.yaml")) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("services:", "servises:", "servises"),
        ("postgres:18.1", "postgres", "does not pin its image"),
        ("database: {condition", "data: {condition", "depends on data"),
        ("    healthcheck: {test: [CMD, pg_isready]}\n", "", "no health check"),
        ("image: ssenet:1", 'image: ssenet:1\n    ports: ["8080:8080"]', "every network"),
        ("image: ssenet:1", 'image: ssenet:1\n    volumes: ["./none:/x"]', "mounts ./none"),
    ],
)
def test_what_would_fail_on_a_server_is_a_fault(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD.replace(good, bad), encoding="utf-8")

    assert fault in "\n".join(compose_faults(tmp_path / "compose.yaml"))
