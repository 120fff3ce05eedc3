"""Exports of which nothing tells whose they are."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
import xarray as xr

from noctis_lab.dicom.date_policy import DatePolicy
from noctis_lab.dicom.pseudonym_keys import Pseudonyms
from noctis_lab.errors import (
    CannotPseudonymise,
)
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export import read_netcdf
from noctis_lab.volumes.export.dicom_files import write_pseudonymised
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit, admit_file
from tests.volumes.export.runs import SERIES, VOLUMES, content_of, export, only_path, series

HIDDEN = ("nachtigall", "philomela", "775577", "lobelia", SERIES, "thorax")


@pytest.mark.parametrize("dates", DatePolicy)
@pytest.mark.parametrize("to", [*VOLUMES, ExportFormat.DICOM])
def test_nothing_of_a_pseudonymised_export_tells_who_it_is(
    to: ExportFormat, dates: DatePolicy, handle: Handle, tmp_path: Path
) -> None:
    sets = series(rescale_type="NACHTIGALL")  # which units are made of
    admit(handle, sets, tmp_path / "in")
    out = tmp_path / "out"
    assert load(handle, SERIES).attrs["units"] == "NACHTIGALL"
    path = only_path(export(handle, to, out, pseudonymise=True, dates=dates))
    assert path.name.startswith("P-")
    known = [*HIDDEN, *(str(each.SOPInstanceUID) for each in sets), str(sets[0].StudyInstanceUID),
             str(sets[0].FrameOfReferenceUID)]  # fmt: skip
    for name, content in content_of(out).items():
        for word in known:
            assert word not in name.lower()
            assert word.encode() not in content.lower(), (name, word)


def test_what_is_not_cleaned_yet_never_lies_in_the_folder(handle: Handle, tmp_path: Path) -> None:
    seen: list[str] = []

    class Watching(Pseudonyms):
        def uid(self, uid: str) -> str:  # asked while an instance is cleaned
            seen.extend(
                name for name, content in content_of(tmp_path / "out").items()
                if b"nachtigall" in content.lower()
            )  # fmt: skip
            return super().uid(uid)

    admit(handle, series(), tmp_path / "in")
    (tmp_path / "out").mkdir()
    write_pseudonymised(
        handle.storage,
        handle.catalog.instances_of(SERIES),
        tmp_path / "out" / "cleaned",
        lambda done, total: None,
        pseudonyms=Watching(handle.storage.secret_key()),
        dates=DatePolicy.SHIFT,
        allow_burned_in=False,
    )
    assert len(content_of(tmp_path / "out")) == 4
    assert seen == []


def test_a_pseudonymised_volume_and_its_files_have_the_same_uids(
    handle: Handle, tmp_path: Path
) -> None:
    admit(handle, series(), tmp_path / "in")
    out = tmp_path / "out"
    folder = only_path(export(handle, ExportFormat.DICOM, out, pseudonymise=True))
    made = read_netcdf(only_path(export(handle, ExportFormat.NETCDF, out, pseudonymise=True)))
    files = [pydicom.dcmread(each) for each in sorted(folder.iterdir())]
    assert {str(each.SOPInstanceUID) for each in files} == set(made.SOPInstanceUID.values)
    assert files[0].SeriesInstanceUID == made.attrs["SeriesInstanceUID"]
    assert files[0].FrameOfReferenceUID == made.dicom.frame_of_reference_uid
    assert folder.name.startswith(files[0].PatientID + "-")
    original = load(handle, SERIES)
    xr.testing.assert_equal(made.drop_vars("SOPInstanceUID"), original.drop_vars("SOPInstanceUID"))
    assert made.attrs["units"] == "HU"
    assert "SeriesDescription" not in made.attrs


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
def test_a_source_in_place_without_file_meta_is_pseudonymised_too(
    syntax: str, handle: Handle, tmp_path: Path
) -> None:
    (dataset,) = series(transfer_syntax_uid=syntax)[:1]
    path = tmp_path / "bare"
    implicit = syntax.endswith("1.2")
    with path.open("wb") as out:
        del dataset.file_meta
        pydicom.dcmwrite(out, dataset, implicit_vr=implicit, little_endian=True)
    admit_file(handle, path, in_place=True)
    folder = only_path(export(handle, ExportFormat.DICOM, tmp_path / "out", pseudonymise=True))
    (made,) = [pydicom.dcmread(each) for each in folder.iterdir()]
    assert made.file_meta.TransferSyntaxUID == syntax
    assert made.PixelData == dataset.PixelData


@pytest.mark.parametrize("to", [ExportFormat.NIFTI, ExportFormat.DICOM])
def test_burned_in_names_are_refused_for_every_format_unless_allowed(
    to: ExportFormat, handle: Handle, tmp_path: Path
) -> None:
    sets = series()
    sets[2].BurnedInAnnotation = "YES"
    admit(handle, sets, tmp_path / "in")
    (outcome,) = export(handle, to, tmp_path / "out", pseudonymise=True).outcomes
    assert isinstance(outcome.error, CannotPseudonymise)
    assert str(sets[2].SOPInstanceUID) in str(outcome.error)
    assert export(handle, to, tmp_path / "out").is_complete
    allowed = export(handle, to, tmp_path / "out", pseudonymise=True, allow_burned_in=True)
    assert allowed.is_complete
