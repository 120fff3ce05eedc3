"""The protocols that lie in files: those that come with the program, and the lab's own folder."""

from __future__ import annotations

import logging
import os
import stat
import threading
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from noctis_lab.errors import HangingProtocolRefused
from noctis_lab.lab.hanging.protocol import Protocol
from noctis_lab.lab.hanging.reading import parse_protocol
from noctis_lab.lab.hanging.tree import MOST_BYTES

__all__ = ["MOST_FILES", "Shelf", "read_built_in", "read_file"]

logger = logging.getLogger(__name__)

MOST_FILES: Final = 200  #: that are read of the lab's folder, in the order of their names
_SUFFIXES: Final = (".yaml", ".yml")
_BUILT_IN: Final = files("noctis_lab.lab.hanging") / "built_in"


def read_file(path: Path) -> Protocol:
    """Return the protocol of a file.

    Raises
    ------
    HangingProtocolRefused
        The file holds none; says in which line and why.
    OSError
        It cannot be read.
    """
    # Not waited for where it is a pipe, nor followed beyond the bound where it grows.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise HangingProtocolRefused("expected a regular file", source=path.name)
        return parse_protocol(file.read(MOST_BYTES + 1), source=path.name)


def read_built_in() -> dict[str, Protocol]:
    """Return the protocols that come with the program, by file name without its ending."""
    found = sorted(each.name for each in _BUILT_IN.iterdir() if each.name.endswith(_SUFFIXES))
    return {
        name.rpartition(".")[0]: parse_protocol((_BUILT_IN / name).read_bytes(), source=name)
        for name in found
    }


@dataclass(frozen=True, slots=True)
class _Kept:
    """A file as it was when it was read: the protocol, or why it is none."""

    stamp: tuple[int, int, int]
    protocol: Protocol | None
    problem: str


class Shelf:
    """The protocols in files, read again where a file is another one.

    Parameters
    ----------
    folder
        The lab's; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._built_in: dict[str, Protocol] | None = None
        self._kept: dict[str, _Kept] = {}

    @property
    def built_in(self) -> dict[str, Protocol]:
        """Those that come with the program, in their order."""
        with self._guard:
            if self._built_in is None:
                self._built_in = read_built_in()
            return self._built_in

    @property
    def of_lab(self) -> dict[str, Protocol]:
        """Those of the folder that are sound, in the order of their files' names."""
        kept = self._look()
        return {
            name.rpartition(".")[0]: each.protocol
            for name, each in kept.items()
            if each.protocol is not None
        }

    def problems(self) -> dict[str, str]:
        """Return why files of the folder are none, by their names."""
        return {name: each.problem for name, each in self._look().items() if each.problem}

    def _look(self) -> dict[str, _Kept]:
        with self._guard:
            stamps = self._stamps()
            kept = {name: self._read(name, stamp) for name, stamp in stamps.items()}
            self._kept = kept
            return kept

    def _stamps(self) -> dict[str, tuple[int, int, int]]:
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(each.name for each in entries if each.name.endswith(_SUFFIXES))
        except OSError:
            return {}
        stamps = {}
        for name in names[:MOST_FILES]:
            try:
                facts = os.stat(self.folder / name)
            except OSError:
                continue
            stamps[name] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        return stamps

    def _read(self, name: str, stamp: tuple[int, int, int]) -> _Kept:
        known = self._kept.get(name)
        if known is not None and known.stamp == stamp:
            return known
        try:
            return _Kept(stamp, read_file(self.folder / name), "")
        except (HangingProtocolRefused, OSError) as error:
            words = (
                str(error) if isinstance(error, HangingProtocolRefused) else type(error).__name__
            )
            # Once for each state of the file; a lab's own words, no patient's.
            logger.warning("a hanging protocol was left out: %s", words, extra={"file": name})
            return _Kept(stamp, None, words)
