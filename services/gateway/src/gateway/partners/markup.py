"""Names within sentences that people read."""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")


def code(text: str) -> Markup:
    """Set off what stands between backticks, as Markdown does: it is not translated, and runs left to right."""
    return Markup(_CODE.sub(r'<code dir="ltr">\1</code>', str(escape(text))))  # noqa: S704 - escaped just before
