"""Hanging protocols: readable rules over catalogue columns that say how a study's panes stand."""

from noctis_lab.lab.hanging.kept import (
    HANGING_PROTOCOL,
    HangingProtocol,
    find_study,
    iter_protocols,
    list_hanging_protocols,
)
from noctis_lab.lab.hanging.protocol import Protocol
from noctis_lab.lab.hanging.reading import parse_protocol, read_protocol
from noctis_lab.lab.hanging.shelf import Shelf, read_file

__all__ = [
    "HANGING_PROTOCOL",
    "HangingProtocol",
    "Protocol",
    "Shelf",
    "find_study",
    "iter_protocols",
    "list_hanging_protocols",
    "parse_protocol",
    "read_file",
    "read_protocol",
]
