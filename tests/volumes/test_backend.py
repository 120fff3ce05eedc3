"""Lazy arrays hold what eager ones do, read only what is asked for, and travel light."""

from __future__ import annotations

import gc
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEGLSLossless, RLELossless

from noctis_lab import open_lab
from noctis_lab.config import open_settings
from noctis_lab.errors import FileChanged, SeriesChanged, SeriesNotFound, SeveralStacks
from noctis_lab.synthetic import ct_series, mosaic_series, ultrasound_cine, weighted_mr
from noctis_lab.volumes.backend import NoctisBackend
from noctis_lab.volumes.cache import Handle, open_handle
from noctis_lab.volumes.export.options import ExportOptions
from noctis_lab.volumes.export.run import export_series
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.lazily import one_index, opened

SMALL: dict[str, Any] = {"planes": 4, "rows": 7, "columns": 6}
#: A name and options of `load`.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "values": {"dtype": "float64"},
    "stored": {"stored": True},
    "dirty, big endian": {},
    "padded": {"mask_padding": True},
    "compressed": {},
    "run lengths": {},
    "echoes": {},
    "mosaic": {},
    "cine": {},
    "own slopes": {},
    "words of two kinds": {},
}


def _made(kind: str) -> list[Dataset]:  # noqa: C901, PLR0911 - a kind each
    if kind == "dirty, big endian":
        dirty = {"bits_stored": 12, "transfer_syntax_uid": ExplicitVRBigEndian, "seed": kind}
        planes = ct_series(**SMALL, **dirty)
        for plane in planes:
            words = np.frombuffer(plane.PixelData, ">u2") | 0x3000
            plane.PixelData = words.astype(">u2").tobytes()
        return planes
    if kind == "padded":
        return ct_series(**SMALL, elements={"PixelPaddingValue": 0}, seed=kind)
    if kind == "compressed":
        options = {"transfer_syntax_uid": JPEGLSLossless, "rescale_slope": 0.5}
        return ct_series(**SMALL, **options, seed=kind)
    if kind == "run lengths":
        return ct_series(**SMALL, transfer_syntax_uid=RLELossless, seed=kind)
    if kind == "echoes":
        return list(weighted_mr("echo", seed=kind))
    if kind == "mosaic":
        return list(mosaic_series(seed=kind))
    if kind == "cine":
        return ultrasound_cine(frames=4)
    if kind == "own slopes":
        planes = ct_series(**SMALL, seed=kind)
        for number, plane in enumerate(planes):
            plane.RescaleSlope = 1 + number / 2
        return planes
    if kind == "words of two kinds":
        planes = ct_series(**SMALL, seed=kind)
        others = ct_series(**SMALL, seed=kind, transfer_syntax_uid=ExplicitVRBigEndian)
        return [planes[0], *others[1:3], planes[3]]
    return ct_series(**SMALL, rescale_intercept=-1024, bits_stored=12, seed=kind)


@dataclass(frozen=True)
class Archived:
    """A series of each kind, loaded and opened."""

    eager: dict[str, xr.DataArray]
    lazy: dict[str, xr.DataArray]
    uids: dict[str, str]
    handle: Handle


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    folder = tmp_path_factory.mktemp("lazy")
    with open_handle(open_settings({"root": folder / "archive"})) as handle:
        uids = {}
        for kind in KINDS:
            planes = _made(kind)
            admit(handle, planes, folder / kind.replace(" ", "-"))
            uids[kind] = str(planes[0].SeriesInstanceUID)
        eager = {kind: load(handle, uids[kind], **KINDS[kind]) for kind in KINDS}
        lazy = {kind: opened(handle, uids[kind], **KINDS[kind]) for kind in KINDS}
        yield Archived(eager, lazy, uids, handle)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_lazy_values_are_the_eager_ones(archive: Archived, kind: str, data: st.DataObject) -> None:
    eager, lazy = archive.eager[kind], archive.lazy[kind]
    key = {str(dim): data.draw(one_index(size)) for dim, size in eager.sizes.items()}
    xr.testing.assert_identical(lazy.isel(key).load(), eager.isel(key))
    assert lazy.dtype == eager.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_a_lazy_array_says_what_the_eager_one_does(archive: Archived, kind: str) -> None:
    eager, lazy = archive.eager[kind], archive.lazy[kind]
    assert lazy.dims == eager.dims
    assert lazy.attrs == eager.attrs
    xr.testing.assert_identical(lazy.coords.to_dataset(), eager.coords.to_dataset())


