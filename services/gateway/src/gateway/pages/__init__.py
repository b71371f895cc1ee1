"""The pages that members and operators open: HTML first, and usable without scripts."""

from fastapi import APIRouter

from gateway.pages import assets, inbox, operations, plan, preferences, signing_in, stream, tasks
from gateway.pages.headers import security_headers

__all__ = ["router", "security_headers"]

router = APIRouter(include_in_schema=False)
for part in (signing_in, inbox, stream, tasks, plan, operations, preferences):
    router.include_router(part.router)
router.include_router(assets.router)
