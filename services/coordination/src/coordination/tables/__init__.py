"""Coordination's tables, and the queries worth a name."""

from coordination.tables import directory, plan, tasks
from coordination.tables.base import Base

__all__ = ["Base", "directory", "plan", "tasks"]
