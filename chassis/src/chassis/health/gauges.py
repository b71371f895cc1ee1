"""What is looked at for `/metrics`, made anew at every scrape: depths, ages, lag, leadership, readiness.

What could not be looked at is absent. Its last value would pose as fresh, zero as good news, and NaN would spread to
every sum it takes part in; an absent series ends at once, and `ssenet_dependency_up` says why it is gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from prometheus_client.core import GaugeMetricFamily, Metric

from chassis.health.examiner import Backlog, ConsumerLook, Examination

DEPENDENCIES = ("broker", "database")
_PART = ("durable", "partition")


def families(
    found: Examination, *, relay_leader: bool, durables: Iterable[str], loop_gap: float
) -> Iterator[Metric]:
    """The gauges of one service, as it was just found; ages in seconds."""
    yield _one("ssenet_ready", "1 while the service has all that it needs to do its work", found.ready)
    yield _by(
        "ssenet_ready_check",
        "1 while this condition of readiness holds",
        "check",
        ((name, check.ok) for name, check in found.checks.items()),
    )
    yield _by(
        "ssenet_dependency_up",
        "1 where the dependency answered just now; what could not be asked of it is absent",
        "dependency",
        ((name, found.checks[name].ok) for name in DEPENDENCIES),
    )
    yield _one("ssenet_relay_leader", "1 where this process leads its service's relay", relay_leader)
    yield _one(
        "ssenet_event_loop_gap_seconds",
        "The longest time within the last half minute for which the process could do nothing else",
        loop_gap,
    )
    if found.backlog is not None:
        yield from _of_backlog(found.backlog, durables)
    yield from _of_consumers(found.consumers)


def _of_backlog(backlog: Backlog, durables: Iterable[str]) -> Iterator[Metric]:
    yield _one(
        "ssenet_outbox_unpublished_events",
        "Committed events that the stream has not acknowledged",
        backlog.unpublished,
    )
    yield _one(
        "ssenet_outbox_oldest_age_seconds",
        "Age of the oldest event not yet published",
        backlog.oldest_unpublished_age,
    )
    none = dict.fromkeys(durables, 0)
    letters = none | dict(backlog.dead_letters)
    yield _by("ssenet_dead_letters", "Dead letters waiting for an operator", "durable", letters.items())
    waiting = dict.fromkeys(none, (0, 0.0)) | dict(backlog.waiting)
    yield _by(
        "ssenet_waiting_events",
        "Events that wait for their next attempt, or behind one of their aggregate that does",
        "durable",
        ((name, number) for name, (number, _) in waiting.items()),
    )
    yield _by(
        "ssenet_waiting_oldest_age_seconds",
        "How long the first of them has waited",
        "durable",
        ((name, age) for name, (_, age) in waiting.items()),
    )


_LAG = {
    "pending_events": ("Events of the stream that the part has yet to be delivered", attrgetter("pending")),
    "ack_pending_events": ("Events delivered and not yet acknowledged", attrgetter("ack_pending")),
    "redelivered_events": (
        "Unacknowledged events that were delivered more than once",
        attrgetter("redelivered"),
    ),
    "oldest_age_seconds": (
        "Age, or the least it can be, of the oldest event in the stream that has not been applied",
        attrgetter("age"),
    ),
}


def _of_consumers(looks: Sequence[ConsumerLook]) -> Iterator[Metric]:
    """By durable and part of it; an undivided durable is its one part, `0of1`."""
    labelled = [((one.part.durable, f"{one.part.index}of{one.part.of}"), one) for one in looks]
    active = GaugeMetricFamily(
        "ssenet_consumer_active", "1 where this process serves the part of the durable", labels=_PART
    )
    for labels, look in labelled:
        active.add_metric(labels, float(look.active))
    yield active
    for name, (words, value) in _LAG.items():
        family = GaugeMetricFamily(f"ssenet_consumer_{name}", words, labels=_PART)
        for labels, look in labelled:
            if look.lag is not None:
                family.add_metric(labels, float(value(look.lag)))
        yield family


def _one(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=float(value))


def _by(name: str, documentation: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for of, value in values:
        family.add_metric([of], float(value))
    return family
