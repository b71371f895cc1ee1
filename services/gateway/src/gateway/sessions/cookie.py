"""The session's cookie: its name, and how a browser gets and loses it."""

from urllib.parse import urlsplit

from fastapi import Request, Response

from gateway.sessions.domain import WHOLE_LIFE


def public_url_of(request: Request) -> str:
    """The address in people's browsers."""
    public_url: str = request.app.state.public_url
    return public_url


def is_https(request: Request) -> bool:
    """Tell whether people reach this service over https, and its cookies may be bound to that."""
    return public_url_of(request).startswith("https://")


def cookie_name(public_url: str) -> str:
    """Over HTTPS the browser itself holds the cookie to this host and to secure transport.

    Without, as on one's own machine, several networks may share a host: browsers keep cookies apart by host, but
    not by port, so the port is in the name.
    """
    if public_url.startswith("https://"):
        return "__Host-session"
    port = urlsplit(public_url).port
    return f"session-{port}" if port else "session"


def set_session_cookie(response: Response, cookie_token: str, *, public_url: str) -> None:
    """Hand the browser its session, for as long as any session may last."""
    response.set_cookie(
        cookie_name(public_url),
        cookie_token,
        max_age=int(WHOLE_LIFE.total_seconds()),
        path="/",
        secure=public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response, *, public_url: str) -> None:
    """Take the session back from the browser."""
    response.delete_cookie(
        cookie_name(public_url),
        path="/",
        secure=public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
