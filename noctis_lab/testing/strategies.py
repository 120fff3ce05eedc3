"""Hypothesis strategies for what DICOM holds; needs `hypothesis`, which users need not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.synthetic import CtOptions

__all__ = [
    "ct_options",
    "data_sets",
    "native_frames",
    "orientations",
    "pixel_layouts",
    "plane_geometries",
    "positions_mm",
    "transfer_syntaxes",
    "uids",
]

_NATIVE_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_PLACE_MM = st.floats(-2000, 2000, allow_nan=False).map(lambda number: round(number, 4))


def uids() -> SearchStrategy[str]:
    """Return well-formed UIDs of at most 64 characters (PS3.5 9.1)."""
    component = st.integers(0, 10**8).map(str)
    return st.lists(component, min_size=2, max_size=6).map(lambda parts: ".".join(["1", *parts]))


def transfer_syntaxes() -> SearchStrategy[str]:
    """Return the UIDs of the four transfer syntaxes that compress no pixels."""
    return st.sampled_from([str(syntax) for syntax in _NATIVE_SYNTAXES])


def positions_mm() -> SearchStrategy[tuple[float, float, float]]:
    """Return points in the patient, LPS mm, to a tenth of a micrometre."""
    return st.tuples(_PLACE_MM, _PLACE_MM, _PLACE_MM)


@st.composite
def orientations(
    draw: Callable[..., Any],
) -> tuple[float, float, float, float, float, float]:
    """Return ImageOrientationPatient of any rotation: two orthonormal vectors."""
    part = st.floats(-1, 1, allow_nan=False)
    w, x, y, z = draw(
        st.tuples(part, part, part, part).filter(lambda q: sum(n * n for n in q) > 0.01)
    )
    w, x, y, z = np.array([w, x, y, z]) / np.sqrt(w * w + x * x + y * y + z * z)
    row = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    column = (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x))
    a, b, c, d, e, f = (float(number) for number in (*row, *column))
    return a, b, c, d, e, f


def plane_geometries() -> SearchStrategy[PlaneGeometry]:
    """Return planes that state everything."""
    spacing = st.floats(0.05, 10).map(lambda number: round(number, 4))
    return st.builds(
        PlaneGeometry,
        position_mm=positions_mm(),
        orientation=orientations(),
        pixel_spacing_mm=st.tuples(spacing, spacing),
    )


@st.composite
def pixel_layouts(draw: Callable[..., Any], *, largest_side: int = 9) -> PixelLayout:
    """Return layouts of native integer pixels, of every depth, sign, order and colour."""
    allocated = draw(st.sampled_from([8, 16, 32]))
    stored = draw(st.integers(1, allocated))
    samples = draw(st.sampled_from([1, 3]))
    return PixelLayout(
        keyword="PixelData",
        rows=draw(st.integers(1, largest_side)),
        columns=draw(st.integers(1, largest_side)),
        frames=1,
        samples_per_pixel=samples,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=draw(st.integers(stored - 1, allocated - 1)),
        pixel_representation=draw(st.integers(0, 1)),
        planar_configuration=draw(st.integers(0, 1)) if samples == 3 else 0,
        big_endian=draw(st.booleans()),
        encapsulated=False,
        deflated=False,
        offset=0,
        length=0,
        frame_table=None,
    )


@st.composite
def native_frames(draw: Callable[..., Any], layout: PixelLayout) -> tuple[bytes, NDArray[Any]]:
    """Return a frame's bytes, dirty beyond its stored bits, and the values they stand for.

    Returns
    -------
    payload
        As the layout's byte order and planar configuration have it.
    stored
        int64, shape (rows, columns) or (rows, columns, samples).
    """
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    shape = (layout.rows, layout.columns, layout.samples_per_pixel)
    low = -(1 << (layout.bits_stored - 1)) if layout.pixel_representation else 0
    stored = rng.integers(low, low + (1 << layout.bits_stored), shape, np.int64)
    shift = layout.high_bit - layout.bits_stored + 1
    mask = ((1 << layout.bits_stored) - 1) << shift
    dirt = rng.integers(0, 1 << layout.bits_allocated, shape, np.int64) & ~mask
    words = ((stored << shift) & mask) | dirt
    if layout.planar_configuration:
        words = np.moveaxis(words, 2, 0)
    order = ">" if layout.big_endian else "<"
    payload = words.astype(f"{order}u{layout.bits_allocated // 8}").tobytes()
    return payload, stored[:, :, 0] if layout.samples_per_pixel == 1 else stored


def ct_options() -> SearchStrategy[CtOptions]:
    """Return small variations of a CT series for `noctis_lab.synthetic.ct_series`."""
    spacing = st.integers(1, 40).map(lambda number: number / 8)
    required: dict[str, SearchStrategy[Any]] = {
        "planes": st.integers(1, 5),
        "rows": st.integers(1, 9),
        "columns": st.integers(1, 9),
        "signed": st.booleans(),
        "bits_stored": st.sampled_from([12, 14, 16]),
        "rescale_intercept": st.integers(-2000, 2000).map(float),
        "pixel_spacing_mm": st.tuples(spacing, spacing),
        "slice_spacing_mm": spacing,
        "orientation": orientations(),
        "origin_mm": positions_mm(),
        "gantry_tilt_deg": st.integers(-30, 30).map(float),
        "transfer_syntax_uid": transfer_syntaxes(),
        "seed": st.text("abcdef", min_size=1, max_size=6),
    }
    return st.fixed_dictionaries(required).map(lambda options: CtOptions(**options))  # type: ignore[typeddict-item]


def data_sets(*, largest_depth: int = 3) -> SearchStrategy[Dataset]:
    """Return data sets of text, numbers, binary and private elements, with nested sequences.

    Parameters
    ----------
    largest_depth
        How deep sequences go; 0 is none.

    Notes
    -----
    Text is Unicode (ISO_IR 192). There are no UIDs that make it an instance, and no pixels.
    """
    flat = _flat_data_sets()
    if largest_depth == 0:
        return flat
    items = st.lists(data_sets(largest_depth=largest_depth - 1), max_size=2)
    return st.builds(_with_sequence, flat, st.none() | items)


def _flat_data_sets() -> SearchStrategy[Dataset]:
    def text(count: int) -> SearchStrategy[str]:
        letters = st.characters(exclude_categories=["C", "Z"], exclude_characters="\\^=")
        return st.text(letters, min_size=1, max_size=count // 4)

    decimal = st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: round(number, 3))
    optional: dict[str, SearchStrategy[Any]] = {
        "ImageComments": text(200),  # LT
        "ProtocolName": text(64),  # LO
        "StationName": text(16),  # SH
        "OperatorsName": text(64),  # PN
        "LongCodeValue": text(80),  # UC
        "TextValue": text(300),  # UT
        "ImageType": st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "M"]), min_size=1),  # CS
        "PatientAge": st.integers(0, 999).map("{:03d}Y".format),  # AS
        "AcquisitionDate": st.dates().map("{:%Y%m%d}".format).filter(lambda day: len(day) == 8),
        "AcquisitionTime": st.times().map("{:%H%M%S.%f}".format),  # TM
        "SliceThickness": decimal,  # DS
        "SeriesNumber": st.integers(-(2**31), 2**31 - 1),  # IS
        "CardiacCyclePosition": st.sampled_from(["END_SYSTOLE", "UNDEFINED"]),  # CS
        "RecommendedDisplayFrameRateInFloat": st.floats(width=32, allow_nan=False),  # FL
        "DiffusionBValue": st.floats(allow_nan=False, allow_infinity=False),  # FD
        "LossyImageCompressionRatio": st.lists(decimal, max_size=3),  # DS
        "ReferencedSOPInstanceUID": uids(),  # UI
        "SmallestImagePixelValue": st.integers(0, 65_535),  # US or SS
        "RegionFlags": st.integers(0, 2**32 - 1),  # UL
        "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1),  # SL
        "TagAngleSecondAxis": st.integers(-(2**15), 2**15 - 1),  # SS
        "EncapsulatedDocument": st.binary(max_size=32).map(lambda b: b + b"\0" * (len(b) % 2)),
    }
    return st.fixed_dictionaries({}, optional=optional).flatmap(_with_private)


def _with_private(values: dict[str, Any]) -> SearchStrategy[Dataset]:
    def build(private: str | None) -> Dataset:
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PixelRepresentation = 0  # settles US or SS
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        if private is not None:
            block = dataset.private_block(0x0099, "NOCTIS TEST", create=True)
            block.add_new(0x01, "LO", private)
        return dataset

    return (st.none() | st.text("abc", min_size=1, max_size=8)).map(build)


def _with_sequence(dataset: Dataset, items: list[Dataset] | None) -> Dataset:
    if items is not None:
        dataset.RequestAttributesSequence = DicomSequence(items)
    return dataset
