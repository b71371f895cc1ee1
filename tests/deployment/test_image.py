"""The Dockerfile, read line by line: it builds what exists, and runs as nobody in particular."""

import json
import re
import tomllib

from deployed import ROOT, Deployment

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, comments gone and continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def all_of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_everything_that_is_copied_is_there_and_not_ignored() -> None:
    allowed = {line.removeprefix("!") for line in ignored_lines() if line.startswith("!")}
    refused = {line for line in ignored_lines() if not line.startswith(("!", "*"))}
    for copied in all_of("COPY"):
        if copied.startswith("--from="):
            continue
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source
            top = source.split("/", maxsplit=1)[0]
            assert {source, top} & allowed, f"{source} is left out by .dockerignore"
            assert source not in refused


def ignored_lines() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_context_begins_with_nothing() -> None:
    assert ignored_lines()[0] == "*"


def test_every_service_that_compose_builds_is_a_package_of_the_workspace(deployment: Deployment) -> None:
    built = {
        name: one["build"]["args"]["SERVICE"] for name, one in deployment.services.items() if "build" in one
    }

    for name, package in built.items():
        found = tomllib.loads((ROOT / "services" / package / "pyproject.toml").read_text())
        assert found["project"]["name"] == package
        assert (ROOT / "services" / package / "src" / package / "__main__.py").exists(), name


def test_a_service_runs_its_own_package(deployment: Deployment) -> None:
    for service in ("registry", "coordination", "notifications", "gateway"):
        described = deployment.services[service]
        assert described["command"] == [described["build"]["args"]["SERVICE"]] == [service]


def test_the_image_runs_as_a_user_without_rights_or_shell() -> None:
    [user] = all_of("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert any(f"--uid {user.split(':')[0]}" in run and "nologin" in run for run in all_of("RUN"))
    names = [name for name, _ in instructions()]
    assert "ADD" not in names


def test_the_image_starts_and_checks_itself_without_a_shell() -> None:
    [entrypoint] = all_of("ENTRYPOINT")
    assert json.loads(entrypoint) == ["python", "-P", "-m"]
    [check] = all_of("HEALTHCHECK")
    assert json.loads(check[check.index("[") :])[3] == "chassis.health.probe"


def test_the_image_is_built_from_pinned_parts_as_the_lock_file_says() -> None:
    bases = [base.split()[0] for base in all_of("FROM")]
    assert set(bases) == {"python:3.13-slim-trixie"}
    text = DOCKERFILE.read_text()
    assert re.search(r"pip install .*uv==\d+\.\d+\.\d+", text)
    assert 'uv sync --frozen --no-dev --no-editable --package "${SERVICE}"' in text
