"""`HEAD` on every address that takes `GET`: the same answer without its body."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def answer_heads(app: ASGIApp) -> ASGIApp:
    """Middleware: ask for the whole answer, and end it where its body begins, be it a stream that would not end."""

    def passing(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        return (answering if is_head else app)(scope, receive, send)

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        ended = False
        inner = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body":
                ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            if "route" in inner:
                # What stands outside learns, as always, which route it is that answers.
                scope["route"] = inner["route"]
            await send(message)

        await app(inner, receive, send_head)

    return passing
