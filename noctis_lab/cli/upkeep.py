"""`noctis rebuild` and `noctis fsck`: the catalogue from the files, and the files against it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer
from tqdm import tqdm

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door

__all__ = ["register"]

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]

_SHOWN = 20
_RESTORE = "restore them from a backup, or send them again"
_PUT_BACK = "put the files back where they were, as they were; or index their folder anew"
_MOVE = "the archive does not use them: look at them, and move what you need elsewhere"
_QUARANTINE = "`noctis quarantine list` shows what is kept aside; a backup may have what is lost"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(rebuild)
    app.command()(fsck)


def rebuild(root: Root = None, as_json: AsJson = False) -> None:
    """Make the catalogue anew from the files and the journal; stop the archive's processes first.

    All of it comes back but jobs, events and sign-ins.
    """
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.ingest.rebuild import rebuild as rebuild_archive

        with ExitStack() as ending:
            bar: tqdm[NoReturn] | None = None

            def show(done: int, total: int) -> None:
                nonlocal bar
                if bar is None:  # only now it is clear that it is not refused
                    bar = ending.enter_context(tqdm(total=total, desc="reading", unit=" files"))
                bar.update(done - bar.n)

            report = rebuild_archive(settings.root, progress=show, quiet_s=settings.quiet_s)
        if as_json:
            print(json.dumps(asdict(report), indent=1))
        else:
            print(
                f"{report.instances} instances, {report.records} journal records and "
                f"{report.quarantined} quarantined files catalogued"
            )
            _print_list("not catalogued", dict(report.skipped))
        if report.skipped:
            raise typer.Exit(PARTLY_DONE)


def fsck(
    root: Root = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read every file, not every hundredth.")
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Remove pictures and surfaces that belong to nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare files, catalogue and quarantine; whole files that are not catalogued are adopted."""
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.checkup import opened_read_only
        from noctis_lab.catalog.store import require_catalog
        from noctis_lab.ingest.archive import open_archive
        from noctis_lab.ingest.fsck import fsck as check_archive
        from noctis_lab.jobs.derived import find_strays, sweep_strays

        require_catalog(settings.root)
        with open_archive(settings) as archive, tqdm(desc="checking", unit=" files") as bar:
            report = check_archive(
                archive, full=full, progress=lambda done: bar.update(done - bar.n)
            )
        with opened_read_only(settings.root) as connection:
            report.derived = find_strays(connection, settings.root)
        if sweep:
            report.swept = sweep_strays(settings.root, report.derived)
            report.derived = {}
        if as_json:
            print(report.to_json())
        else:
            print(
                f"{report.files} files, {report.instances} instances, "
                f"{report.hashes} hashes compared"
            )
            _print_list("adopted", report.adopted)
            _print_list("left half received, swept at the next start", report.leftovers)
            _print_list("missing files of", report.missing, _RESTORE)
            _print_list("changed in place", report.changed, _PUT_BACK)
            _print_list("damaged", report.damaged, f"{_RESTORE}; check the disk (smartctl -a)")
            _print_list("unreadable", report.unreadable, _MOVE)
            _print_list("second files of known instances", report.superfluous, _MOVE)
            _print_list("not ours", report.foreign, _MOVE)
            _print_list("quarantine", report.quarantine, _QUARANTINE)
            _print_list("derived, of no use (--sweep removes them)", report.derived)
            if report.swept:
                print(f"derived files removed: {report.swept}")
            print("clean" if report.is_clean else "something needs a look")
        if not report.is_clean:
            raise typer.Exit(1)


def _print_list(
    title: str, found: Collection[str] | Mapping[str, str], remedy: str | None = None
) -> None:
    if not found:
        return
    print(f"{title}: {len(found)}")
    for name in list(found)[:_SHOWN]:
        print(f"  {name}: {found[name]}" if isinstance(found, Mapping) else f"  {name}")
    if len(found) > _SHOWN:
        print(f"  and {len(found) - _SHOWN} more (--json lists all)")
    if remedy is not None:
        print(f"  → {remedy}")
