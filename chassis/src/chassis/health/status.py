"""An examination as operators read it: the answer of `GET /status`, and what a page shows of a service."""

from typing import Any

from chassis.health.examiner import ConsumerLook, Examination


def report(service: str, found: Examination) -> dict[str, Any]:
    """Everything an operator's page shows of one service."""
    told: dict[str, Any] = {
        "service": service,
        "ready": found.ready,
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in found.checks.items()},
        "consumers": [_as_shown(look) for look in found.consumers] if found.checks["broker"].ok else [],
    }
    if found.backlog is not None:
        told["outbox"] = {
            "unpublished": found.backlog.unpublished,
            "oldest_age_s": found.backlog.oldest_unpublished_age,
        }
        told["waiting"] = sum(number for number, _ in found.backlog.waiting.values())
        told["dead_letters"] = sum(found.backlog.dead_letters.values())
    return told


def _as_shown(look: ConsumerLook) -> dict[str, Any]:
    if look.lag is None:
        return {"durable": look.part.name, "trouble": look.trouble}
    return {
        "durable": look.part.name,
        "pending": look.lag.pending,
        "ack_pending": look.lag.ack_pending,
        "redelivered": look.lag.redelivered,
        "oldest_age_s": look.lag.age,
    }
