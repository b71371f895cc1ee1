"""Open inbox pages, kept live: what changes is read once for all that have the same inbox open.

Promises: a page that says where it stands is sent what it missed, in order and nothing twice; an open page holds one
task, a position and no connection of its own to another service; it ends with its session, its room, its server.
Begin with `streams.py`: who may have a stream, and what wakes it. `feed.py` is one inbox; `opening.py` the queue.
"""

from gateway.members.live.opening import one_after_another
from gateway.members.live.streams import LiveStream, LiveStreams

__all__ = ["LiveStream", "LiveStreams", "one_after_another"]
