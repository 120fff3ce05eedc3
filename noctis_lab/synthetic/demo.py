"""What the demo's archive holds: which modality sends which series, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset

from noctis_lab.synthetic.catphan import catphan504
from noctis_lab.synthetic.constancy import CONSTANCY_SCANS, constancy_scan, constancy_seed
from noctis_lab.synthetic.dynamic_mr import dynamic_mr
from noctis_lab.synthetic.pet import pet_series
from noctis_lab.synthetic.radiograph import hand_radiograph
from noctis_lab.synthetic.torso import torso_ct
from noctis_lab.synthetic.uids import seeded_uid
from noctis_lab.synthetic.ultrasound import ultrasound_cine

__all__ = ["DEMO_SERIES", "DemoSeries", "iter_made", "missing_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSeries:
    """One series of the demo: known by its UIDs before any pixel of it is drawn."""

    calling_aet: str
    seed: str
    instance_count: int
    make: Callable[[], list[Dataset]]

    @property
    def SOPInstanceUIDs(self) -> list[str]:
        """The UIDs of its instances, in their order."""
        series = seeded_uid(self.seed, "series", 1)
        return [seeded_uid(series, "instance", index) for index in range(self.instance_count)]


def _catphan() -> list[Dataset]:
    return catphan504(
        seed="demo-catphan",
        planes=56,
        slice_spacing_mm=2.5,
        # The middle plane, which stands for the series in lists, goes through the inserts.
        origin_mm=(-511 / 2 * 250 / 512, -511 / 2 * 250 / 512, -70.0),
        StudyDate="20260208",
        StudyTime="063000",
        elements={"StudyDescription": "CT phantom", "StationName": "CT_1"},
    )


def _series(
    calling_aet: str, seed: str, instance_count: int, make: Callable[[], list[Dataset]]
) -> DemoSeries:
    return DemoSeries(calling_aet=calling_aet, seed=seed, instance_count=instance_count, make=make)


#: In the order in which they are sent. The small ones come first, so that there is something to
#: see at once; the last to arrive stand at the top of the worklist.
DEMO_SERIES: tuple[DemoSeries, ...] = (
    *(
        _series("CT_1", constancy_seed(scan), 7, partial(constancy_scan, scan))
        for scan in range(CONSTANCY_SCANS)
    ),
    _series("CR_1", "hand", 1, hand_radiograph),
    _series("US_2", "ultrasound", 1, ultrasound_cine),
    _series("PET_1", "pet", 50, pet_series),
    _series("MR_1", "dynamic-mr", 100, dynamic_mr),
    _series("CT_ER_1", "torso-ct", 40, torso_ct),
    _series("CT_1", "demo-catphan", 56, _catphan),
)


def missing_series(is_known: Callable[[str], bool]) -> list[DemoSeries]:
    """Return the series of which an archive lacks at least one instance.

    Parameters
    ----------
    is_known
        Whether the archive has the instance of a SOPInstanceUID.
    """
    return [
        series for series in DEMO_SERIES if not all(is_known(uid) for uid in series.SOPInstanceUIDs)
    ]


def iter_made(wanted: Sequence[DemoSeries]) -> Iterator[tuple[DemoSeries, list[Dataset]]]:
    """Yield each series with its instances; the next one is drawn meanwhile, in a thread.

    Parameters
    ----------
    wanted
        At most two of them are held in memory at a time.
    """
    with ThreadPoolExecutor(1, "noctis-demo") as executor:
        ahead = executor.submit(wanted[0].make) if wanted else None
        for number, series in enumerate(wanted, 1):
            assert ahead is not None
            made = ahead.result()
            ahead = executor.submit(wanted[number].make) if number < len(wanted) else None
            yield series, made
