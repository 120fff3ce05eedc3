"""Logging of the command line's processes: one line a record, `key=value`, to standard error."""

from __future__ import annotations

import logging
import sys

__all__ = ["configure_logging"]

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _KeyValueFormatter(logging.Formatter):
    """Time, level, logger, the constant message, then the record's extra fields."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        # What came from outside must not begin a line of its own.
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = {key: value for key, value in vars(record).items() if key not in _PLAIN}
        return " ".join([line, *(f"{key}={_quoted(value)}" for key, value in fields.items())])


def _quoted(value: object) -> str:
    text = str(value)
    return repr(text) if not text.isprintable() or any(c in text for c in ' "=') else text


def configure_logging(level: str) -> None:
    """Send this process's records to standard error.

    Parameters
    ----------
    level
        DEBUG, INFO, WARNING or ERROR. Libraries stay at WARNING whatever is
        asked for: their DEBUG lines quote rows and elements, patients' names among them.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _KeyValueFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("noctis_lab").setLevel(level)
