"""What pylinac makes of phantom series: run in an environment of its own, says JSON.

`python pylinac_oracle.py CLASS=FOLDER…`; it stands alone, since pylinac needs another pydicom.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any


def measure(kind: str, folder: str) -> dict[str, Any]:
    """Return inserts, roll, z and seconds of processor time, or `error`."""
    import pylinac

    model = getattr(pylinac, kind)
    if hasattr(model, "modules"):
        # The inserts' module alone: what its others do not find is not asked.
        first = dict([next(iter(model.modules.items()))])
        model = type(kind, (model,), {"modules": first, "_model": model._model})
    begin = time.process_time()
    try:
        phantom = model(folder, check_uid=False)
        phantom.analyze()
        results = phantom.results_data(as_dict=True)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told)
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    seconds = time.process_time() - begin
    origin = phantom.dicom_stack[int(phantom.origin_slice)].metadata
    found: dict[str, Any] = {
        "version": pylinac.__version__,
        "seconds": seconds,
        "roll_deg": float(phantom.catphan_roll),
        "z_mm": float(origin.ImagePositionPatient[2]),
    }
    if "ctp404" in results:
        # Its own figure is the median of whole numbers: a whole number.
        rois = phantom.ctp404.rois
        found["inserts"] = {name: float(roi.mean) for name, roi in rois.items()}
        found["slice_thickness_mm"] = float(results["ctp404"]["measured_slice_thickness_mm"])
    else:
        rois = results["ct_module"]["rois"]
        found["inserts"] = {name: float(value) for name, value in rois.items()}
    return found


def main() -> None:
    """Measure each series that is named."""
    warnings.simplefilter("ignore")
    cases = [each.partition("=") for each in sys.argv[1:]]
    print(json.dumps([measure(kind, folder) for kind, _, folder in cases]))


if __name__ == "__main__":
    main()
