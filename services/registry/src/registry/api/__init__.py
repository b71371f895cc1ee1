"""HTTP in: reading for the gateway and operators, writing for operators alone."""

from registry.api import members, organisations, partners
from registry.api.problems import PROBLEMS, on_refused

ROUTERS = (organisations.router, members.router, partners.router)

__all__ = ["PROBLEMS", "ROUTERS", "on_refused"]
