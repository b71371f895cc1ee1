"""The numbers that documents tell are those of the code: a figure that nobody checks is wrong before long."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.broker import durable_limits
from chassis.inbox.ordering import MAX_ATTEMPTS
from chassis.telemetry import exporter
from contracts.words import OrganisationKind
from coordination import packaged
from gateway.http import faults
from gateway.partners.domain import attributes, cloudevents, json_text, refusals
from gateway.sessions.domain import IDLE_LIFE, WHOLE_LIFE
from gateway.settings import Settings
from registry import directory
from registry.domain.partners import LIVE_KEYS
from ssenet.tour.follow import LIMIT

ROOT = Path(__file__).parents[1]
IN_WORDS = {2: "two", 8: "eight", 10: "ten"}
PLAN = packaged.plan()
OUTPUTS, RESULTS = len(list(PLAN.outputs())), len(list(PLAN.results()))
KINDS = [organisation.kind for organisation in directory.packaged().organisations]
DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
SIZES = (
    f"event {refusals.EVENT_BYTES // 1024} kB, {{}} batch {refusals.BATCH_BYTES // 1024**2} MB "
    f"and {refusals.BATCH_EVENTS} events"
)


def _hours(life: timedelta) -> str:
    return f"{life // timedelta(hours=1)} hours"


TOLD: Mapping[str, tuple[str, ...]] = {
    "services/coordination/README.md": (
        f"{len(PLAN.tree.objectives)} objectives, {OUTPUTS} outputs, {RESULTS} results",
    ),
    "services/registry/README.md": (
        f"{KINDS.count(OrganisationKind.UNIT)} units and {KINDS.count(OrganisationKind.OFFICE)} offices",
        f"{IN_WORDS[LIVE_KEYS]} may live at once",
    ),
    "services/gateway/README.md": (
        f"Per {SIZES.format('per')}",
        f"`GATEWAY_EVENTS_PER_SECOND` ({DEFAULTS['events_per_second']})",
        f"`GATEWAY_EVENTS_BURST` ({DEFAULTS['events_burst']})",
        f"{_hours(IDLE_LIFE)} idle, {WHOLE_LIFE.days} days at most",
        f"at most every {DEFAULTS['key_cache'].seconds} s",
    ),
    "docs/how-to/send-an-event.md": (
        f"an {SIZES.format('a')}, with {refusals.BATCH_PARTS:,} objects and arrays",
        f"more than {json_text.MOST_LEVELS} levels",
        f"names {faults.MANY} faults of an event at most, and {cloudevents.MOST_FAULTS} of a batch",
        f"looked for {IN_WORDS[cloudevents.MOST_GUESSES]} times in a request",
        f"1 to {attributes._ID_LENGTH} characters, any script",
        f"a URI reference, at most {attributes._URI_LENGTH} characters",
        f"at most {attributes.CLOCK_SLACK // timedelta(minutes=1)} minutes ahead",
        f"({DEFAULTS['events_per_second']} a second, {DEFAULTS['events_burst']} at once",
        f"({DEFAULTS['reads_per_second']} a second, {DEFAULTS['reads_burst']} at once",
        f"{DEFAULTS['key_checks_burst']} at once from one address, then {DEFAULTS['key_checks_per_second']} a second",
        f"{DEFAULTS['batch_bytes_per_partner'] // 1024**2} MB at a time: two full ones",
        f"single events under way | {DEFAULTS['event_bytes_per_partner'] // 1024**2} MB at a time",
        f"{DEFAULTS['batch_bytes_in_all'] // 1024**2} MB of batches and",
        f"{DEFAULTS['event_bytes_in_all'] // 1024**2} MB of single events at a time;",
        f"waits up to {DEFAULTS['body_patience'].seconds} s, then 503 `busy`",
        f"within {IN_WORDS[DEFAULTS['key_cache'].seconds]} seconds",
    ),
    "docs/how-to/handle-dead-letters.md": (f"after {IN_WORDS[MAX_ATTEMPTS]} attempts",),
    "docs/how-to/run-it.md": (f"After {LIMIT:.0f} seconds it gives up",),
    "docs/how-to/when-it-alerts.md": (f"{exporter._MOST:,} spans are held",),
    "docs/how-to/deploy-on-a-server.md": (
        f"bodies through up to {refusals.BATCH_BYTES // 1024**2} MB",
        *(
            f"`GATEWAY_{name.upper()}` ({DEFAULTS[name]})"
            for name in ("streams_in_all", "streams_per_member", "streams_opened_at_once")
        ),
        *(
            f"`GATEWAY_{name.upper()}` ({DEFAULTS[name] // 1024**2}MiB)"
            for name in (
                "event_bytes_in_all",
                "event_bytes_per_partner",
                "batch_bytes_in_all",
                "batch_bytes_per_partner",
                "batch_bytes_read_at_once",
            )
        ),
        f"`GATEWAY_BODY_PATIENCE` (PT{DEFAULTS['body_patience'].seconds}S)",
    ),
    "docs/architecture.md": (
        f"up to {durable_limits.BATCH} events at a time",
        f"after {IN_WORDS[MAX_ATTEMPTS]} attempts",
    ),
}


@pytest.mark.parametrize(("document", "figure"), [(name, one) for name, told in TOLD.items() for one in told])
def test_a_document_tells_the_number_of_the_code(document: str, figure: str) -> None:
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())

    assert figure in text
