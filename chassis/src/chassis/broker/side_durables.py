"""What a service has on the broker beside its handlers' durables: advisories about those, and a way to look events up.

Both are made by the provisioner, like all durables, and reach no further than what the service hears anyway: a look-up
filters its own event types, and of JetStream's advisories it is delivered those of its own durables.
"""

import re
from collections.abc import Iterable, Sequence

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

ADVISORIES = "ADVISORIES"
"""The stream in which the server's advisories are kept."""
_KINDS = ("MAX_DELIVERIES", "MSG_TERMINATED")
_PART = re.compile(r"-\d+of\d+$")


def advisories_of(service: str) -> str:
    """The durable on which a service hears what the server gave up of its events."""
    return f"{service}-advisories"


def look_up_of(service: str) -> str:
    """The durable by which a service reads single events again; its place in the stream means nothing."""
    return f"{service}-look-up"


def base_of(durable: str) -> str:
    """The durable that a part of one belongs to: `<durable>-<i>of<n>` is a part of `<durable>`."""
    return _PART.sub("", durable)


def sides_of(service: str, heard_stream: str) -> dict[str, str]:
    """Both durables of a service, each with its stream."""
    return {look_up_of(service): heard_stream, advisories_of(service): ADVISORIES}


def side_permissions(service: str, heard_stream: str) -> list[str]:
    """What the service may publish to use them."""
    advisories, look_up = advisories_of(service), look_up_of(service)
    return [
        *(f"$JS.API.CONSUMER.INFO.{stream}.{one}" for one, stream in sides_of(service, heard_stream).items()),
        f"$JS.API.CONSUMER.MSG.NEXT.{ADVISORIES}.{advisories}",
        f"$JS.ACK.{ADVISORIES}.{advisories}.>",
        f"$JS.ACK.*.*.{ADVISORIES}.{advisories}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{heard_stream}.{look_up}",
        f"$JS.API.CONSUMER.RESET.{heard_stream}.{look_up}",
    ]


async def provision_side_durables(
    jetstream: JetStreamContext,
    service: str,
    *,
    heard_stream: str,
    filter_subjects: Iterable[str],
    durables: Iterable[str],
    advisories: bool,
) -> list[str]:
    """Make the two durables of one service, or bring them up to it; returns what was changed."""
    look_up = ConsumerConfig(
        durable_name=look_up_of(service),
        filter_subjects=sorted(filter_subjects),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NONE,
        description="Single events read again, for dead letters and rebuilds",
    )
    changed = await _ensure(jetstream, heard_stream, look_up)
    if not advisories:
        return changed
    heard = [
        f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{heard_stream}.{one}" for one in durables for kind in _KINDS
    ]
    # No bound on deliveries: what cannot be recorded now is recorded later.
    listening = ConsumerConfig(
        durable_name=advisories_of(service),
        filter_subjects=sorted(heard),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=30,
        description="What the server gave up of this service's events",
    )
    return changed + await _ensure(jetstream, ADVISORIES, listening, keep_filters=True)


async def _ensure(
    jetstream: JetStreamContext, stream: str, wanted: ConsumerConfig, *, keep_filters: bool = False
) -> list[str]:
    name = wanted.durable_name or ""
    try:
        current = (await jetstream.consumer_info(stream, name)).config
    except NotFoundError:
        await jetstream.add_consumer(stream, wanted)
        return [f"durable {name} made"]
    filters = _filters(current)
    needed = set(wanted.filter_subjects or [])
    if filters >= needed if keep_filters else filters == needed:
        return []
    # Advisories about parts that are no more may still wait to be heard: their filters stay.
    wanted.filter_subjects = sorted(needed | filters if keep_filters else needed)
    await jetstream.add_consumer(stream, wanted)
    return [f"durable {name}: filter_subjects updated"]


def _filters(config: ConsumerConfig) -> set[str]:
    single: Sequence[str] = [config.filter_subject] if config.filter_subject else []
    return set(config.filter_subjects or single)
