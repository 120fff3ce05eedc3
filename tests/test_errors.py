"""The errors: whole through a pickle, since processes of dask raise them at each other."""

from __future__ import annotations

import pickle

import pytest

from noctis_lab import errors

RAISED = (
    errors.SeveralStacks("1.2", "two stacks"),
    errors.NoPixels("1.2", "no instance holds pixels", SOPInstanceUIDs=("1.2.3",)),
    errors.RoiNotFound("no such region", numbers=(1, 2)),
    errors.OtherObject("1.2", "a dose grid", SOPInstanceUIDs=("1.2.3",)),
    errors.NotUnique("two series", count=2),
    errors.InvalidDicom("cut", offset=3),
    errors.UnsupportedTransferSyntax("1.2.840.10008.1.2.4.100"),
    errors.SeriesChanged("changed", SeriesInstanceUID="1.2"),
    errors.CatalogLocked("locked", path="/root", timeout_s=1.5),
    errors.NoSpace(28, "No space left on device"),
    errors.NoSpace("full", free_bytes=1, needed_bytes=2),
)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_goes_through_a_pickle_whole(error: errors.NoctisError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
    if isinstance(error, OSError):
        assert again.errno == error.errno


def test_a_warning_goes_through_a_pickle_whole() -> None:
    warning = errors.GeometryWarning("1.2", "2 planes are missing", ((5.0, 2),))
    again = pickle.loads(pickle.dumps(warning))
    assert (str(again), again.gaps) == ("series 1.2: 2 planes are missing", ((5.0, 2),))
