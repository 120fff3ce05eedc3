"""`noctis quarantine`: what was kept aside, and what becomes of it."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_archive
from noctis_lab.config import command

if TYPE_CHECKING:
    from noctis_lab.catalog.records import QuarantineRow
    from noctis_lab.ingest.archive import OpenArchive
    from noctis_lab.ingest.quarantine import Inspection

__all__ = ["register"]

QuarantineId = Annotated[
    str, typer.Argument(metavar="ID", help="As `list` shows it; its first characters do.")
]
QuarantineIds = Annotated[
    list[str], typer.Argument(metavar="ID...", help="As `list` shows them; first characters do.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_SHORT = 8


def register(app: typer.Typer) -> None:
    """Add the group of commands to the command line."""
    group = typer.Typer(
        help="What was received and could not be filed: look at it, accept or discard it.",
        no_args_is_help=True,
    )
    group.command("list")(list_quarantined)
    group.command("show")(show)
    group.command("accept")(accept)
    group.command("discard")(discard)
    app.add_typer(group, name="quarantine")


def list_quarantined(root: Root = None, as_json: AsJson = False) -> None:
    """List what is kept aside, newest first."""
    with opened_archive(root, must_exist=True) as archive:
        rows = list(_iter_rows(archive))
        look = command("quarantine show ID", archive.storage.root)
    if as_json:
        print(json.dumps([_facts(row) for row in rows], indent=1))
        return
    if not rows:
        print("Nothing is in quarantine.")
        return
    table = Table("id", "kind", "received (UTC)", "from", "why", box=box.SIMPLE)
    table.columns[0].no_wrap = True
    length = _distinct_length(rows)
    for row in rows:
        table.add_row(
            row.quarantine_id[:length],
            row.kind,
            f"{row.receipt.received_at:%Y-%m-%d %H:%M}",
            _printable(row.receipt.calling_aet or row.receipt.source.value),
            _printable(row.reason),
        )
    Console().print(table, markup=False)
    print(f"{len(rows)} kept aside; what can be done with one is told by\n  {look}")


def show(
    quarantine_id: QuarantineId,
    root: Root = None,
    values: Annotated[
        bool, typer.Option("--values", help="Print differing values too; they may be a patient's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what a file is, from whom, why it is here, and what accepting it would do."""
    with opened_archive(root, must_exist=True) as archive:
        from noctis_lab.ingest.quarantine import inspect, read_values

        full = _full_id(archive, quarantine_id)
        inspection = inspect(archive, full)
        differing = read_values(archive, inspection) if values and inspection.differences else []
        accepting, discarding = (
            command(f"quarantine {each} {full}", archive.storage.root)
            for each in ("accept", "discard")
        )
    if as_json:
        print(json.dumps(_inspected(inspection, differing), indent=1))
        return
    for name, value in _facts(inspection.row).items():
        print(f"{name:18}{'–' if value is None else _printable(str(value))}")
    if inspection.differences:
        print(f"differs in        {', '.join(inspection.differences)}")
    for path, standing, coming in differing:
        print(f"\n{path}\n  stands: {_printable(standing)}\n  here:   {_printable(coming)}")
    print(f"\naccept: {'' if inspection.can_accept else 'cannot: '}{inspection.accept_means}")
    if inspection.can_accept:
        print(f"  {accepting}")
    print(f"discard: its bytes are removed for good.\n  {discarding}")


def accept(quarantine_ids: QuarantineIds, root: Root = None, yes: Yes = False) -> None:
    """Admit files; of a conflict one takes the place of the one that stands (reversible)."""
    with opened_archive(root, must_exist=True) as archive:
        _settle_each(archive, quarantine_ids, lambda full: _accept(archive, full, yes=yes))


def discard(quarantine_ids: QuarantineIds, root: Root = None, yes: Yes = False) -> None:
    """Remove files for good; they cannot be brought back."""
    with opened_archive(root, must_exist=True) as archive:
        _settle_each(archive, quarantine_ids, lambda full: _discard(archive, full, yes=yes))


