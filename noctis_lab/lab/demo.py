"""A synthetic archive for notebooks and scripts: made at first use, in this process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from noctis_lab.config import DEMO_ROOT, open_settings
from noctis_lab.lab import Lab, open_lab

if TYPE_CHECKING:
    from noctis_lab.config import Settings
    from noctis_lab.synthetic.demo import DemoSeries

__all__ = ["demo"]

_FACILITY: Final = "local"


def demo(root: str | os.PathLike[str] | None = None, *, progress: bool = True) -> Lab:
    """Open the synthetic archive; where it is not there, or not whole, it is made first.

    Parameters
    ----------
    root
        The archive's folder; None takes ``~/noctis-demo``, which `noctis demo` serves.
    progress
        Show a progress bar while it is made.

    Returns
    -------
    Lab
        As from `open_lab`. The data sets are the same wherever and whenever they are made.

    Raises
    ------
    SettingsError, StorageError, CatalogError
        The archive cannot be opened, or cannot take more.

    Notes
    -----
    Everything comes in by the way that files of a folder do; no service is started, and no port
    opened. Interrupted, it goes on where it was the next time.
    """
    from noctis_lab.synthetic.demo import missing_series

    settings = open_settings({"root": DEMO_ROOT if root is None else root})
    lab = open_lab(settings=settings)
    try:
        missing = missing_series(
            lambda uid: lab.catalog.find_instance(uid, withheld=True) is not None
        )
        if missing:
            _fill(settings, missing, progress=progress)
    except BaseException:
        lab.close()
        raise
    return lab


def _fill(settings: Settings, missing: list[DemoSeries], *, progress: bool) -> None:
    from noctis_lab.ingest.archive import open_archive
    from noctis_lab.ingest.folder import index_paths
    from noctis_lab.synthetic.demo import iter_made

    total = sum(series.instance_count for series in missing)
    with (
        open_archive(settings) as archive,
        tqdm(total=total, desc="making the demo", unit=" images", disable=not progress) as bar,
    ):
        for _, instances in iter_made(missing):
            with tempfile.TemporaryDirectory(prefix="noctis-demo-") as name:
                folder = Path(name)
                for number, instance in enumerate(instances):
                    instance.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)
                index_paths(
                    archive.pipeline, [folder], facility=_FACILITY, each=lambda *_: bar.update()
                )
