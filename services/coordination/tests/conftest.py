"""A coordination of the test's own: real tables, the packaged rules, and a small directory."""

import sys
from pathlib import Path

import pytest

from chassis.testing import Deliver, FreshDatabase, a_clock

sys.path.insert(0, str(Path(__file__).parent))

from coordination_kit import Coordination

from coordination.subscribers import subscriptions


@pytest.fixture
async def empty_coordination(fresh_database: FreshDatabase) -> Coordination:
    """Nothing is known yet, not even the directory."""
    clock = a_clock()
    database = await fresh_database("coordination", clock=clock)
    return Coordination(database, Deliver(database, subscriptions), clock)


@pytest.fixture
async def coordination(empty_coordination: Coordination) -> Coordination:
    """The directory has arrived."""
    await empty_coordination.hear_directory()
    return empty_coordination
