"""An address is what it says to its last character: a line end behind it makes it another one."""

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send


class NoLineEnds(BaseRoute):
    """Lets nothing be found at an address that ends with a line end.

    Starlette's patterns end with `$`, which in Python matches before one as well: `/docs%0A` would be `/docs`, past
    whatever a proxy in front says of it.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ends = scope["type"] == "http" and scope["path"].endswith("\n")
        return (Match.FULL, {}) if ends else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as Starlette calls it
        raise HTTPException(404)
