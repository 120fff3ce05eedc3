"""What numpy says a canvas should show: PS3.3's window over raw values, interpolated first."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator

#: Read a canvas as it is, as Base64: as JSON it would take a minute.
_READ = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let rgba = "";
  for (let start = 0; start < data.length; start += 16384) {
    rgba += String.fromCharCode(...data.subarray(start, start + 16384));
  }
  return { width: canvas.width, height: canvas.height, rgba: btoa(rgba) };
}"""


def read_rgb(stage: Locator) -> NDArray[np.int32]:
    """Return a stage's canvas, shape (height, width, 3)."""
    read: dict[str, Any] = stage.locator("canvas").evaluate(_READ)
    rgba = np.frombuffer(base64.b64decode(read["rgba"]), np.uint8).astype(np.int32)
    return rgba.reshape(read["height"], read["width"], 4)[..., :3]


def read_canvas(stage: Locator) -> NDArray[np.int32]:
    """Return the grey levels of a stage's canvas, shape (height, width)."""
    rgb = read_rgb(stage)
    assert (rgb == rgb[..., :1]).all()
    return rgb[..., 0]


def windowed(values: NDArray[Any], center: float, width: float) -> NDArray[np.int32]:
    """Return grey levels of PS3.3 C.11.2.1.2.1, rounded half up."""
    grey = ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.floor(np.clip(grey, 0, 255) + 0.5).astype(np.int32)


def one_to_one(grey: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Return a slice in the middle of a black canvas, a voxel a pixel."""
    canvas = np.zeros(shape, np.int32)
    top, left = (int(np.floor((shape[i] - grey.shape[i]) / 2 + 0.5)) for i in (0, 1))
    canvas[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return canvas


def fitted(values: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return values interpolated (bilinear) at a canvas's pixel centres; NaN beside the slice."""
    scale = min(shape[0] / values.shape[0], shape[1] / values.shape[1])

    def places(pixels: int, voxels: int) -> NDArray[np.float64]:
        edge = pixels / 2 - voxels * scale / 2
        at: NDArray[np.float64] = (np.arange(pixels) + 0.5 - edge) / scale - 0.5
        return np.where((at >= -0.5) & (at < voxels - 0.5), np.clip(at, 0, voxels - 1), np.nan)

    rows, columns = places(shape[0], values.shape[0]), places(shape[1], values.shape[1])
    top = np.minimum(np.nan_to_num(rows).astype(int), values.shape[0] - 2)[:, None]
    left = np.minimum(np.nan_to_num(columns).astype(int), values.shape[1] - 2)[None, :]
    down, right = rows[:, None] - top, columns[None, :] - left
    upper = values[top, left] * (1 - right) + values[top, left + 1] * right
    lower = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    result: NDArray[np.float64] = upper * (1 - down) + lower * down
    return result
