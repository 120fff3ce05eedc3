"""The lossy badge: of the viewer, of lists and of cards, from the catalogue."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import noctis_lab as nl
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.synthetic.ultrasound import ultrasound_cine
from noctis_lab.views.listing import list_series
from noctis_lab.volumes.lossy import find_lossy_series
from noctis_lab.volumes.pixels import describe_stack


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lossy = ct_series(planes=3, rows=16, columns=16, seed="lossy")
    for image in lossy:  # decompressed since
        image.LossyImageCompression = "01"
        image.LossyImageCompressionRatio = ["4", "9.5"]
        image.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_15444_1"]
    plain = ct_series(planes=3, rows=16, columns=16, seed="plain")
    write_series([*lossy, *plain, *ultrasound_cine(frames=2)], tmp_path / "sent")
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        opened.index(tmp_path / "sent")
        yield opened


def test_every_place_that_shows_a_series_says_that_it_is_lossy(lab: Lab) -> None:
    rows = [series.row for series in lab.series()]
    listed = {row.reference: row for row in list_series(lab, rows)}
    told = set()
    for series in lab.series():
        row = series.row
        in_list = [badge for badge in listed[row.reference].badges if badge.icon == "lossy"]
        shown = describe_stack(lab.handle, row.reference).badges
        assert [badge for badge in shown if badge.icon == "lossy"] == in_list
        words = [badge.text for badge in in_list]
        assert ("Lossy" in (series._repr_html_() or "")) is bool(words)
        told |= {(row.Modality, *words)}
    us = next(row for row in rows if row.Modality == "US")
    ratio = next(badge.text for badge in listed[us.reference].badges if badge.icon == "lossy")
    assert ratio.startswith("Lossy ")
    assert told == {("CT",), ("CT", "Lossy 9.5 : 1"), ("US", ratio)}


def test_one_image_that_was_compressed_is_told_in_the_viewer_too(tmp_path: Path) -> None:
    images = ct_series(planes=3, rows=16, columns=16)
    images[0].LossyImageCompression = "01"  # the first; the middle one says nothing
    images[0].LossyImageCompressionRatio = "12"
    write_series(images, tmp_path / "sent")
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        opened.index(tmp_path / "sent")
        row = opened.series().one().row
        assert find_lossy_series(opened.handle, [row], wait_s=60)
        told = {badge.text for badge in describe_stack(opened.handle, row.reference).badges}
        assert "Lossy 12 : 1" in told


def test_what_is_known_is_not_asked_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [series.row for series in lab.series()]
    first = find_lossy_series(lab.handle, rows, wait_s=60)
    assert len(first) == 2

    def refuse(*_: object) -> None:
        raise AssertionError("it was asked again")

    monkeypatch.setattr(lab.query, "sql", refuse)
    assert find_lossy_series(lab.handle, rows) == first


def test_lists_ask_while_every_decoding_thread_is_busy(lab: Lab) -> None:
    rows = [series.row for series in lab.series()]
    lab.handle.frames.clear()
    held = threading.Event()
    busy = [lab.handle.executor.submit(held.wait) for _ in range(lab.settings.threads)]
    try:
        assert len(find_lossy_series(lab.handle, rows, wait_s=60)) == 2
    finally:
        held.set()
    assert all(each.result() for each in busy)


def test_cards_wait_no_longer_than_a_repr_may(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab.series(Modality="CT")[0]
    study = lab.studies(StudyInstanceUID=first.StudyInstanceUID).one()
    shown = (first, study, lab.studies(), lab.series(), lab)
    for each in shown:
        repr(each)  # what selections ask for is theirs, and known from now on
    released, sql = threading.Event(), lab.query.sql
    answered: list[bool] = []

    def slow(query: str, *given: Any) -> Any:
        if "transfer_syntax_uid" in query:
            answered.append(released.wait(60))
        return sql(query, *given)

    monkeypatch.setattr(lab.query, "sql", slow)
    try:
        for each in shown:
            lab.handle.frames.clear()
            assert each._repr_html_()
            assert not answered, type(each)  # shown, and the question still under way
    finally:
        released.set()
