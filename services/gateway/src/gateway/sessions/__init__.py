"""Who is signed in, for every page: the cookie, the session behind it, the CSRF token, what a role may do.

A page takes `SignedIn` (or `OptionalSession`), a form post adds `dependencies=[Depends(check_csrf)]`, and a page for
some roles adds `dependencies=[Depends(require_role(Role.OPERATOR))]`. A form sent without a session is guarded by
`check_origin`. How a session begins and ends is a matter of `gateway.sign_in`. Begin with `access.py`.
"""

from gateway.sessions.access import (
    SIGN_IN_PATH,
    OptionalSession,
    SignedIn,
    SignInNeededError,
    check_csrf,
    check_origin,
    redirect_to_sign_in,
    require_role,
    signed_in,
)
from gateway.sessions.cookie import clear_session_cookie, cookie_name, is_https, set_session_cookie
from gateway.sessions.domain import Session

__all__ = [
    "SIGN_IN_PATH",
    "OptionalSession",
    "Session",
    "SignInNeededError",
    "SignedIn",
    "check_csrf",
    "check_origin",
    "clear_session_cookie",
    "cookie_name",
    "is_https",
    "redirect_to_sign_in",
    "require_role",
    "set_session_cookie",
    "signed_in",
]
