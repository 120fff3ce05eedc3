"""Compare decoded pixels in a process of its own, bounded in time and in memory."""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from noctis_lab.dicom.frames import PixelLayout

__all__ = ["EncodedPixels", "compare_decoded"]

_SAME, _OTHER = 64, 65  # what no crash, no panic and no signal ends with


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPixels:
    """An instance's pixels as they lie in its file."""

    path: Path
    layout: PixelLayout
    transfer_syntax_uid: str


def compare_decoded(
    a: EncodedPixels, b: EncodedPixels, *, timeout_s: float, memory_bytes: int
) -> str | None:
    """Tell in what the decoded pixels of two instances differ, None where they are equal.

    Parameters
    ----------
    a, b
        What is decoded, frame by frame.
    timeout_s
        Seconds until the process is killed.
    memory_bytes
        Its bound of address space.

    Returns
    -------
    str or None
        "pixels differ", or why they could not be compared, which counts as a difference.

    Notes
    -----
    A decoder is native code that reads hostile bytes: it may crash, hang, panic or ask for all
    memory, and none of it may reach the process that receives. Headers are not parsed again:
    without pydicom the process starts in a third of the time.
    """
    # One thread: a pool's stacks count as address space.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        status = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            env=environment,
            timeout=timeout_s,
            check=False,
            input=pickle.dumps((memory_bytes, a, b)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except subprocess.TimeoutExpired:
        return f"pixels were not decoded within {timeout_s:g} s"
    if status == _SAME:
        return None
    return "pixels differ" if status == _OTHER else "pixels could not be decoded to compare them"


def _is_equal(a: EncodedPixels, b: EncodedPixels) -> bool:
    # Imported here: the receiver imports this module, and never a decoder.
    from noctis_lab.dicom.codecs import iter_frames

    if a.layout.frames != b.layout.frames:
        return False
    frames = range(a.layout.frames)
    for (_, stored_a), (_, stored_b) in zip(
        iter_frames(a.path, a.layout, a.transfer_syntax_uid, frames),
        iter_frames(b.path, b.layout, b.transfer_syntax_uid, frames),
        strict=True,
    ):
        if stored_a.shape != stored_b.shape or stored_a.dtype != stored_b.dtype:
            return False
        # Bytes, not numbers: NaN equals itself here.
        if stored_a.tobytes() != stored_b.tobytes():
            return False
    return True


def _main() -> int:
    # The pickle comes from our own parent.
    memory_bytes, a, b = pickle.load(sys.stdin.buffer)  # noqa: S301
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _SAME if _is_equal(a, b) else _OTHER


if __name__ == "__main__":
    sys.exit(_main())
