"""The gateway's HTTP for machines: partners' events, and what operators' tools ask of it."""

from fastapi import APIRouter

from gateway.api import description, events, internal

router = APIRouter()
router.include_router(events.router)
router.include_router(internal.router)
router.include_router(description.router)

__all__ = ["router"]
