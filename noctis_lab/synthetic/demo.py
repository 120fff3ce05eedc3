"""What the demo's archive holds: which modality sends which series, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydicom.dataset import Dataset

from noctis_lab.synthetic.catphan import catphan504
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["DEMO_SERIES", "DemoSeries", "iter_made", "missing_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSeries:
    """One series of the demo: known by its UIDs before any pixel of it is drawn."""

    calling_aet: str
    seed: str
    SeriesNumber: int
    instance_count: int
    make: Callable[[], list[Dataset]]

    @property
    def SOPInstanceUIDs(self) -> list[str]:
        """The UIDs of its instances, in their order."""
        series = seeded_uid(self.seed, "series", self.SeriesNumber)
        return [seeded_uid(series, "instance", index) for index in range(self.instance_count)]


#: In the order in which they are sent.
DEMO_SERIES: tuple[DemoSeries, ...] = (
    DemoSeries(
        calling_aet="CT_1",
        seed="catphan504",
        SeriesNumber=1,
        instance_count=80,
        make=catphan504,
    ),
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
