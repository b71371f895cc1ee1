"""The handlers that services have, by their durables."""

from collections.abc import Sequence

PATH = "/internal/projections"
"""Where a service says which it has, projections or not."""


def listed(heading: str, durables: Sequence[str]) -> str:
    """Lines for a person who named another; nothing where there is none."""
    return "\n".join([heading, *(f"  {durable}" for durable in durables)]) if durables else ""
