"""Several services asked, any of which may give no answer: the others are heard all the same, and it is named."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ssenet.network.client import FAILURE, Network, RefusedError
from ssenet.terminal.errors import CommandError
from ssenet.terminal.escaping import printable


@dataclass(frozen=True)
class Round:
    """Questions to the services. One that gives no answer is asked no more, so that it keeps us waiting once."""

    network: Network
    silent: dict[str, str] = field(default_factory=dict[str, str])
    """The services that gave none, and what came instead."""

    def ask(self, service: str, method: str, path: str, body: object = None) -> Any:
        """A service's answer; None where it gives none, or fails. Raises RefusedError when it says no."""
        if service in self.silent:
            return None
        try:
            return self.network.ask(service, method, path, body)
        except RefusedError as error:
            if error.status not in FAILURE:
                raise
            self.silent[service] = f"{service}: {error.what}"
        except CommandError as error:
            self.silent[service] = error.what
        return None

    def ask_each(
        self, services: Iterable[str], method: str, path: str, body: object = None
    ) -> dict[str, Any]:
        """The answers to one question, of those that give any."""
        answers = {service: self.ask(service, method, path, body) for service in services}
        return {service: answer for service, answer in answers.items() if answer is not None}


def tell_silent(silent: Mapping[str, str]) -> None:
    """Say whose letters were left out, from the start or from where the service fell silent."""
    for why in silent.values():
        told = f"ssenet: {why} Its letters, or the rest of them, are missing here."
        print(printable(told), file=sys.stderr)
