"""One handle per root and process, and a cache that keeps its bound."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noctis_lab.config import open_settings
from noctis_lab.errors import SettingsError
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.byte_cache import ByteCache
from noctis_lab.volumes.cache import Handle, open_handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = ByteCache(30)
    for key in "abc":
        cache.put(key, key.upper(), 10)
    assert cache.find("a") == "A"
    cache.put("d", "D", 10)
    assert [cache.find(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_a_value_above_the_bound_is_not_kept() -> None:
    cache = ByteCache(10)
    cache.put("a", 1, 10)
    cache.put("b", 2, 11)
    assert (cache.find("a"), cache.find("b")) == (1, None)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))), st.integers(0, 100))
def test_the_bound_is_never_exceeded(puts: list[tuple[int, int]], limit: int) -> None:
    cache = ByteCache(limit)
    sizes: dict[int, int] = {}
    for key, size in puts:
        cache.put(key, size, size)
        sizes[key] = size
        assert cache.size_bytes <= limit
        assert cache.size_bytes == sum(s for k, s in sizes.items() if cache.find(k) is not None)


def test_one_root_has_one_handle_until_the_last_holder_closes_it(tmp_path: Path) -> None:
    settings = open_settings({"root": tmp_path})
    one, other = open_handle(settings), open_handle(settings)
    assert one is other
    one.close()
    assert not other.is_closed
    other.close()
    assert other.is_closed
    with open_handle(settings) as again:
        assert again is not other


def test_a_handle_that_nobody_holds_is_closed(tmp_path: Path) -> None:
    settings = open_settings({"root": tmp_path})
    executor = open_handle(settings).executor
    gc.collect()
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(int)


def holds_files(root: Path) -> bool:
    """Return whether this process has files of an archive open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # gone since it was listed
            found.append(descriptor.readlink())
    return any(path.is_relative_to(root) for path in found)


@pytest.mark.parametrize("pool", ["executor", "background"])
def test_a_handle_that_a_task_of_its_own_held_last_is_closed(tmp_path: Path, pool: str) -> None:
    handle = open_handle(open_settings({"root": tmp_path / "root"}))
    catalog, held = handle.catalog, threading.Event()
    assert catalog.counts().instances == 0
    assert holds_files(catalog.root)
    getattr(handle, pool).submit(lambda _: held.wait(60), handle)
    del handle
    held.set()
    deadline_s = time.monotonic() + 60
    while holds_files(catalog.root):
        assert time.monotonic() < deadline_s, "it was left open"
        time.sleep(0.01)


def test_one_root_cannot_be_open_with_two_bounds(tmp_path: Path) -> None:
    with open_handle(open_settings({"root": tmp_path})):
        other = open_settings({"root": tmp_path, "cache_bytes": 1})
        with pytest.raises(SettingsError, match="cache_bytes"):
            open_handle(other)


def test_a_pickled_handle_becomes_this_process_own(handle: Handle) -> None:
    back = pickle.loads(pickle.dumps(handle))
    assert back is handle
    back.close()


def _load_in_child(handle: Handle, uid: str, answer: Connection) -> None:
    with open_handle(handle.settings) as own:
        answer.send((own is handle, own.pid == os.getpid(), int(load(own, uid).sum())))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_its_own(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    expected = int(load(handle, uid).sum())
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_load_in_child, args=(handle, uid, theirs))
    child.start()
    assert ours.poll(20), "the child did not answer"
    assert ours.recv() == (False, True, expected)
    child.join()
    assert int(load(handle, uid).sum()) == expected
