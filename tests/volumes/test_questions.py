"""Questions by a thread of their own: shared while they are asked, remembered afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from noctis_lab.errors import QueryError
from noctis_lab.volumes.byte_cache import ByteCache
from noctis_lab.volumes.questions import Questions

AMPLE_S = 60.0


@pytest.fixture
def questions() -> Iterator[Questions]:
    opened = Questions(ByteCache(1 << 20))
    yield opened
    opened.close()


def double(keys: list[int]) -> dict[int, int]:
    return {key: 2 * key for key in keys}


def test_what_is_known_is_not_asked_again(questions: Questions) -> None:
    asked: list[int] = []

    def ask(keys: list[int]) -> dict[int, int]:
        asked.extend(keys)
        return double(keys)

    assert questions.answers([1, 2], ask, wait_s=AMPLE_S) == {1: 2, 2: 4}
    assert questions.answers([2, 3], ask, wait_s=AMPLE_S) == {2: 4, 3: 6}
    assert asked == [1, 2, 3]


def test_what_is_being_asked_is_shared(questions: Questions) -> None:
    asked: list[int] = []
    started, released = threading.Event(), threading.Event()

    def ask(keys: list[int]) -> dict[int, int]:
        asked.extend(keys)
        started.set()
        assert released.wait(AMPLE_S)
        return double(keys)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(questions.answers, [1, 2], ask, wait_s=AMPLE_S)
        assert started.wait(AMPLE_S)
        others = [pool.submit(questions.answers, [2, 3], ask, wait_s=AMPLE_S) for _ in range(3)]
        assert questions.answers([1], ask, wait_s=0) == {}
        released.set()
        assert first.result(AMPLE_S) == {1: 2, 2: 4}
        assert [other.result(AMPLE_S) for other in others] == [{2: 4, 3: 6}] * 3
    assert sorted(asked) == [1, 2, 3]


def test_what_is_late_is_there_the_next_time(questions: Questions) -> None:
    released = threading.Event()

    def ask(keys: list[int]) -> dict[int, int]:
        assert released.wait(AMPLE_S)
        return double(keys)

    assert questions.answers([1], ask, wait_s=0.01) == {}
    released.set()
    assert questions.answers([1], ask, wait_s=AMPLE_S) == {1: 2}


def test_what_is_left_out_or_fails_is_asked_again(questions: Questions) -> None:
    def fail(keys: list[int]) -> dict[int, int]:
        raise QueryError("no")

    assert questions.answers([1], lambda _: {}, wait_s=AMPLE_S) == {}
    with pytest.raises(QueryError):
        questions.answers([1], fail, wait_s=AMPLE_S)
    assert questions.answers([1], double, wait_s=AMPLE_S) == {1: 2}


def test_nothing_is_asked_once_it_is_closed() -> None:
    closed = Questions(ByteCache(1 << 20))
    assert closed.answers([1], double, wait_s=AMPLE_S) == {1: 2}
    closed.close()
    assert closed.answers([1, 2], double, wait_s=AMPLE_S) == {1: 2}
