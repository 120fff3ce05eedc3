"""Compare decoded pixels in a process of its own, bounded in time and in memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from noctis_lab.dicom.header import read_header

__all__ = ["compare_decoded"]

_SAME, _OTHER = 64, 65  # what no crash, no panic and no signal ends with


def compare_decoded(paths: tuple[Path, Path], *, timeout_s: float, memory_bytes: int) -> str | None:
    """Tell in what the decoded pixels of two files differ, None where they are equal.

    Parameters
    ----------
    paths
        Two files that `read_header` accepts, with pixels.
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
    memory, and none of it may reach the process that receives.
    """
    command = [sys.executable, "-P", "-m", __name__, str(memory_bytes), *map(str, paths)]
    # One thread: a pool's stacks count as address space.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        status = subprocess.run(
            command,
            env=environment,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except subprocess.TimeoutExpired:
        return f"pixels were not decoded within {timeout_s:g} s"
    if status == _SAME:
        return None
    return "pixels differ" if status == _OTHER else "pixels could not be decoded to compare them"


def _is_equal(path_a: Path, path_b: Path) -> bool:
    # Imported here: the receiver imports this module, and never a decoder.
    from noctis_lab.dicom.codecs import read_frame

    header_a, header_b = read_header(path_a), read_header(path_b)
    if header_a.pixels is None or header_b.pixels is None:
        return header_a.pixels is header_b.pixels
    if header_a.pixels.frames != header_b.pixels.frames:
        return False
    for frame in range(header_a.pixels.frames):
        stored_a = read_frame(path_a, header_a.pixels, header_a.transfer_syntax_uid, frame)
        stored_b = read_frame(path_b, header_b.pixels, header_b.transfer_syntax_uid, frame)
        if stored_a.shape != stored_b.shape or stored_a.dtype != stored_b.dtype:
            return False
        # Bytes, not numbers: NaN equals itself here.
        if stored_a.tobytes() != stored_b.tobytes():
            return False
    return True


def _main(arguments: list[str]) -> int:
    memory_bytes = int(arguments[0])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _SAME if _is_equal(Path(arguments[1]), Path(arguments[2])) else _OTHER


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
