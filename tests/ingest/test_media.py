"""What a look through folders, media and archives finds."""

from __future__ import annotations

import gc
import io
import os
import resource
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.fileset import FileSet

from noctis_lab.errors import StorageError
from noctis_lab.ingest.media import (
    Candidate,
    MediaLimits,
    Passed,
    PassedKind,
    iter_media,
    iter_paths,
)
from noctis_lab.synthetic import ct_series, write_series


@pytest.fixture
def image(plane: Dataset, tmp_path: Path) -> bytes:
    return write_series([plane], tmp_path / "one")[0].read_bytes()


def look(path: Path, scratch: Path, **bounds: int) -> list[Passed | tuple[str, bytes]]:
    """Return what one file holds: of candidates, the name and the bytes."""
    found: list[Passed | tuple[str, bytes]] = []
    for each in iter_media(path, scratch=scratch, limits=MediaLimits(**bounds)):
        if isinstance(each, Passed):
            found.append(each)
            continue
        with each.opened() as fd:
            found.append((each.name, os.pread(fd, os.fstat(fd).st_size, 0)))
        each.close()
    return found


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def kinds(found: list[Passed | tuple[str, bytes]]) -> list[PassedKind]:
    return [each.kind for each in found if isinstance(each, Passed)]


def test_files_come_as_sorted_paths_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("b/1", "b-1", "a.txt", ".hidden/x", "b.c/1", "B/0"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [each for each in iter_paths([tmp_path]) if isinstance(each, Path)]
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == sorted(names)
    assert len(names) == 6


def test_links_pipes_and_closed_folders_are_named_and_not_entered(tmp_path: Path) -> None:
    top, other = tmp_path / "top", tmp_path / "other"
    (top / "sub").mkdir(parents=True)
    other.mkdir()
    (other / "secret").write_bytes(b"")
    (top / "loop").symlink_to(top)
    (top / "out").symlink_to(other)
    os.mkfifo(top / "pipe")
    found = list(iter_paths([top, tmp_path / "gone"]))
    assert all(isinstance(each, Passed) for each in found)
    told = {Path(each.name).name: each.kind for each in found if isinstance(each, Passed)}
    assert told == {
        "loop": PassedKind.LINK,
        "out": PassedKind.LINK,
        "pipe": PassedKind.SPECIAL,
        "gone": PassedKind.UNREADABLE,
    }


def test_the_folder_that_is_left_out_is_not_entered_by_any_name(tmp_path: Path) -> None:
    root = tmp_path / "data" / "root"
    root.mkdir(parents=True)
    (root / "x").write_bytes(b"")
    (tmp_path / "link").symlink_to(root)
    for top in (tmp_path / "data", tmp_path / "link"):
        (found,) = iter_paths([top], leave_out=root)
        assert isinstance(found, Passed)
        assert found.kind is PassedKind.SPECIAL


def test_a_very_deep_tree_is_walked(tmp_path: Path) -> None:
    deep = [tmp_path / "/".join(["d"] * depth) for depth in range(1, 1501)]
    for folder in deep:
        folder.mkdir()
    found = list(iter_paths([tmp_path]))
    for folder in reversed(deep):  # `shutil.rmtree` is recursive
        folder.rmdir()
    assert found == []


def test_content_decides_not_the_name(image: bytes, tmp_path: Path) -> None:
    bare = image[image.index(b"\x08\x00") :]
    for name, data in {
        "report.pdf": image,
        "bare": b"\x08\x00\x16\x00UI" + bare[6:],
        "fake.dcm": b"no DICOM at all" * 50,
        "empty.dcm": b"",
        "polyglot.zip": b"PK\3\4" + image[4:],  # a preamble may be anything (PS3.10 7.1)
    }.items():
        (tmp_path / name).write_bytes(data)
    found = {
        path.name: next(iter_media(path, scratch=tmp_path))
        for path in sorted(tmp_path.iterdir())
        if path.is_file()
    }
    assert {name for name, each in found.items() if isinstance(each, Candidate)} == {
        "report.pdf",
        "bare",
        "polyglot.zip",
    }
    passed = {name: each.reason for name, each in found.items() if isinstance(each, Passed)}
    assert "DICM" in passed["fake.dcm"]
    assert passed["empty.dcm"] == "an empty file"


def test_entries_come_whole_from_zips_in_zips(image: bytes, tmp_path: Path) -> None:
    path = tmp_path / "all.bin"
    inner = zipped({"IM2": image + b"2", "notes.txt": b"hello, world"})
    path.write_bytes(zipped({"b/IM1": image, "c.zip": inner, "../../evil": image, "/abs": image}))
    found = look(path, tmp_path)
    names = [each.name if isinstance(each, Passed) else each[0] for each in found]
    relative = [name.removeprefix(f"{path}/") for name in names]
    assert relative == ["../../evil", "/abs", "b/IM1", "c.zip/IM2", "c.zip/notes.txt"]
    contents = [each[1] for each in found if not isinstance(each, Passed)]
    assert contents == [image, image, image, image + b"2"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["all.bin", "one"]


def test_an_archive_without_dicom_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "viewer.jar"
    path.write_bytes(zipped({f"c{number}.class": b"\xca\xfe\xba\xbe" * 9 for number in range(99)}))
    (found,) = look(path, tmp_path)
    assert isinstance(found, Passed)
    assert found.kind is PassedKind.NOT_DICOM
    assert "99 files" in found.reason


def test_other_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(600))
    (found,) = look(path, tmp_path)
    assert isinstance(found, Passed)
    assert "gzip" in found.reason
    assert found.kind.needs_a_look


def bomb(image: bytes, megabytes: int) -> bytes:
    return zipped({"IM": image + bytes(megabytes << 20)})


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"free_ratio_bytes": 1 << 20}, "bomb"),
        ({"max_entry_bytes": 1 << 20}, "over 1048576"),
        ({"max_total_bytes": 1 << 20}, "bomb"),
        ({"max_directory_bytes": 60}, "list of entries"),
        ({"max_entries": 0}, "lists 1 entries"),
        ({"max_depth": 0}, "deeper than 0"),
    ],
)
def test_what_passes_a_bound_is_refused_by_name(
    image: bytes, bounds: dict[str, int], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(image, 8))
    (found,) = look(path, tmp_path, **bounds)
    assert isinstance(found, Passed)
    assert found.kind is PassedKind.ARCHIVE
    assert words in found.reason


