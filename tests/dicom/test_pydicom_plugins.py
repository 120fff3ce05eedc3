"""pydicom decodes by our decoders once told so, and only then; facts in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def run(code: str, *arguments: str) -> str:
    """Run code in a fresh interpreter: pydicom's plugins belong to the whole process."""
    preamble = (
        "import sys, numpy as np\nfrom noctis_lab.synthetic import ct_series, formula_stored\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", preamble + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_is_registered_by_importing() -> None:
    run("""
        import noctis_lab, noctis_lab.dicom.pydicom_plugins as plugins
        from pydicom.pixels import get_decoder
        assert not any(plugins.LABEL in get_decoder(uid).available_plugins
                       for uid in ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"))
        """)


def test_pixel_array_gives_what_was_encoded_in_every_syntax() -> None:
    run("""
        from noctis_lab.dicom.pydicom_plugins import LABEL, register
        from pydicom.pixels import pixel_array
        uids = register()
        assert register() == uids and len(uids) >= 12
        for uid in ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90",
                    "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.5"):
            assert uid in uids
            for signed in (False, True):
                plane = ct_series(planes=1, rows=33, columns=20, signed=signed, bits_stored=12,
                                  transfer_syntax_uid=uid)[0]
                expected = formula_stored(1, 33, 20, bits_stored=12, signed=signed)[0]
                for stored in (plane.pixel_array, pixel_array(plane, decoding_plugin=LABEL)):
                    np.testing.assert_array_equal(stored, expected)
                    assert stored.dtype == (np.int16 if signed else np.uint16)
        """)


def test_ours_is_asked_before_those_that_pydicom_had() -> None:
    run("""
        import logging
        from noctis_lab.dicom.pydicom_plugins import register
        from pydicom.encaps import encapsulate, generate_frames
        said = []
        class Keep(logging.Handler):
            def emit(self, record): said.append(record.exc_info[0].__name__)
        logging.getLogger("pydicom").addHandler(Keep())
        register()
        plane = ct_series(planes=1, transfer_syntax_uid="1.2.840.10008.1.2.4.90")[0]
        payload = next(generate_frames(plane.PixelData, number_of_frames=1))
        plane.PixelData = encapsulate([payload[: len(payload) // 2]])
        try:
            plane.pixel_array
        except RuntimeError as error:
            assert "noctis_lab" in str(error)
        assert said[0] == "DecodeError", said
        """)


@pytest.mark.real_data
def test_real_frames_are_the_same_through_pydicom(real_data: Path) -> None:
    names = """real/pydicom_test_files/JPGExtended.dcm
        real/pydicom_test_files/J2K_pixelrep_mismatch.dcm
        real/pydicom_test_files/SC_rgb_jpeg.dcm real/pydicom_test_files/SC_rgb_jpeg_gdcm.dcm
        real/pydicom_test_files/examples_jpeg2k.dcm real/pydicom_test_files/693_J2KI.dcm
        real/pydicom_test_files/GDCMJ2K_TextGBR.dcm real/pydicom_test_files/SC_rgb_rle_32bit.dcm
        real/pydicom_data/JLSL_RGB_ILV0.dcm real/pydicom_data/HTJ2K_08_RGB.dcm
        real/pydicom_test_files/SC_rgb_rle_2frame.dcm"""
    paths = [real_data / name for name in names.split()]
    run(
        """
        import hashlib, pydicom, warnings
        from noctis_lab.dicom.pydicom_plugins import LABEL, register
        from pydicom.pixels import pixel_array
        warnings.simplefilter("ignore")
        register()
        *paths, table = sys.argv[1:]
        with open(table) as lines:
            rows = {row[0]: row for row in (line.rstrip("\\n").split("\\t") for line in lines)}
        for path in paths:
            name = next(name for name in rows if path.endswith(name))
            shape, dtype, low, high, mean, digest = rows[name][4:10]
            stored = pixel_array(pydicom.dcmread(path, force=True), decoding_plugin=LABEL)
            assert "x".join(map(str, stored.shape)) == shape, name
            assert str(stored.dtype) == dtype, name
            # pydicom's other decoders of lossy JPEG differ by a grey level.
            assert (hashlib.sha256(stored.tobytes()).hexdigest()[:16] == digest
                    or abs(stored.mean() - float(mean)) < 0.05), name
        """,
        *map(str, paths),
        str(real_data / "expected_files.tsv"),
    )


def test_an_instances_data_set_decodes_by_us(tmp_path: Path) -> None:
    run(
        """
        from pathlib import Path
        from noctis_lab.lab import open_lab
        from tests.volumes.archive import admit
        plane = ct_series(planes=1, transfer_syntax_uid="1.2.840.10008.1.2.4.80")[0]
        with open_lab(Path(sys.argv[1]) / "archive", create=True) as lab:
            admit(lab.handle, [plane], Path(sys.argv[1]) / "in")
            dataset = lab.instances().one().dataset()
            np.testing.assert_array_equal(dataset.pixel_array, formula_stored(1, 64, 64)[0])
        """,
        str(tmp_path),
    )
