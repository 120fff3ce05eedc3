"""After a correction nobody is shown pixels of the content that was superseded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from noctis_lab import open_lab
from noctis_lab.catalog.records import ReceiptSource
from noctis_lab.errors import FileChanged
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.quarantine import accept
from noctis_lab.storage.files import THUMBNAILS
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.lossy import find_lossy_series
from noctis_lab.volumes.pixels import describe_stack, encode_frames
from tests.receipts import RECEIPT


def test_a_series_whose_count_and_times_stay_is_read_anew(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, rows=16, columns=16)
    uid = str(planes[0].SeriesInstanceUID)
    first, last = write_series(planes, tmp_path / "as sent")
    planes[0].PixelData = np.full((16, 16), 7, "<i2").tobytes()
    planes[0].LossyImageCompression, planes[0].LossyImageCompressionRatio = "01", "12"
    changed, _ = write_series(planes, tmp_path / "corrected")
    with open_archive(handle.settings) as archive:
        for seconds, path in enumerate((first, changed, last)):
            at = RECEIPT.received_at + timedelta(seconds=seconds)
            receipt = replace(RECEIPT, source=ReceiptSource.SCP, received_at=at)
            admission = archive.pipeline.admit_file(path, receipt)
            if path is changed:
                held = admission.quarantine_id
        series = handle.catalog.find_series(uid)
        assert series is not None
        assert find_lossy_series(handle, [series], wait_s=60) == {}
        before = describe_stack(handle, uid)
        assert not (np.frombuffer(encode_frames(handle, uid, 0, 1), "<i2") == 7).all()
        handle.storage.write_derived(THUMBNAILS, uid, ".png", b"of what stood")
        assert held is not None
        accept(archive, held, principal="admin")
    after = handle.catalog.find_series(uid)
    assert after is not None
    assert after.last_received_at == series.last_received_at
    assert find_lossy_series(handle, [after], wait_s=60)[after.reference].ratios == (12.0,)
    described = describe_stack(handle, uid)
    assert described.revision != before.revision
    assert "Lossy 12 : 1" in {badge.text for badge in described.badges}
    assert (np.frombuffer(encode_frames(handle, uid, 0, 1), "<i2") == 7).all()
    assert handle.storage.find_derived(THUMBNAILS, uid, ".png") is None


def test_a_source_that_was_moved_and_indexed_again_is_read_where_it_lies(tmp_path: Path) -> None:
    planes = ct_series(planes=3, rows=4, columns=4)
    write_series(planes, tmp_path / "here")
    with open_lab(tmp_path / "archive", create=True) as lab:
        lab.index(tmp_path / "here", in_place=True)
        series = lab.series().one()
        before, lazy = series.load(), series.open()
        (tmp_path / "here").rename(tmp_path / "there")
        lab.index(tmp_path / "there", in_place=True)
        np.testing.assert_array_equal(series.load().values, before.values)
        np.testing.assert_array_equal(series.open().values, before.values)
        np.testing.assert_array_equal(lazy.values, before.values)
        again = series.open()
        (tmp_path / "there").rename(tmp_path / "nowhere that is known")
        with pytest.raises(FileChanged):
            again.load()
