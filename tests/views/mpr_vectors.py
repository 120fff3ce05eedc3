"""Planes and slabs that the browser's resampler must give: `python -m tests.views.mpr_vectors`.

Of regular stacks they come from `volumes.reslice` and `volumes.projection` (scipy, float64); of
stacks with uneven steps, which those refuse, from scipy here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from noctis_lab.volumes.projection import slab
from noctis_lab.volumes.reslice import reslice

PATH = Path(__file__).parents[1] / "vectors" / "mpr" / "planes.json"
SHAPE = (7, 10, 12)  # slices, rows, columns
GAP_STEPS = 1.5

type Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices with their own origins, in patient LPS mm."""

    right: Array
    down: Array
    origins: Array  # (slices, 3), ascending along right × down
    spacing_mm: tuple[float, float]  # row, column
    stored: NDArray[np.int16]

    @property
    def normal(self) -> Array:
        """Direction in which slices ascend."""
        return np.cross(self.right, self.down)

    @property
    def centre(self) -> Array:
        """Middle of all voxel centres."""
        _, rows, columns = self.stored.shape
        row_mm, column_mm = self.spacing_mm
        middle = self.right * (columns - 1) / 2 * column_mm + self.down * (rows - 1) / 2 * row_mm
        centre: Array = self.origins.mean(axis=0) + middle
        return centre

    def to_dataarray(self) -> xr.DataArray:
        """Return it as a volume of this project."""
        lead = self.origins[1] - self.origins[0]
        step = float(np.linalg.norm(lead))
        directions = np.stack([lead / step, self.down, self.right], axis=1)
        first = np.linalg.solve(directions, self.origins[0])
        spacing = (step, *self.spacing_mm)
        coords = {
            axis: (axis, first[i] + np.arange(self.stored.shape[i]) * spacing[i])
            for i, axis in enumerate("zyx")
        }
        geometry = {"direction": directions.ravel().tolist(), "spacing_mm": list(spacing)}
        return xr.DataArray(
            self.stored,
            dims=("z", "y", "x"),
            coords={**coords, "patient_lps": ((), 0, geometry)},
        )


def stacks() -> dict[str, Stack]:
    """Return the stacks by name: values are noise, so that a wrong neighbour shows."""
    stored = np.random.default_rng(5).integers(-1000, 2000, SHAPE).astype(np.int16)
    tilt = np.radians(16.5)
    straight = {"right": np.array([1.0, 0, 0]), "down": np.array([0.0, 1, 0])}
    turned = np.linalg.qr(np.array([[0.9, 0.2, 0.1], [-0.3, 0.8, 0.2], [0.1, -0.4, 0.9]]))[0]
    turned *= np.sign(np.diag(turned))
    steps = np.arange(SHAPE[0])[:, None]
    up = np.array([0.0, 0, 1])
    uneven = np.array([0.0, 2, 4, 6.6, 8.4, 15, 17])[:, None]
    origin = np.array([-13.7, 21.3, -40.1])
    return {
        "axial, anisotropic": Stack(
            **straight, origins=origin + steps * 2.5 * up, spacing_mm=(0.9, 0.7), stored=stored
        ),
        "gantry tilted by 16.5°": Stack(
            right=straight["right"],
            down=np.array([0, np.cos(tilt), -np.sin(tilt)]),
            origins=origin + steps * 2.5 * up,
            spacing_mm=(0.9, 0.7),
            stored=stored,
        ),
        "oblique, mirrored rows": Stack(
            right=-turned[:, 0],
            down=turned[:, 1],
            origins=origin - steps * 1.3 * np.cross(turned[:, 0], turned[:, 1]),
            spacing_mm=(0.9, 1.1),
            stored=stored,
        ),
        "uneven, with a gap": Stack(
            **straight,
            origins=origin + uneven * np.array([0, 0.2, 0.97979589711]),
            spacing_mm=(0.9, 0.7),
            stored=stored,
        ),
    }


def sampled(stack: Stack, places: Array) -> Array:
    """Return linear values at places, shape (…, 3); NaN outside and in gaps."""
    row_mm, column_mm = stack.spacing_mm
    heights = stack.origins @ stack.normal
    k = np.interp(
        places @ stack.normal, heights, np.arange(len(heights)), left=np.nan, right=np.nan
    )
    origin = [np.interp(k, np.arange(len(heights)), stack.origins[:, axis]) for axis in range(3)]
    inside = places - np.stack(origin, axis=-1)
    index = np.stack([k, inside @ stack.down / row_mm, inside @ stack.right / column_mm])
    limits = np.array(stack.stored.shape).reshape(3, *[1] * (index.ndim - 1)) - 1
    index = np.where(np.abs(index - np.rint(index)) < 1e-6, np.rint(index), index)
    within = np.all((index >= 0) & (index <= limits), axis=0)
    values: Array = map_coordinates(
        stack.stored.astype(np.float64), np.nan_to_num(index), order=1, mode="nearest"
    )
    steps = np.diff(heights)
    below = np.minimum(np.nan_to_num(index[0]).astype(int), len(steps) - 1)
    in_gap = (steps[below] > GAP_STEPS * np.median(steps)) & (index[0] != np.rint(index[0]))
    return np.where(within & ~in_gap, values, np.nan)


