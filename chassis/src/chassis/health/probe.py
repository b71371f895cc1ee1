"""Is the service in this container ready? `python -m chassis.health.probe URL` exits 0 if its answer says so, else 1.

It is the health check of the image: it loads nothing but the standard library, since it runs every few seconds.
"""

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


def is_ready(url: str, *, timeout: float = 4.0) -> bool:
    """Tell whether the address answers with a success. No proxy is asked, whatever the environment says."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        return 200 <= connection.getresponse().status < 300  # noqa: PLR2004 - what HTTP calls a success
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(sys.argv[1]) else 1)
