import sys
from pathlib import Path

import pytest

from chassis.testing import Deliver, FreshDatabase, SettableClock, a_clock

sys.path.insert(0, str(Path(__file__).parent))

from network import Network


@pytest.fixture
def clock() -> SettableClock:
    """A Monday morning."""
    return a_clock()


@pytest.fixture
async def network(fresh_database: FreshDatabase, clock: SettableClock) -> Network:
    """The service with an empty database, and what others announce to it."""
    from notifications.subscribers import subscriptions

    database = await fresh_database("notifications", clock=clock)
    return Network(database, Deliver(database, subscriptions))
