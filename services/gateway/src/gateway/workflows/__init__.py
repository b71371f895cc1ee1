"""The gateway's use cases, one function each, one transaction each."""

from gateway.workflows.signing_in import (
    end_sessions_of,
    issue_link,
    link_for,
    redeem_link,
    session_for,
    set_language,
    sign_out,
)

__all__ = [
    "end_sessions_of",
    "issue_link",
    "link_for",
    "redeem_link",
    "session_for",
    "set_language",
    "sign_out",
]
