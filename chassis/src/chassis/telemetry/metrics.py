"""What every service counts, for `/metrics`; what is looked at instead (depths, ages, lag) is in `gauges.py`.

A service is one process with one event loop, so nothing here needs prometheus_client's multiprocess mode.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

_DURABLE = ("durable",)
_EVENTS = (1, 2, 5, 10, 25, 50, 100, 200, 500, 1000)
_LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_DURATION = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Distribution(Collector):
    """A histogram that takes many values at once: hundreds of events are applied or published together.

    prometheus_client's own takes a lock per value, several times the cost.
    """

    def __init__(
        self, name: str, documentation: str, bounds: Sequence[float], labels: Sequence[str] = ()
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = tuple(bounds)
        self._labels = tuple(labels)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        REGISTRY.register(self)

    def expect(self, *labels: str) -> None:
        """Be there, with nothing counted: what is absent until it first happens cannot be seen to rise."""
        self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
        self._sums.setdefault(labels, 0.0)

    def observe(self, values: Iterable[float], *labels: str) -> None:
        """Count each value under these labels."""
        self.expect(*labels)
        counts, total = self._counts[labels], 0.0
        for value in values:
            counts[bisect_left(self._bounds, value)] += 1
            total += value
        self._sums[labels] += total

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What was counted so far, as the scraper reads it."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        for labels, counts in self._counts.items():
            below = 0
            buckets: list[tuple[str, float]] = []
            for name, count in zip(names, counts, strict=True):
                below += count
                buckets.append((name, below))
            family.add_metric(labels, buckets, self._sums[labels])
        yield family


published = Counter("ssenet_events_published_total", "Announced events that the stream has acknowledged")
applied = Counter("ssenet_events_applied_total", "Events applied, each once", _DURABLE)
repeated = Counter(
    "ssenet_events_repeated_total",
    "Events delivered again after they had been applied, and dropped",
    _DURABLE,
)
failed = Counter("ssenet_events_failed_total", "Attempts to apply an event that failed", _DURABLE)
retried = Counter("ssenet_events_retried_total", "Failed attempts that another will follow", _DURABLE)
dead_lettered = Counter("ssenet_events_dead_lettered_total", "Events that became dead letters", _DURABLE)
spans_lost = Counter("ssenet_spans_lost_total", "Spans that no collector took")
http_refused = Counter(
    "ssenet_http_refused_total",
    "Requests that ended before the service saw them, and answers that nobody took, by the problem's code",
    ("code",),
)
relay_batch = Distribution("ssenet_relay_batch_events", "Events published in one batch", _EVENTS)
publish_latency = Distribution(
    "ssenet_publish_latency_seconds", "From an event's announcement to the stream's acknowledgement", _LATENCY
)
apply_batch = Distribution(
    "ssenet_apply_batch_events", "Events delivered and applied in one transaction", _EVENTS, _DURABLE
)
apply_latency = Distribution(
    "ssenet_apply_latency_seconds",
    "From an event's announcement, wherever it was, to the commit of its effect here",
    _LATENCY,
    _DURABLE,
)
handler_duration = Distribution(
    "ssenet_handler_duration_seconds", "Time a handler took for one batch", _DURATION, _DURABLE
)


def expect(durables: Iterable[str]) -> None:
    """Begin every figure of these durables, and the relay's, at nothing."""
    relay_batch.expect()
    publish_latency.expect()
    for durable in durables:
        for counter in (applied, repeated, failed, retried, dead_lettered):
            counter.labels(durable)
        for distribution in (apply_batch, apply_latency, handler_duration):
            distribution.expect(durable)


def count_published(announced_at: Sequence[datetime], *, now: datetime) -> None:
    """Count one batch that the stream has acknowledged."""
    published.inc(len(announced_at))
    relay_batch.observe((len(announced_at),))
    publish_latency.observe(_seconds_since(announced_at, now))


def count_applied(durable: str, announced_at: Sequence[datetime], *, delivered: int, now: datetime) -> None:
    """Count one committed batch: how many were delivered, and when those were announced that were new."""
    applied.labels(durable).inc(len(announced_at))
    repeated.labels(durable).inc(delivered - len(announced_at))
    apply_batch.observe((delivered,), durable)
    apply_latency.observe(_seconds_since(announced_at, now), durable)


@contextmanager
def handling(durable: str) -> Generator[None]:
    """Time the handler of a durable, whether it succeeds or not."""
    begun = perf_counter()
    try:
        yield
    finally:
        handler_duration.observe((perf_counter() - begun,), durable)


def _seconds_since(moments: Iterable[datetime], now: datetime) -> Iterator[float]:
    """Ages, none below zero: another host's clock may be a little ahead of ours."""
    return (max((now - moment).total_seconds(), 0.0) for moment in moments)
