"""For partners' systems: events in, each with its own answer, and what became of them.

Promises: an event is stored and announced once, however often it is sent, and 202 means that the broker has it; every
refusal names the field by a JSON pointer, in the sender's language.
Face: `router`, the partner API, described at `/openapi.json` for tools and at `/docs` for people, and what the
contracts publish at `/contracts/`.
Begin with `api/events.py`: it reads the request by `domain` and hands what is good to `intake`.
"""

from fastapi import APIRouter, Depends

from gateway.partners.api import contracts, docs_page, events, handshake, openapi
from gateway.partners.api.repeated_headers import refuse_repeated_headers

PlainPosts = events.PlainPosts
router = APIRouter()
router.include_router(events.router, dependencies=[Depends(refuse_repeated_headers)])
router.include_router(handshake.router)
router.include_router(openapi.router)
router.include_router(docs_page.router)
router.include_router(contracts.router)

__all__ = ["PlainPosts", "router"]