def test_an_entry_that_lies_about_its_size_is_bounded_by_what_comes(
    image: bytes, tmp_path: Path
) -> None:
    data = bytearray(bomb(image, 8))
    at = data.index(b"PK\1\2") + 24  # the list's word on the unpacked size
    struct.pack_into("<L", data, at, 0xFFFF_FFF0)
    path = tmp_path / "lie.zip"
    path.write_bytes(data)
    (found,) = look(path, tmp_path, max_entry_bytes=0xFFFF_FFFF, free_ratio_bytes=1 << 20)
    assert isinstance(found, Passed)
    assert found.kind is PassedKind.ARCHIVE


def overlapping(image: bytes, count: int) -> bytes:
    """Return an archive whose list names the bytes of its one entry `count` times."""
    data = zipped({"IM": image})
    at = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    row = data[at:end]
    tail = bytearray(data[end:])
    struct.pack_into("<HHL", tail, 8, count, count, count * len(row))
    return data[:at] + count * row + bytes(tail)


def test_bytes_that_several_entries_share_are_not_unpacked_for_each(
    image: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "overlapping.zip"
    path.write_bytes(overlapping(image, 1))
    assert look(path, tmp_path) == [(f"{path}/IM", image)]
    path.write_bytes(overlapping(image, 5))
    found = look(path, tmp_path)
    assert kinds(found) == [PassedKind.ARCHIVE] * 5
    assert "other entries" in str(found[0])


def test_a_disk_that_is_full_is_not_the_archives_fault(image: bytes, tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    path.write_bytes(bomb(image, 4))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))  # as EFBIG: Python ignores XFSZ
    try:
        with pytest.raises(StorageError):
            look(path, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_zip_in_a_zip_in_itself_ends(image: bytes, tmp_path: Path) -> None:
    data = zipped({"IM": image})
    for _ in range(9):
        data = zipped({"a.zip": data})
    path = tmp_path / "nested.zip"
    path.write_bytes(data)
    (found,) = look(path, tmp_path)
    assert isinstance(found, Passed)
    assert "deeper than 3" in found.reason


def test_a_bomb_takes_no_memory(image: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(bomb(image, 64))
    tracemalloc.start()
    try:
        (found,) = look(path, tmp_path, free_ratio_bytes=32 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(found, Passed)
    assert peak < 4 << 20


def test_broken_and_encrypted_entries_are_named_and_the_rest_is_found(
    image: bytes, tmp_path: Path
) -> None:
    data = bytearray(zipped({"a": image, "b": image, "c": image}, zipfile.ZIP_STORED))
    data[data.index(b"PK\3\4") + 400] ^= 0xFF  # a's bytes: its checksum is wrong now
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[second + 8] |= 1  # b is encrypted, so says the list
    path = tmp_path / "some.zip"
    path.write_bytes(data)
    found = look(path, tmp_path)
    assert kinds(found) == [PassedKind.ARCHIVE, PassedKind.ARCHIVE]
    assert "broken" in str(found[0])
    assert "encrypted" in str(found[1])
    assert found[2] == (f"{path}/c", image)


@pytest.mark.parametrize("cut", [4, 100, -1, -30])
def test_a_cut_archive_is_named(image: bytes, cut: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(zipped({"IM": image})[:cut])
    (found,) = look(path, tmp_path)
    assert isinstance(found, Passed)
    assert found.kind is PassedKind.ARCHIVE


def flipped(data: bytes) -> Iterator[bytes]:
    start = data.index(b"PK\1\2")
    for at in range(start, len(data)):
        for value in (0x00, 0x7F, 0xFF):
            yield data[:at] + bytes([value]) + data[at + 1 :]


def test_no_byte_of_an_archives_list_makes_it_fail(image: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flipped.zip"
    for data in flipped(zipped({"IM": image, "b/": b"", "IM2": image})):
        path.write_bytes(data)
        for each in look(path, tmp_path):
            assert isinstance(each, Passed) or each[1] == image


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    planes = ct_series(planes=3, rows=16, columns=16)
    with warnings.catch_warnings():
        # pydicom leaves a temporary folder to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        files = FileSet()
        for plane in planes:
            files.add(plane)
        files.write(tmp_path / "cd")
        del files
        gc.collect()
    return tmp_path / "cd"


def test_a_medium_is_found_by_its_files_and_its_directory_is_no_error(
    medium: Path, tmp_path: Path
) -> None:
    found = [
        each
        for path in iter_paths([medium])
        if isinstance(path, Path)
        for each in iter_media(path, scratch=tmp_path)
    ]
    assert sum(isinstance(each, Candidate) for each in found) == 3
    (directory,) = [each for each in found if isinstance(each, Passed)]
    assert directory.kind is PassedKind.MEDIA_DIRECTORY
    assert not directory.kind.needs_a_look


def test_a_file_that_a_medium_lacks_is_named(medium: Path, tmp_path: Path) -> None:
    images = [path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
    lost = sorted(images)[-2:]
    for path in lost:
        path.unlink()
    _, *missing = look(medium / "DICOMDIR", tmp_path)
    told = [each for each in missing if isinstance(each, Passed)]
    assert {each.kind for each in told} == {PassedKind.MISSING}
    assert sorted(each.name for each in told) == [str(path) for path in lost]
    assert len({each.reason for each in told}) == 1  # one group of a report


def test_a_medium_in_an_archive_is_compared_with_its_entries(medium: Path, tmp_path: Path) -> None:
    entries = {
        f"cd/{path.relative_to(medium)}": path.read_bytes()
        for path in sorted(medium.rglob("*"))
        if path.is_file()
    }
    entries.popitem()
    path = tmp_path / "cd.zip"
    path.write_bytes(zipped(entries))
    found = look(path, tmp_path)
    assert kinds(found) == [PassedKind.MEDIA_DIRECTORY, PassedKind.MISSING]
    assert len(found) == 4