def _settle_each(
    archive: OpenArchive, beginnings: list[str], settle: Callable[[str], object]
) -> None:
    """Settle one after the other; what cannot be is told, and the others are settled."""
    from noctis_lab.errors import CannotAccept, QuarantinedNotFound

    failed = 0
    # All are found first: which one a beginning means must not hang on those before it.
    ids = dict.fromkeys([_full_id(archive, beginning) for beginning in beginnings])
    for full in ids:
        try:
            settle(full)
        except (CannotAccept, QuarantinedNotFound) as error:
            print(f"noctis: {error}", file=sys.stderr)
            failed += 1
    if failed:
        raise typer.Exit(1 if failed == len(ids) else PARTLY_DONE)


def _accept(archive: OpenArchive, full: str, *, yes: bool) -> None:
    from noctis_lab.errors import CannotAccept
    from noctis_lab.ingest.quarantine import accept as accept_one
    from noctis_lab.ingest.quarantine import inspect

    inspection = inspect(archive, full)
    if not inspection.can_accept:
        raise CannotAccept(full, inspection.accept_means)
    if not yes:
        print(inspection.accept_means)
        _confirm("Accept it?")
    accepted = accept_one(archive, full, principal=_principal())
    print(f"accepted: {accepted.outcome.value}, SOPInstanceUID {accepted.SOPInstanceUID}")
    if accepted.quarantine_id is not None:
        print(f"kept aside now: {accepted.quarantine_id}")


def _discard(archive: OpenArchive, full: str, *, yes: bool) -> None:
    from noctis_lab.ingest.quarantine import discard as discard_one

    if not yes:
        row = archive.catalog.find_quarantined(full)
        if row is not None:
            print(f"{row.kind}, {row.size_bytes} bytes: {_printable(row.reason)}")
        _confirm("Remove its bytes for good?")
    discard_one(archive, full, principal=_principal())
    print(f"{full} is removed")


def _confirm(question: str) -> None:
    """Ask; where nobody can answer, as in a script, say how to go on without."""
    try:
        is_wanted = typer.confirm(question)
    except typer.Abort:
        if not sys.stdin.isatty():
            print("\nnoctis: no terminal answered: repeat with --yes", file=sys.stderr)
        raise
    if not is_wanted:
        raise typer.Abort


def _principal() -> str:
    return f"{getpass.getuser()} (command line)"


def _iter_rows(archive: OpenArchive) -> Iterator[QuarantineRow]:
    from noctis_lab.ingest.recovery import iter_quarantine_rows

    yield from iter_quarantine_rows(archive.catalog)


def _full_id(archive: OpenArchive, beginning: str) -> str:
    """Return the one id that begins so; else what was given, which then is not found."""
    if archive.catalog.find_quarantined(beginning) is not None:
        return beginning
    found = [r.quarantine_id for r in _iter_rows(archive) if r.quarantine_id.startswith(beginning)]
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} ids begin with {beginning}: give more of it")
    return found[0] if found else beginning


def _distinct_length(rows: list[QuarantineRow]) -> int:
    """Return how many characters tell the ids apart; at least eight."""
    ids = {row.quarantine_id for row in rows}
    length = _SHORT
    while len({each[:length] for each in ids}) < len(ids):
        length += 1
    return length


def _facts(row: QuarantineRow) -> dict[str, str | int | None]:
    return {
        "quarantine_id": row.quarantine_id,
        "kind": row.kind,
        "reason": row.reason,
        "SOPInstanceUID": row.SOPInstanceUID,
        "StudyInstanceUID": row.StudyInstanceUID,
        "size_bytes": row.size_bytes,
        "source": row.receipt.source.value,
        "calling_aet": row.receipt.calling_aet,
        "facility": row.receipt.facility,
        "received_at": row.receipt.received_at.isoformat(),
    }


def _inspected(inspection: Inspection, differing: list[tuple[str, str, str]]) -> dict[str, object]:
    document: dict[str, object] = {
        **_facts(inspection.row),
        "differences": list(inspection.differences),
        "can_accept": inspection.can_accept,
        "accept_means": inspection.accept_means,
    }
    if differing:
        document["values"] = {name: [standing, coming] for name, standing, coming in differing}
    return document


def _printable(value: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in value[:400])
