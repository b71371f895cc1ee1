"""What every page shares: the frame around it, the reader's language and time zone, assets, headers, error pages.

Promises: a page that takes `page.AnyonesPage` or `page.CountedPage` and answers with `page.html("members/inbox.html")`
is in the reader's language, guarded by headers, and has its errors shown as pages (`error_pages.PageRoute`).
Face: `page`, `error_pages`, `translations.msg` for a text, and the macros of `templates/pieces.html`.
Begin with `page.py` and `templates/base.html`. The style sheet, the script and the fonts are in `static`.
"""

from fastapi import APIRouter

from gateway.web import assets, preferences

router = APIRouter(include_in_schema=False)
router.include_router(preferences.router)
router.include_router(assets.router)

__all__ = ["router"]
