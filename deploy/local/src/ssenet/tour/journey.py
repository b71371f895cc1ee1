"""The journey of one event: its hops, and when each was reached."""

from dataclasses import dataclass, field
from typing import Any

HOPS = {
    "accepted": "the gateway stored it",
    "task_opened": "coordination opened a task at CO-Dakar",
    "notified": "notifications put it into the inbox",
    "pushed": "the open inbox page showed it",
}


@dataclass
class Journey:
    """When each hop was reached, in seconds of the clock on the wall."""

    began: float = 0.0
    """When the event was first sent."""
    answered: float = 0.0
    reached: dict[str, float] = field(default_factory=dict[str, float])
    trace_id: str = ""

    def hops(self) -> list[dict[str, Any]]:
        """Each hop with the milliseconds after the one before, and those since the event was sent."""
        hops: list[dict[str, Any]] = []
        before = self.began
        for name, at in sorted(self.reached.items(), key=lambda hop: hop[1]):
            hops.append({"name": name, "ms": _ms(at - before), "since_start_ms": _ms(at - self.began)})
            before = at
        return hops

    def missing(self) -> list[str]:
        return [name for name in HOPS if name not in self.reached]

    def report(self) -> dict[str, Any]:
        """What `--json` prints; `answered_ms` tells when the sender had its 202, while the hops went on."""
        hops = self.hops()
        missing = self.missing()
        report: dict[str, Any] = {
            "ok": not missing,
            "trace_id": self.trace_id,
            "total_ms": hops[-1]["since_start_ms"] if hops else 0.0,
            "answered_ms": _ms(self.answered - self.began) if self.answered else None,
            "hops": hops,
        }
        return report | ({"missing": missing[0]} if missing else {})


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
