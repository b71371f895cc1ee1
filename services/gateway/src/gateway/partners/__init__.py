"""For partners' systems: events in, each with its own answer, and what became of them.

Promises: an event is stored and announced once, however often it is sent, and 202 means that the broker has it; every
refusal names the field by a JSON pointer, in the sender's language.
Face: `router`, the partner API, described at `/openapi.json`.
Begin with `api/events.py`: it reads the request by `domain` and hands what is good to `intake`.
"""

from fastapi import APIRouter, Depends

from gateway.partners.api import events, openapi
from gateway.partners.api.repeated_headers import refuse_repeated_headers

router = APIRouter()
router.include_router(events.router, dependencies=[Depends(refuse_repeated_headers)])
router.include_router(openapi.router)

__all__ = ["router"]
