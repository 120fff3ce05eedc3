"""The front door: what is public, and that it costs nothing to come in."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

import noctis_lab
from noctis_lab import errors

HEAVY = [
    *("numpy", "pandas", "xarray", "panel", "holoviews", "bokeh", "param", "duckdb", "pyarrow"),
    *("sqlalchemy", "alembic", "pydicom", "pynetdicom", "fastapi", "imagecodecs", "pydantic"),
]


def modules_after(statement: str) -> set[str]:
    """Return the heavy modules that a fresh interpreter has after a statement."""
    found = f"sorted(set({HEAVY!r}) & set(sys.modules))"
    code = f"import json, sys\n{statement}\nprint(json.dumps({found}))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(answer.stdout))


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert modules_after("import noctis_lab") == set()


@pytest.mark.parametrize("module", ["ingest.pipeline", "ingest.scp", "ingest.scu"])
def test_the_receiving_path_loads_no_notebook_library(module: str) -> None:
    loaded = modules_after(f"import noctis_lab.{module}")
    assert loaded.isdisjoint({"xarray", "pandas", "panel", "holoviews", "bokeh", "param"})


def test_the_viewers_pixels_need_no_xarray() -> None:
    loaded = modules_after("import noctis_lab.volumes.pixels, noctis_lab.volumes.stack")
    assert loaded.isdisjoint({"xarray", "pandas", "panel"})


def test_what_is_public_is_what_is_documented() -> None:
    assert set(noctis_lab.__all__) == {
        "Instance", "Lab", "Selection", "Series", "Settings", "Study", "__version__", "calibrate",
        "demo", "errors", "open_lab", "view",
    }  # fmt: skip
    assert set(noctis_lab.__all__) <= set(dir(noctis_lab))
    for name in noctis_lab.__all__:
        assert getattr(noctis_lab, name) is not None


def test_names_that_are_not_public_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'close_lab'"):
        _ = noctis_lab.close_lab


def test_the_version_is_the_distributions() -> None:
    assert noctis_lab.__version__ == metadata.version("noctis-lab")


def test_errors_hold_their_facts() -> None:
    lost = errors.FileChanged("gone", SOPInstanceUID="1.2", path="/a")
    full = errors.NoSpace("full", free_bytes=1, needed_bytes=2)
    refused = errors.SenderRefused("blocked", calling_aet="CT1", address="10.0.0.1")

    assert (str(lost), lost.SOPInstanceUID, lost.path) == ("gone", "1.2", "/a")
    assert (str(full), full.free_bytes, full.needed_bytes) == ("full", 1, 2)
    assert (refused.calling_aet, refused.address) == ("CT1", "10.0.0.1")
    assert errors.SeriesNotFound("none").SeriesInstanceUID is None


def test_errors_are_one_tree_and_builtins_too() -> None:
    for name in errors.__all__:
        error = getattr(errors, name)
        assert issubclass(error, errors.NoctisError | UserWarning)
        if error is not errors.NoctisError:
            builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
            assert set(builtin) - {Exception, BaseException, object}
