"""The gateway's use cases, one function each, one transaction each."""

from gateway.workflows.journeys import (
    Journey,
    journey,
    latest_journeys,
    record_notification_steps,
    record_task_steps,
)
from gateway.workflows.signing_in import (
    end_changed_sessions,
    end_sessions_of,
    issue_link,
    link_for,
    note_seen,
    redeem_link,
    session_for,
    set_language,
    sign_out,
)
from gateway.workflows.taking import Conflict, Intake, Taken, unpublished

__all__ = [
    "Conflict",
    "Intake",
    "Journey",
    "Taken",
    "end_changed_sessions",
    "end_sessions_of",
    "issue_link",
    "journey",
    "latest_journeys",
    "link_for",
    "note_seen",
    "record_notification_steps",
    "record_task_steps",
    "redeem_link",
    "session_for",
    "set_language",
    "sign_out",
    "unpublished",
]
