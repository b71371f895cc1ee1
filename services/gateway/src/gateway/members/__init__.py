"""For members: the inbox, live; the task and what may be done with it; the action plan.

Promises: every page works without scripts, in four languages, and does without a service that only adds to it.
Nothing is decided here: coordination says what a member may do, notifications what waits for them.
Face: `router`. A page is a module in `pages`, its HTML in `templates` under the same name, its tests in
`tests/members`. Begin with `pages/task.py`.
"""

from fastapi import APIRouter

from gateway.members.pages import inbox, live_inbox, plan, task

router = APIRouter(include_in_schema=False)
for page in (inbox, live_inbox, task, plan):
    router.include_router(page.router)

__all__ = ["router"]
