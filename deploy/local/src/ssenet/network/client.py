"""The running network as the command sees it: where each service listens, and how to ask it."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import read_secrets
from ssenet.data_folder.state_file import State, is_alive, read_state
from ssenet.network.hints import in_full
from ssenet.processes.ports import LOOPBACK
from ssenet.terminal.errors import CommandError

NOT_RUNNING = 1
SUCCESS = range(200, 300)
NOT_FOUND = 404
FAILURE = range(500, 600)


class RefusedError(CommandError):
    """A service answered, and the answer was no."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        detail = str(problem.get("detail") or problem.get("title") or f"the service answered {status}")
        if status in FAILURE and "trace_id" in problem:
            detail = f"{detail.rstrip('.')}. Trace: {problem['trace_id']}."
        fields: list[Mapping[str, Any]] = problem.get("errors") or []
        super().__init__(
            detail, hint="\n".join(f"{one.get('pointer')}: {one.get('detail')}" for one in fields)
        )


@dataclass(frozen=True)
class Network:
    """A network that runs; asked with the operator's token."""

    folder: DataFolder
    state: State
    timeout: float = 15
    """Seconds an answer may take."""

    def port_of(self, service: str) -> int:
        process = self.state.process(service)
        if process is None:
            raise CommandError(f"{service} is not running.", hint=self._see("supervisor"))
        return process.port

    def _see(self, service: str) -> str:
        return f"See {in_full(self.folder, 'status')} and {in_full(self.folder, f'logs {service}')}."

    def ask(self, service: str, method: str, path: str, body: object = None) -> Any:
        """A service's JSON answer to the operator; raises RefusedError when it says no."""
        token = read_secrets(self.folder.secrets).tokens["operator"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        connection = http.client.HTTPConnection(LOOPBACK, self.port_of(service), timeout=self.timeout)
        try:
            connection.request(method, path, body=content, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
        except TimeoutError as error:
            told = f"{service} has not answered within {self.timeout:g} s; it may still be at work."
            raise CommandError(told, hint=self._see(service)) from error
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"{service} does not answer.", hint=self._see(service)) from error
        finally:
            connection.close()
        told = _json(text)
        if answer.status not in SUCCESS:
            raise RefusedError(answer.status, told if isinstance(told, dict) else {})
        return told


def running(folder: DataFolder) -> Network | None:
    """The network of this data folder; nothing when its supervisor does not run."""
    state = read_state(folder.state)
    if state is None or not is_alive(state.supervisor_pid, state.supervisor_started):
        return None
    return Network(folder, state)


def the_network(folder: DataFolder) -> Network:
    """The network of this data folder, running and ready to be asked."""
    network = running(folder)
    if network is None:
        raise CommandError(
            "The network is not running.",
            hint=f"Start it with {in_full(folder, 'up')}.",
            exit_code=NOT_RUNNING,
        )
    if not network.state.processes:
        raise CommandError("The network is still starting.", hint="Try again in a few seconds.")
    return network


def readiness(port: int) -> tuple[bool, dict[str, str]]:
    """Whether the service on this port says that it is ready, and what it says of each check that fails."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        told = _json(answer.read())
        checks: Mapping[str, str] = told.get("checks", {}) if isinstance(told, dict) else {}
        return answer.status in SUCCESS, {name: text for name, text in checks.items() if text != "ok"}
    except (OSError, http.client.HTTPException):
        return False, {}
    finally:
        connection.close()


def _json(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
