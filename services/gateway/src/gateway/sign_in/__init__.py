"""In by a link that works once, and out again.

Promises: a link lets one browser in, until its time is over; opening it uses nothing up, confirming does; of a link
only the SHA-256 is kept. Who leaves the network, or becomes another, is signed out.
Face: `router`: `pages.py` for whoever comes to the door, `api.py` for the operator's tools, who make the links.
Begin with `workflows.py`. Who is signed in on a request is a matter of `gateway.sessions`.
"""

from fastapi import APIRouter

from gateway.sign_in import api, pages

router = APIRouter(include_in_schema=False)
router.include_router(pages.router)
router.include_router(api.router)

__all__ = ["router"]
