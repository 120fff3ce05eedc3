"""What all commands share: their options, their settings, and the outer door for errors."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noctis_lab.cli.logs import configure_logging
from noctis_lab.config import Settings, open_settings
from noctis_lab.errors import NoctisError

if TYPE_CHECKING:
    from noctis_lab.ingest.archive import OpenArchive

__all__ = [
    "AET",
    "PARTLY_DONE",
    "Debug",
    "Host",
    "LogLevel",
    "Port",
    "Root",
    "opened_archive",
    "opened_settings",
    "outer_door",
]

logger = logging.getLogger(__name__)

PARTLY_DONE = 3  #: exit code: what failed was listed

Root = Annotated[
    Path | None, typer.Option("--root", help="The archive's folder.  [NOCTIS_ROOT, ~/noctis]")
]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.  [127.0.0.1]")]
Port = Annotated[int | None, typer.Option("--port", help="TCP port; 0 takes any free one.")]
AET = Annotated[
    str | None, typer.Option("--aet", help="AE title of the receiver.  [DICOM_AET, NOCTIS_SCP]")
]
Debug = Annotated[bool, typer.Option("--debug", help="Log every step.")]
LogLevel = Annotated[str | None, typer.Option("--log-level", hidden=True)]


@contextlib.contextmanager
def outer_door() -> Iterator[None]:
    """Turn an error into one clear line and exit code 1.

    Errors of ours speak for themselves; of any other only the type is told, since its words may
    quote patient data. The traceback is logged at DEBUG.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except (NoctisError, OSError) as error:
        logger.debug("command failed", exc_info=True)
        print(f"noctis: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except Exception as error:
        logger.debug("command failed", exc_info=True)
        print(
            f"noctis: unexpected {type(error).__name__}; NOCTIS_LOG_LEVEL=DEBUG shows where it "
            "comes from, please report it",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None


def opened_settings(
    *, debug: bool = False, log_level: str | None = None, **given: object
) -> Settings:
    """Build the settings of this process from what the command was given, and set up logging."""
    with outer_door():
        settings = open_settings({"log_level": "DEBUG" if debug else log_level, **given})
        configure_logging(settings.log_level)
        return settings


@contextlib.contextmanager
def opened_archive(root: Path | None, *, must_exist: bool) -> Iterator[OpenArchive]:
    """Hold an archive open for a command; a ValueError within is the command's wrong usage.

    Parameters
    ----------
    must_exist
        Refuse a folder that no archive is in, instead of beginning one there.
    """
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.store import require_catalog
        from noctis_lab.ingest.archive import open_archive

        if must_exist:
            require_catalog(settings.root)
        try:
            with open_archive(settings) as archive:
                yield archive
        except NoctisError:
            raise  # some are ValueErrors too, and speak for themselves
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
