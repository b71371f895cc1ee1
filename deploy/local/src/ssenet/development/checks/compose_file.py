"""What `compose.yaml` must keep to, beyond being a compose file; found without an engine."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Service = Mapping[str, Any]


def compose_faults(path: Path) -> Iterator[str]:
    """What is wrong with a compose file, a line each; nothing when all is well."""
    if not path.exists():
        yield f"{path.name} is missing"
        return
    yield from _syntax_faults(path)
    document: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    services: Mapping[str, Service] = document.get("services") or {}
    for name, service in services.items():
        for fault in _service_faults(service, services, document, path.parent):
            yield f"{path.name}: {name} {fault}"


def _syntax_faults(path: Path) -> Iterator[str]:
    """Ask compose itself where its plugin is installed, else the published schema."""
    if (docker := shutil.which("docker")) and _run(docker, "compose", "version").returncode == 0:
        done = _run(docker, "compose", "-f", str(path), "config", "--quiet", "--no-interpolate")
    else:
        schema = ("--builtin-schema", "vendor.compose-spec")
        done = _run(sys.executable, "-P", "-m", "check_jsonschema", *schema, str(path))
    if done.returncode != 0:
        yield (done.stderr + done.stdout).strip()


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


def _service_faults(
    service: Service, services: Mapping[str, Service], document: Mapping[str, Any], folder: Path
) -> Iterator[str]:
    image = str(service.get("image", ""))
    if "build" not in service and (":" not in image.rpartition("/")[2] or image.endswith(":latest")):
        yield f"does not pin its image ({image or 'none'})"
    if "build" not in service and "healthcheck" not in service and _is_awaited(service, services):
        yield "is waited for until healthy, but has no health check"
    for other in _depends_on(service):
        if other not in services:
            yield f"depends on {other}, which is not there"
    for port in service.get("ports") or []:
        if not str(port).startswith("127.0.0.1:") and "${" not in str(port):
            yield f"publishes {port} to every network of the host; bind it to 127.0.0.1 or make it a setting"
    yield from _mount_faults(service, document, folder)
    build = service.get("build")
    if isinstance(build, Mapping):
        dockerfile = folder / str(build.get("context", ".")) / str(build.get("dockerfile", "Dockerfile"))
        if not dockerfile.exists():
            yield f"is built from {dockerfile}, which is not there"


def _mount_faults(service: Service, document: Mapping[str, Any], folder: Path) -> Iterator[str]:
    volumes: Mapping[str, Any] = document.get("volumes") or {}
    for mount in service.get("volumes") or []:
        source = str(mount.get("source", "") if isinstance(mount, Mapping) else str(mount).split(":")[0])
        if source.startswith("."):
            if not (folder / source).exists():
                yield f"mounts {source}, which is not there"
        elif source and not source.startswith(("/", "$")) and source not in volumes:
            yield f"mounts the volume {source}, which is not declared"
    for kind in ("configs", "secrets"):
        declared: Mapping[str, Any] = document.get(kind) or {}
        for used in service.get(kind) or []:
            name = str(used.get("source") if isinstance(used, Mapping) else used)
            if name not in declared:
                yield f"uses the {kind[:-1]} {name}, which is not declared"
            elif (
                (file := (declared[name] or {}).get("file"))
                and "$" not in file
                and not (folder / file).exists()
            ):
                yield f"uses the {kind[:-1]} {name} from {file}, which is not there"


def _depends_on(service: Service) -> list[str]:
    return list(service.get("depends_on") or [])


def _is_awaited(service: Service, services: Mapping[str, Service]) -> bool:
    name = next(key for key, value in services.items() if value is service)
    for other in services.values():
        wanted = other.get("depends_on")
        if isinstance(wanted, Mapping) and (wanted.get(name) or {}).get("condition") == "service_healthy":
            return True
    return False
