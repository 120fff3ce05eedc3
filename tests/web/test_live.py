"""Events reach open pages: condensed, in order, and nobody waits for a slow one."""

from __future__ import annotations

import asyncio

import pytest

from noctis_lab.events import Event, InstanceStored, SeriesFlushed
from noctis_lab.web.live import LiveFeed, Notification, Subscription, condense


def stored(series: str, instance: str) -> InstanceStored:
    return InstanceStored(StudyInstanceUID="1.2", SeriesInstanceUID=series, SOPInstanceUID=instance)


class Events:
    """A list that grows, as the catalogue's table does."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Event]] = []

    def add(self, *events: Event) -> None:
        for event in events:
            self.events.append((len(self.events) + 1, event))

    def poll(self, after: int) -> list[tuple[int, Event]]:
        return [each for each in self.events if each[0] > after]

    def last(self) -> int:
        return len(self.events)


def test_the_images_of_one_series_become_one_notification_with_their_number() -> None:
    events = [(1, stored("1.2.1", "a")), (2, stored("1.2.2", "b")), (3, stored("1.2.1", "c"))]
    condensed = condense([*events, (4, SeriesFlushed(SeriesInstanceUID="1.2.9"))])
    assert [(each.event_id, each.kind) for each in condensed] == [
        (2, "instance-stored"),
        (3, "instance-stored"),
        (4, "series-flushed"),
    ]
    assert condensed[1].fields == {
        "StudyInstanceUID": "1.2",
        "SeriesInstanceUID": "1.2.1",
        "instance_count": 2,
    }


def test_a_page_that_does_not_read_is_told_that_it_missed_something() -> None:
    async def scene() -> list[Notification | None]:
        subscription = Subscription(sees=lambda _: True, queue=asyncio.Queue(3))
        for number in range(1, 6):
            subscription.offer(Notification(event_id=number, kind="series-flushed", fields={}))
        return [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]

    left = asyncio.run(scene())
    assert [(each.event_id, each.kind) for each in left if each] == [
        (4, "missed"),
        (5, "series-flushed"),
    ]


def test_an_event_is_sent_within_half_a_second_and_only_to_who_may_see_it() -> None:
    events = Events()
    events.add(stored("1.2.1", "before"))

    async def scene() -> tuple[bytes, int]:
        feed = LiveFeed(poll=events.poll, last_event_id=events.last)
        running = asyncio.create_task(feed.run())
        async with (
            feed.subscribe(after=None, sees=lambda _: True) as seeing,
            feed.subscribe(after=None, sees=lambda _: False) as blind,
        ):
            messages = seeing.iter_sse()
            assert b"retry" in await anext(messages)
            await asyncio.sleep(0.3)
            events.add(stored("1.2.1", "after"))
            async with asyncio.timeout(0.5):
                message = await anext(messages)
            unread = blind.iter_sse()
            await anext(unread)
            waiting = asyncio.ensure_future(anext(unread))
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            waiting.cancel()
        running.cancel()
        return message, len(done)

    message, seen_by_blind = asyncio.run(scene())
    assert message.startswith(b"id: 2\nevent: instance-stored\ndata: {")
    assert seen_by_blind == 0


def test_a_page_that_comes_back_gets_what_it_missed() -> None:
    events = Events()
    events.add(stored("1.2.1", "a"), SeriesFlushed(SeriesInstanceUID="1.2.1"))

    async def scene() -> bytes:
        feed = LiveFeed(poll=events.poll, last_event_id=events.last)
        async with feed.subscribe(after=1, sees=lambda _: True) as subscription:
            messages = subscription.iter_sse()
            await anext(messages)
            return await anext(messages)

    assert asyncio.run(scene()).startswith(b"id: 2\nevent: series-flushed\n")


def test_closing_ends_every_stream() -> None:
    async def scene() -> list[bytes]:
        feed = LiveFeed(poll=lambda _: [], last_event_id=lambda: 0)
        async with feed.subscribe(after=None, sees=lambda _: True) as subscription:
            feed.close()
            return [message async for message in subscription.iter_sse()]

    assert asyncio.run(scene()) == [b"retry: 1000\n\n"]


def test_a_failure_of_any_kind_does_not_end_the_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noctis_lab.web.live._WAIT_AFTER_FAILURE_S", 0.01)
    events = Events()
    failures: list[Exception] = [TypeError("a field too many"), OSError("disk")]

    def poll(after: int) -> list[tuple[int, Event]]:
        if failures:
            raise failures.pop()
        return events.poll(after)

    async def scene() -> bytes:
        feed = LiveFeed(poll=poll, last_event_id=events.last)
        running = asyncio.create_task(feed.run())
        async with feed.subscribe(after=None, sees=lambda _: True) as subscription:
            events.add(SeriesFlushed(SeriesInstanceUID="1.2.1"))
            messages = subscription.iter_sse()
            await anext(messages)
            async with asyncio.timeout(10):
                message = await anext(messages)
        running.cancel()
        return message

    assert asyncio.run(scene()).startswith(b"id: 1\nevent: series-flushed\n")
