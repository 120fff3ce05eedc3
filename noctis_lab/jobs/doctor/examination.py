"""All checks in their order; one that cannot be made is a line, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from noctis_lab.catalog import checkup, notes
from noctis_lab.config import Settings
from noctis_lab.errors import CatalogError, NoctisError
from noctis_lab.jobs.doctor import holdings, places, services, software
from noctis_lab.jobs.doctor.findings import Finding, State
from noctis_lab.jobs.doctor.sources import check_sources

__all__ = ["Depth", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much is read.

    `sample` instances are read and hashed (None: all), chosen by `seed` where it is given. Of a
    `quick` look none is, nor are files and rows compared, nor the database's structure checked.
    """

    sample: int | None = 20
    seed: int | None = None
    timeout_s: float | None = 2.0  # for each check that grows with the archive; None: unbounded
    quick: bool = False


def examine(
    settings: Settings,
    *,
    sources: Mapping[str, str] | None = None,
    depth: Depth | None = None,
    progress: holdings.Progress | None = None,
    now: datetime | None = None,
) -> Iterator[Finding]:
    """Look at an installation, running or not; nothing is written, and nothing but loopback asked.

    Parameters
    ----------
    sources
        Where each setting comes from (`config.find_sources`).
    progress
        Called after each file that was hashed.
    now
        The present, aware; None asks the clock.

    Yields
    ------
    Finding
        As each check is done.
    """
    depth = Depth() if depth is None else depth
    now = datetime.now(UTC) if now is None else now
    yield software.check_versions()
    yield software.check_decoders()
    yield software.check_settings(settings, sources or {})
    yield software.check_log(settings)
    yield places.check_memory(settings)
    yield from _guarded("folders", lambda: places.check_folders(settings))
    if not settings.root.is_dir():
        return
    yield from _guarded("permissions", lambda: places.check_secrets(settings))
    yield from _guarded("free space", lambda: places.check_space(settings))
    yield from _examine_catalog(settings, depth, progress, now)
    yield from _guarded("incoming", lambda: [holdings.check_incoming(settings)])


def _examine_catalog(
    settings: Settings, depth: Depth, progress: holdings.Progress | None, now: datetime
) -> Iterator[Finding]:
    page = receiver = None
    newest: datetime | None = None
    absent = holdings.check_database_file(settings)
    if absent is not None:
        yield absent
    else:
        try:
            with checkup.opened_read_only(settings.root) as connection:
                if checkup.schema_problem(connection) is None:
                    page = checkup.find_note(connection, notes.PAGE)
                    receiver = checkup.find_note(connection, notes.RECEIVER)
                    newest = checkup.take_census(connection).last_received_at
                yield from _examine_rows(connection, settings, depth, progress, now)
        except CatalogError as error:
            yield holdings.broken_database(settings, str(error))
    yield places.check_clock(now, newest)
    yield from _guarded("receiver", lambda: services.check_receiver(settings, receiver))
    yield from _guarded("page", lambda: services.check_page(settings, page))


def _examine_rows(
    connection: checkup.ReadOnly,
    settings: Settings,
    depth: Depth,
    progress: holdings.Progress | None,
    now: datetime,
) -> Iterator[Finding]:
    other_schema = holdings.check_schema(connection, settings)
    if other_schema is not None:
        yield other_schema
        return
    if depth.quick:
        yield Finding(name="database", state=State.PASS, text="it opens, its schema is ours")
    else:
        yield from holdings.check_database(connection, settings, timeout_s=depth.timeout_s)
    census = checkup.take_census(connection)
    yield holdings.check_senders(settings, census)
    yield holdings.check_people(settings, census)
    yield holdings.check_quarantine(settings, census, now)
    if depth.quick:
        return
    is_thorough = depth.timeout_s is None
    yield from _guarded(
        "Parquet", lambda: holdings.check_parquet(connection, settings, reads_all=is_thorough)
    )
    yield from _guarded(
        "sources", lambda: check_sources(connection, settings, timeout_s=depth.timeout_s)
    )
    yield from _guarded(
        "orphans",
        lambda: [holdings.check_orphans(connection, settings, is_thorough=is_thorough)],
    )
    yield from _guarded("derived files", lambda: [holdings.check_derived(connection, settings)])
    yield from _guarded(
        "hashes",
        lambda: [
            holdings.check_hashes(
                connection,
                settings,
                sample=depth.sample,
                seed=depth.seed,
                progress=progress,
                timeout_s=depth.timeout_s,
            )
        ],
    )


def _guarded(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Give a check's findings; where it cannot be made, a line that says so."""
    try:
        yield from check()
    except CatalogError:
        raise
    except (NoctisError, OSError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        yield Finding(
            name=name,
            state=State.FAIL,
            text=f"it could not be checked: {why}",
            remedy="run it as the user whose archive it is",
        )