def is_even(stack: Stack) -> bool:
    """Whether `reslice` takes the stack."""
    return bool(np.allclose(np.diff(stack.origins, 2, axis=0), 0))


PLANES: dict[str, dict[str, Any]] = {
    "axial": {"normal": "axial", "spacing_mm": (0.9, 0.7), "shape": (10, 12)},
    "axial, zoomed": {"normal": "axial", "spacing_mm": 0.37, "shape": (17, 19)},
    "coronal": {"normal": "coronal", "spacing_mm": 0.8, "shape": (20, 11)},
    "sagittal": {"normal": "sagittal", "spacing_mm": 0.53, "shape": (21, 13)},
    "oblique": {
        "normal": (0.3, -0.5, 0.8),
        "up": (0.1, -0.9, 0.2),
        "spacing_mm": 0.61,
        "shape": (18, 16),
    },
    "steep": {"normal": (0.8, 0.5, -0.1), "up": (0, 0.1, 1), "spacing_mm": 0.7, "shape": (26, 18)},
}
SLABS: dict[str, dict[str, Any]] = {
    "axial MIP": {"normal": "axial", "thickness_mm": 7.5, "how": "max", "sampling_mm": 2.5},
    "axial mean": {"normal": "axial", "thickness_mm": 5.0, "how": "mean", "sampling_mm": 2.5},
    "coronal MinIP": {"normal": "coronal", "thickness_mm": 3.6, "how": "min", "sampling_mm": 0.9},
    "sagittal MIP": {"normal": "sagittal", "thickness_mm": 2.8, "how": "max", "sampling_mm": 0.7},
    "oblique MIP": {
        "normal": (0.3, -0.5, 0.8),
        "up": (0.1, -0.9, 0.2),
        "thickness_mm": 4.0,
        "how": "max",
        "sampling_mm": 0.7,
    },
}
_OFF_MM = np.array([0.13, -0.21, 0.4])  # of the middle: no plane is a slice by chance


def plane_of(stack: Stack, options: dict[str, Any], centre: Array) -> tuple[dict[str, Any], Array]:
    """Return one plane as the client knows it, and the places of its pixels."""
    probe = reslice(
        stacks()["axial, anisotropic"].to_dataarray(), centre_mm=centre, fill=0, **options
    )
    directions = np.array(probe.coords["patient_lps"].attrs["direction"]).reshape(3, 3)
    x, y = probe.coords["x"].values, probe.coords["y"].values
    origin = directions @ np.array([float(probe.coords["z"]), y[0], x[0]])
    step = [directions[:, 2] * (x[1] - x[0]), directions[:, 1] * (y[1] - y[0])]
    rows, columns = np.meshgrid(np.arange(len(y)), np.arange(len(x)), indexing="ij")
    places = origin + columns[..., None] * step[0] + rows[..., None] * step[1]
    grid = {
        "origin": origin.tolist(),
        "right": step[0].tolist(),
        "down": step[1].tolist(),
        "columns": len(x),
        "rows": len(y),
        "normal": directions[:, 0].tolist(),
    }
    return grid, places


def _listed(values: Array) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in values.ravel()]


def _planes(stack: Stack) -> list[dict[str, Any]]:
    found = []
    for name, options in PLANES.items():
        centre = stack.centre + (0 if name == "axial" else _OFF_MM)
        grid, places = plane_of(stack, options, centre)
        values = sampled(stack, places)
        if is_even(stack):
            ours = reslice(
                stack.to_dataarray(), centre_mm=centre, dtype=np.float64, jit=False, **options
            )
            np.testing.assert_allclose(values, ours.values, rtol=0, atol=1e-4)
        found.append({"name": name, "grid": grid, "expected": _listed(values)})
    return found


def _slabs(stack: Stack) -> list[dict[str, Any]]:
    found = []
    for name, options in SLABS.items():
        place = {key: options[key] for key in ("normal", "up") if key in options}
        place |= {"spacing_mm": (0.9, 0.7), "shape": (10, 12)}
        grid, _ = plane_of(stack, place, stack.centre)
        projected = slab(
            stack.to_dataarray(),
            centre_mm=stack.centre,
            dtype=np.float64,
            jit=False,
            **place,
            **{key: options[key] for key in ("thickness_mm", "how", "sampling_mm")},
        )
        found.append(
            {
                "name": name,
                "grid": grid,
                "thickness_mm": options["thickness_mm"],
                "sampling_mm": options["sampling_mm"],
                "how": options["how"],
                "expected": _listed(projected.values),
            }
        )
    return found


def vectors() -> dict[str, Any]:
    """Return all of it as JSON takes it."""
    cases = []
    for name, stack in stacks().items():
        _, rows, columns = stack.stored.shape
        cases.append(
            {
                "name": name,
                "orientation": [*stack.right.tolist(), *stack.down.tolist()],
                "pixel_spacing_mm": list(stack.spacing_mm),
                "rows": rows,
                "columns": columns,
                "positions_mm": stack.origins.tolist(),
                "stored": stack.stored.ravel().tolist(),
                "planes": _planes(stack),
                "slabs": _slabs(stack) if is_even(stack) else [],
            }
        )
    return {"cases": cases}


def main() -> None:
    """Write the file that vitest reads."""
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(json.dumps(vectors(), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
