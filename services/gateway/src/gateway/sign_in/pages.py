"""The pages of whoever comes to the door: how to sign in, the link that asks for a confirmation, and the way out."""

from fastapi import APIRouter, Depends, Request, Response

from chassis.http.access import public
from chassis.http.dependencies import Reading, Tx
from contracts.words import Language
from gateway.sessions import SignedIn, check_csrf, check_origin, clear_session_cookie, set_session_cookie
from gateway.sign_in.workflows import pending_link, redeem_link, sign_out
from gateway.web.error_pages import Failure, PageRoute, failure_page
from gateway.web.page import LANGUAGE_COOKIE, LANGUAGE_NAMES, AnyonesPage, redirect
from gateway.web.translations import msg

router = APIRouter(route_class=PageRoute, dependencies=[public()])

LINK_SPENT = Failure(
    msg("This link does not work any more"),
    (
        msg("A sign-in link works once and for a short time. This one was used, or it is too old."),
        msg("Ask for a new link, and open it soon."),
    ),
)
HOW_TO = ("/sign-in", msg("How to sign in"))


# To whom a bare address leads: a tool finds the description of the API (RFC 8631), a developer its page.
LINKS = '</docs>; rel="service-doc", </openapi.json>; rel="service-desc"'


@router.get("/")
async def home(page: AnyonesPage) -> Response:
    answer = redirect(page.request, "/inbox" if page.session else "/sign-in")
    answer.headers["Link"] = LINKS
    return answer


@router.get("/sign-in")
async def explain(page: AnyonesPage) -> Response:
    return redirect(page.request, "/inbox") if page.session else await page.html("sign_in/how_to.html")


@router.get("/sign-in/{token}")
async def confirm(token: str, page: AnyonesPage, reading: Reading) -> Response:
    """Show whom the link would let in. Opening it uses nothing up: mail scanners open links, too."""
    link = await pending_link(reading, token, now=page.now)
    if link is None:
        return await failure_page(page, LINK_SPENT, 410, forward=HOW_TO)
    return await page.html("sign_in/link.html", link=link, token=token)


@router.post("/sign-in/{token}", dependencies=[Depends(check_origin)])
async def enter(token: str, request: Request, page: AnyonesPage, tx: Tx) -> Response:
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    language = Language(chosen) if chosen in LANGUAGE_NAMES else None
    redeemed = await redeem_link(tx, token, language=language)
    if redeemed is None:
        return await failure_page(page, LINK_SPENT, 410, forward=HOW_TO)
    cookie_token, _ = redeemed
    answer = redirect(request, "/inbox")
    set_session_cookie(answer, cookie_token, public_url=request.app.state.public_url)
    return answer


@router.post("/sign-out", dependencies=[Depends(check_csrf)])
async def leave(request: Request, session: SignedIn, tx: Tx) -> Response:
    await sign_out(tx, session.id)
    answer = redirect(request, "/sign-in", flash="signed-out")
    clear_session_cookie(answer, public_url=request.app.state.public_url)
    return answer
