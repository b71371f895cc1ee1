"""What coordination does: one function per use case, each within one transaction."""

from coordination.workflows.directory import mirror_members, mirror_organisations
from coordination.workflows.plan import publish_plan
from coordination.workflows.tasks import act, assign, open_tasks, refuse_strangers

__all__ = [
    "act",
    "assign",
    "mirror_members",
    "mirror_organisations",
    "open_tasks",
    "publish_plan",
    "refuse_strangers",
]
