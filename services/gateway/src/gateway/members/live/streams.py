"""The open pages of this process: who may have one, what wakes them, and how each comes to its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic

import structlog
from opentelemetry.trace import SpanKind

from chassis.database.engine import Database, is_database_away
from chassis.telemetry.tracing import context_of, tracer
from contracts.words import Language, MemberId
from gateway.clients import (
    Changes,
    NotFoundError,
    Notice,
    NotificationsClient,
    ServiceRefusedError,
    ServiceUnavailableError,
)
from gateway.http.budgets import ALL, CALLER, Figures
from gateway.members.live.feed import PAGE, Feed, Missed
from gateway.sessions import Session
from gateway.sessions.workflows import session_for, sessions_standing

log = structlog.get_logger()

TRUSTED = 15.0
"""Seconds for which a look at a session is good for what is pushed."""
_LOOK_EVERY = 5.0
_JUST_NOW = 1.0
"""Seconds in which a rush of openings with one cookie shares one look at its session."""
_LOOKS_AT_ONCE = 4
_SLICE = 10
"""Pages woken before anybody else gets a turn: each may have to write an item in words of its own."""
_PAUSE = 0.1


class LiveStream:
    """One open page: a position in an inbox."""

    def __init__(self, streams: "LiveStreams", feed: Feed, session: Session, language: Language) -> None:
        self.session = session
        self.language = language
        self.feed = feed
        self.position = 0
        self.gave_way = False
        """Whether it ended to make room: its page had better not come back at once."""
        self._streams = streams
        self._woken = asyncio.Event()
        self._beats = False
        self._over = False

    async def news(self) -> AsyncIterator[Missed | None]:
        """What the page is to be sent, as it comes; None says only that its stream stands."""
        while not self._over:
            self._woken.clear()
            missed = await self.feed.after(self.position)
            beats, self._beats = self._beats, False
            if (missed.items or beats) and not self._streams.trusts():
                return
            if missed.items:
                yield missed
            elif beats:
                yield None
            if missed.position == self.position:
                await self._woken.wait()
            self.position = missed.position

    def wake(self, *, beats: bool = False) -> None:
        """Let the page look at what is new; `beats` lets it say that its stream stands, where nothing is."""
        self._beats = self._beats or beats
        self._woken.set()

    def end(self, *, gave_way: bool = False) -> None:
        """Let it come to its end; what has been written stays written."""
        self._over = True
        self.gave_way = gave_way
        self._woken.set()


class LiveStreams:
    """Opens the streams of this process, and keeps them live by one stream of notices for all of them.

    Where there is no room, whoever has most gives way by its oldest: a forgotten tab, and not the work of somebody
    who has one page open.
    """

    def __init__(
        self,
        notifications: NotificationsClient,
        database: Database,
        stopping: asyncio.Event,
        *,
        in_all: int,
        per_member: int,
    ) -> None:
        self._notifications = notifications
        self._database = database
        self._stopping = stopping
        self._in_all = in_all
        self._per_member = per_member
        self._feeds: dict[tuple[MemberId, Language], Feed] = {}
        self._open: dict[MemberId, dict[LiveStream, None]] = {}
        self._count = 0
        self._serving: asyncio.Task[None] | None = None
        self._standing: asyncio.Future[None] | None = None
        self._looked_at = 0.0
        self._known: dict[str, tuple[float, Session | None]] = {}
        self._turns = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._figures = Figures("streams", limit=in_all, in_use=lambda: self._count, waiting=lambda: 0)

    @property
    def count(self) -> int:
        """How many are open."""
        return self._count

    async def session_of(self, cookie_token: str) -> Session | None:
        """Find the live session of a cookie. An open page is no visit: its stream prolongs nothing."""
        now = monotonic()
        at, session = self._known.get(cookie_token, (0.0, None))
        if now - at > _JUST_NOW:
            async with self._database.reading() as reading:
                found = await session_for(reading, cookie_token, now=self._database.clock())
            session = found[0] if found else None
            self._known = {
                token: known for token, known in self._known.items() if now - known[0] <= _JUST_NOW
            }
            self._known[cookie_token] = (now, session)
        return session

    @asynccontextmanager
    async def open(
        self, session: Session, language: Language, *, after: int | None
    ) -> AsyncGenerator[LiveStream]:
        """Have a stream that begins after a position; raises ServiceUnavailableError where there can be none now."""
        stream = self._add(session, language)
        try:
            # First the notices, then the look: what changes in between is in both, never in neither.
            await self._stand()
            stream.position = await stream.feed.begin(after)
            yield stream
        finally:
            self._remove(stream)

    def trusts(self) -> bool:
        """Whether the sessions of all open pages were looked at a moment ago."""
        return monotonic() - self._looked_at <= TRUSTED

    def _add(self, session: Session, language: Language) -> LiveStream:
        member_id = session.member_id
        if self._stopping.is_set():
            raise ServiceUnavailableError("gateway", "it stops")
        self._make_room(member_id)
        key = (member_id, language)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(partial(self._look, member_id, language))
        stream = LiveStream(self, feed, session, language)
        self._open.setdefault(member_id, {})[stream] = None
        self._count += 1
        return stream

    def _make_room(self, member_id: MemberId) -> None:
        own = self._open.get(member_id, {})
        most = own
        if len(own) < self._per_member:
            if self._count < self._in_all:
                return
            most = max(self._open.values(), key=len)
            if len(most) <= len(own) + 1:
                self._figures.refuse(ALL)
                raise ServiceUnavailableError("gateway", "it has as many live streams as it may")
        self._figures.refuse(CALLER)
        oldest = next(iter(most))
        oldest.end(gave_way=True)
        self._remove(oldest)

    def _remove(self, stream: LiveStream) -> None:
        member_id = stream.session.member_id
        own = self._open.get(member_id, {})
        if stream not in own:
            return
        del own[stream]
        self._count -= 1
        if not own:
            del self._open[member_id]
        if not any(other.feed is stream.feed for other in own):
            self._feeds.pop((member_id, stream.language), None)
        if self._count == 0 and self._serving is not None:
            self._serving.cancel()
            self._serving = None

    async def _stand(self) -> None:
        """Wait until this process hears of changes; the first stream begins it, and the last one ends it."""
        if self._serving is None or self._standing is None:
            self._standing = asyncio.get_running_loop().create_future()
            self._standing.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            self._looked_at = monotonic()
            self._serving = asyncio.create_task(self._serve(self._standing))
        await asyncio.shield(self._standing)

    async def _serve(self, standing: "asyncio.Future[None]") -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(standing, tasks))
                tasks.create_task(self._watch_sessions())
                tasks.create_task(self._end_with_the_service())
        except* (ServiceUnavailableError, ServiceRefusedError, NotFoundError) as errors:
            # No look for it in the background: the open pages come back by themselves, and the first begins anew.
            log.warning("live notices lost, open pages end", error=str(errors.exceptions[0]))
        finally:
            if not standing.done():
                standing.set_exception(
                    ServiceUnavailableError("notifications", "its notices cannot be heard")
                )
            if self._serving is asyncio.current_task():
                self._serving = None
                for stream in self._all():
                    stream.end()
                    self._remove(stream)

    async def _end_with_the_service(self) -> None:
        await self._stopping.wait()
        for stream in self._all():
            stream.end()

    async def _hear(self, standing: "asyncio.Future[None]", tasks: asyncio.TaskGroup) -> None:
        """Follow the notices; where they are lost, try once more at once. Pages are live only while they stand."""
        while True:
            stands = False
            try:
                async with self._notifications.notices() as notices:
                    async for notice in notices:
                        if not stands and standing.done():
                            notice = Notice(members=None)  # noqa: PLW2901 - whatever changed in between
                        stands = True
                        if not standing.done():
                            standing.set_result(None)
                        self._pass_on(notice, tasks)
            except ServiceUnavailableError:
                if not stands:
                    raise
                await asyncio.sleep(_PAUSE)

    def _pass_on(self, notice: Notice, tasks: asyncio.TaskGroup) -> None:
        if notice.members is None:
            for feed in self._feeds.values():
                tasks.create_task(self._refresh(feed))
        elif not notice.members:
            tasks.create_task(_woken(self._all(), beats=True))
        else:
            for member_id in notice.members & self._open.keys():
                for feed in {stream.feed for stream in self._open[member_id]}:
                    tasks.create_task(self._refresh(feed))

    async def _refresh(self, feed: Feed) -> None:
        try:
            await feed.refresh()
        except (ServiceUnavailableError, ServiceRefusedError, NotFoundError) as error:
            log.warning("changes of an inbox cannot be read, its open pages end", error=str(error))
            for stream in self._on(feed):
                stream.end()
        await _woken(self._on(feed))

    async def _look(self, member_id: MemberId, language: Language, after: int | None) -> Changes:
        async with self._turns:
            changes = await self._notifications.changes(member_id, language=language, after=after, limit=PAGE)
        for item in changes.items:
            # The last span of the trace that the item's event began.
            attributes = {"ssenet.item_id": str(item.item_id), "ssenet.inbox_position": item.position}
            context = context_of(item.traceparent)
            tracer.start_span(
                "push inbox item", context=context, kind=SpanKind.PRODUCER, attributes=attributes
            ).end()
        return changes

    async def _watch_sessions(self) -> None:
        """End the pages of sessions that are over: run out, signed out, or their member removed."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            asked = {stream.session.id for stream in self._all()}
            begun = monotonic()
            try:
                async with self._database.reading() as reading:
                    standing = await sessions_standing(reading, asked, now=self._database.clock())
            except Exception as error:
                if not is_database_away(error):
                    raise
                log.warning("sessions of open pages cannot be looked up", error=type(error).__name__)
                continue
            self._looked_at = begun
            for stream in self._all():
                if stream.session.id in asked - standing:
                    stream.end()

    def _all(self) -> list[LiveStream]:
        return [stream for own in self._open.values() for stream in own]

    def _on(self, feed: Feed) -> list[LiveStream]:
        return [stream for stream in self._all() if stream.feed is feed]


async def _woken(streams: Collection[LiveStream], *, beats: bool = False) -> None:
    for place, stream in enumerate(streams, start=1):
        stream.wake(beats=beats)
        if place % _SLICE == 0:
            await asyncio.sleep(0)