def test_only_the_rows_that_are_asked_for_are_read(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3, rows=64, columns=64, seed="rows")
    paths = admit(handle, planes, tmp_path / "in")
    lazy = opened(handle, str(planes[0].SeriesInstanceUID), stored=True)
    for path in paths:  # all but row 5: whoever reads more, reads zeros
        content = bytearray(path.read_bytes())
        begin = len(content) - 64 * 64 * 2
        content[begin : begin + 5 * 128] = bytes(5 * 128)
        content[begin + 6 * 128 :] = bytes(58 * 128)
        path.write_bytes(content)
    read = lazy.isel(y=5).values
    np.testing.assert_array_equal(read, [plane.pixel_array[5] for plane in planes])
    assert not lazy.isel(y=6).values.any()


def test_a_source_that_was_touched_is_read_and_one_that_was_exchanged_refused(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(**SMALL)
    paths = admit(handle, planes, tmp_path / "in", in_place=True)
    lazy = opened(handle, str(planes[0].SeriesInstanceUID), stored=True)
    os.utime(paths[1], ns=(0, 0))
    np.testing.assert_array_equal(lazy[:, 3], [plane.pixel_array[3] for plane in planes])
    paths[2].write_bytes(paths[3].read_bytes())
    with pytest.raises(FileChanged, match=str(planes[2].SOPInstanceUID)):
        lazy[:, 3].load()


def test_a_pickled_array_is_small_and_opens_the_archive_anew(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=40, rows=4, columns=4)
    admit(handle, planes, tmp_path / "in")
    lazy = opened(handle, str(planes[0].SeriesInstanceUID)).drop_vars("SOPInstanceUID")
    sent = pickle.dumps(lazy)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(
        pickle.loads(sent).values, [plane.pixel_array for plane in planes]
    )


def test_a_series_that_grew_is_not_read_as_another(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=4, rows=4, columns=4)
    admit(handle, planes[:3], tmp_path / "in")
    sent = pickle.dumps(opened(handle, str(planes[0].SeriesInstanceUID)))
    admit(handle, planes[3:], tmp_path / "later")
    with pytest.raises(SeriesChanged, match="open it again"):
        pickle.loads(sent).load()


def test_compressed_frames_go_through_the_one_bounded_cache(tmp_path: Path) -> None:
    options = {"planes": 6, "rows": 64, "columns": 64}
    planes = ct_series(**options, transfer_syntax_uid=JPEGLSLossless)
    limit = 3 * 64 * 64 * 2
    with open_handle(open_settings({"root": tmp_path / "a", "cache_bytes": limit})) as handle:
        admit(handle, planes, tmp_path / "in")
        lazy = NoctisBackend().open_dataset(
            str(planes[0].SeriesInstanceUID), settings=handle.settings, stored=True
        )["CT"]
        for z in range(6):
            np.testing.assert_array_equal(
                lazy.isel(z=z, y=3).values, ct_series(**options)[z].pixel_array[3]
            )
            assert handle.frames.size_bytes <= limit
        assert handle.frames.size_bytes > limit // 2  # the bound was reached, not avoided


def test_dask_reads_some_planes_at_once(archive: Archived) -> None:
    lazy = opened(archive.handle, archive.uids["plain"], chunks={"z": 3})
    assert lazy.chunks == ((3, 1), (7,), (6,))
    np.testing.assert_array_equal(lazy.mean("z"), archive.eager["plain"].mean("z"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_processes_of_a_cluster_read_for_themselves(handle: Handle, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="extra [dask] is not installed")
    planes = ct_series(planes=8, rows=16, columns=16, rescale_intercept=-24)
    admit(handle, planes, tmp_path / "in")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        lazy = opened(handle, str(planes[0].SeriesInstanceUID), chunks={"z": 2})
        workers = set(client.run(os.getpid).values())
        assert len(workers) == 2
        assert os.getpid() not in workers
        expected = load(handle, str(planes[0].SeriesInstanceUID))
        np.testing.assert_array_equal(lazy.compute().values, expected.values)
        assert int(lazy.max()) == int(expected.max())


def test_an_unknown_series_is_not_found(handle: Handle) -> None:
    with pytest.raises(SeriesNotFound, match="root="):
        xr.open_dataset("1.2.3", engine="noctis", root=handle.settings.root)


def test_of_several_stacks_one_is_named(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3)
    coronal = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    others = ct_series(
        planes=2,
        orientation=coronal,
        seed="other",
        SeriesInstanceUID=str(planes[0].SeriesInstanceUID),
        StudyInstanceUID=str(planes[0].StudyInstanceUID),
        FrameOfReferenceUID=str(planes[0].FrameOfReferenceUID),
        instance_numbers=(11, 12),
        SOPInstanceUIDs=("1.2.3.11", "1.2.3.12"),
    )
    admit(handle, planes, tmp_path / "in")
    admit(handle, others, tmp_path / "others")
    uid = str(planes[0].SeriesInstanceUID)
    with pytest.raises(SeveralStacks, match=r"2 stack\(s\).*0: 3 × 64 × 64 \(axial\); 1: 2 .*cor"):
        load(handle, uid)
    with pytest.raises(SeveralStacks, match="no stack 2"):
        load(handle, uid, stack=2)
    assert load(handle, uid, stack=1).attrs["stack"] == "coronal"
    with open_lab(settings=handle.settings) as lab:
        series = lab.series(SeriesInstanceUID=uid).one()
        first, second = series.stacks
        assert repr(second) == "<Stack 1 (z: 2, y: 64, x: 64) coronal>"
        xr.testing.assert_identical(second.load(), series.load(stack=1))
        xr.testing.assert_identical(first.open().load(), first.load())
        np.testing.assert_array_equal(second.affine, second.load().dicom.affine)


@pytest.mark.parametrize("put", ["pipe", "device"])
@pytest.mark.parametrize("way", ["load", "lazily", "dicom"])
def test_what_is_no_file_any_more_is_refused_and_not_waited_for(
    put: str, way: str, handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(**SMALL)
    uid = str(planes[0].SeriesInstanceUID)
    paths = admit(handle, planes, tmp_path / "in", in_place=True)
    lazy = xr.open_dataset(uid, engine=NoctisBackend, settings=handle.settings)
    paths[1].unlink()
    if put == "pipe":
        os.mkfifo(paths[1])
    else:
        paths[1].symlink_to("/dev/zero")

    def read() -> None:
        if way == "load":
            load(handle, uid)
        elif way == "lazily":
            lazy.load()
        else:
            options = ExportOptions(to=ExportFormat.DICOM, out=tmp_path / "out")
            error = export_series(handle, [uid], options).outcomes[0].error
            assert error is not None
            raise error

    with ThreadPoolExecutor(1) as executor, pytest.raises(FileChanged):
        executor.submit(read).result(timeout=30)


class CollectingPath(PosixPath):
    """A path at whose look-up garbage is collected, as it may be at any allocation."""

    def __hash__(self) -> int:
        gc.collect()
        return super().__hash__()


def test_garbage_that_is_collected_while_an_archive_is_opened_does_not_wait_for_it(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(**SMALL)
    admit(handle, planes, tmp_path / "in")
    holders = handle.holders
    lazy = xr.open_dataset(
        str(planes[0].SeriesInstanceUID), engine=NoctisBackend, settings=handle.settings
    )
    assert handle.holders == holders + 1
    cycle: list[Any] = [lazy]
    cycle.append(cycle)
    del lazy, cycle
    root = CollectingPath(handle.settings.root)
    collecting = handle.settings.model_copy(update={"root": root})
    opener = threading.Thread(target=lambda: open_handle(collecting).close(), daemon=True)
    opener.start()
    opener.join(timeout=30)
    assert not opener.is_alive()
    assert handle.holders == holders
