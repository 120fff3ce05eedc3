"""The catalogue's events to every open page: one poller a process, bounded queues, nobody waits."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

from noctis_lab.events import Event, InstanceStored

__all__ = ["POLL_SECONDS", "LiveFeed", "Notification", "Subscription"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
_QUEUE_LENGTH = 256
_HEARTBEAT_SECONDS = 15.0
_WAIT_AFTER_FAILURE_S = 1.0
_MOST_MISSED = 500  # more than these, and a page asks for everything anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One event, or several of a series in one poll, as pages get it."""

    event_id: int
    kind: str
    fields: dict[str, object]

    def to_sse(self) -> bytes:
        """Return the message of a server-sent event."""
        data = json.dumps(self.fields, separators=(",", ":"))
        return f"id: {self.event_id}\nevent: {self.kind}\ndata: {data}\n\n".encode()


#: Said where a page has missed something: it asks for everything anew.
_MISSED = "missed"


@dataclass(slots=True, eq=False)
class Subscription:
    """One open page's queue; what does not fit is dropped, and the page told to ask anew.

    `sees` and `is_over` are asked in a thread: whether its principal may know of something, and
    whether they are no longer signed in.
    """

    sees: Callable[[Notification], bool]
    is_over: Callable[[], bool] = lambda: False
    queue: asyncio.Queue[Notification | None] = field(
        default_factory=lambda: asyncio.Queue(_QUEUE_LENGTH)
    )

    def offer(self, notification: Notification) -> None:
        """Put a notification into the queue, or, where it is full, the word that some are lost."""
        try:
            self.queue.put_nowait(notification)
        except asyncio.QueueFull:
            while not self.queue.empty():
                self.queue.get_nowait()
            missed = Notification(event_id=notification.event_id, kind=_MISSED, fields={})
            self.queue.put_nowait(missed)

    async def iter_sse(self) -> AsyncIterator[bytes]:
        """Yield server-sent events, and a comment where nothing happens for long."""
        yield b"retry: 1000\n\n"
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    notification = await self.queue.get()
            except TimeoutError:
                if await asyncio.to_thread(self.is_over):
                    return
                yield b": alive\n\n"
                continue
            if notification is None or await asyncio.to_thread(self.is_over):
                return
            if notification.kind == _MISSED or await asyncio.to_thread(self.sees, notification):
                yield notification.to_sse()


class LiveFeed:
    """Polls the catalogue while somebody listens.

    Parameters
    ----------
    poll
        Returns the events after a number, oldest first.
    last_event_id
        Returns the number of the newest event.
    """

    def __init__(
        self,
        *,
        poll: Callable[[int], list[tuple[int, Event]]],
        last_event_id: Callable[[], int],
    ) -> None:
        self._poll = poll
        self._last_event_id = last_event_id
        self._subscriptions: set[Subscription] = set()
        self._last = 0
        self._awake = asyncio.Event()
        self._entering = asyncio.Lock()

    async def run(self) -> None:
        """Poll until cancelled; an answer that fails is tried again."""
        while True:
            if not self._subscriptions:
                self._awake.clear()
                await self._awake.wait()
            await self._poll_once()
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """End every subscription."""
        for subscription in self._subscriptions:
            while subscription.queue.full():
                subscription.queue.get_nowait()
            subscription.queue.put_nowait(None)

    @asynccontextmanager
    async def subscribe(
        self,
        *,
        after: int | None,
        sees: Callable[[Notification], bool],
        is_over: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[Subscription]:
        """Give a subscription that ends with the block.

        Parameters
        ----------
        after
            The last event the page knows; what came since is sent first. None: from now on.
        sees
            Whether this page's principal may know of it; called in a thread.
        is_over
            Whether they are no longer signed in, which ends the stream; called in a thread.
        """
        subscription = Subscription(sees, is_over)
        async with self._entering:
            if not self._subscriptions:
                # Read before the page counts: what comes from here on is polled, not lost.
                self._last = await asyncio.to_thread(self._last_event_id)
            self._subscriptions.add(subscription)
            self._awake.set()
        try:
            if after is not None:
                # What is polled meanwhile may come twice; pages only ask anew because of it.
                missed = await asyncio.to_thread(self._poll, after)
                for notification in condense(missed):
                    subscription.offer(notification)
                if len(missed) >= _MOST_MISSED:
                    subscription.offer(
                        Notification(event_id=missed[-1][0], kind=_MISSED, fields={})
                    )
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def _poll_once(self) -> None:
        try:
            events = await asyncio.to_thread(self._poll, self._last)
        except Exception:
            # The only poller there is: whatever it was, the next second may bring an answer.
            logger.exception("events could not be read")
            await asyncio.sleep(_WAIT_AFTER_FAILURE_S)
            return
        if events:
            self._last = events[-1][0]
        for notification in condense(events):
            for subscription in self._subscriptions:
                subscription.offer(notification)


def condense(events: list[tuple[int, Event]]) -> list[Notification]:
    """Return one notification per series for stored instances, one each for all other events.

    Notes
    -----
    A modality stores tens of instances a second; pages need to know of the series once.
    """
    stored: dict[str, tuple[int, InstanceStored, int]] = {}
    others: list[Notification] = []
    for event_id, event in events:
        if isinstance(event, InstanceStored):
            count = (
                stored[event.SeriesInstanceUID][2] + 1 if event.SeriesInstanceUID in stored else 1
            )
            stored[event.SeriesInstanceUID] = (event_id, event, count)
        else:
            others.append(
                Notification(event_id=event_id, kind=event.kind, fields=dict(asdict(event)))
            )
    for event_id, event, count in stored.values():
        fields: dict[str, object] = {
            "StudyInstanceUID": event.StudyInstanceUID,
            "SeriesInstanceUID": event.SeriesInstanceUID,
            "instance_count": count,
        }
        others.append(Notification(event_id=event_id, kind=event.kind, fields=fields))
    return sorted(others, key=lambda each: each.event_id)
