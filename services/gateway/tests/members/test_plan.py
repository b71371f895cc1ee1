"""The action plan's counts."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.clients.coordination import TaskCounts
from gateway.members.pages.plan import added


@given(st.lists(st.builds(TaskCounts, opened=st.integers(0, 99), completed=st.integers(0, 99))))
def test_the_tasks_of_a_branch_are_those_of_its_leaves(counts: list[TaskCounts]) -> None:
    assert added(counts).total == sum(one.total for one in counts)
