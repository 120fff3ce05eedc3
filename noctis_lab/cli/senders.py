"""`noctis sender` and `noctis facility`: who may push, and into which facility."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from noctis_lab.cli.options import Root, opened_archive

__all__ = ["register"]

AETitle = Annotated[str, typer.Argument(metavar="AE", help="The sender's (calling) AE title.")]
Address = Annotated[
    str | None, typer.Option("--address", help="Only from this IP address; else from anywhere.")
]
Facility = Annotated[str, typer.Option("--facility", help="The facility its studies belong to.")]


def register(app: typer.Typer) -> None:
    """Add the groups of commands to the command line."""
    sender = typer.Typer(help="Who may push to this archive.", no_args_is_help=True)
    sender.command("list")(list_senders)
    sender.command("add")(add_sender)
    sender.command("approve")(approve_sender)
    sender.command("block")(block_sender)
    sender.command("remove")(remove_sender)
    app.add_typer(sender, name="sender")
    facility = typer.Typer(help="The facilities that studies belong to.", no_args_is_help=True)
    facility.command("list")(list_facilities)
    facility.command("add")(add_facility)
    app.add_typer(facility, name="facility")


def list_senders(root: Root = None) -> None:
    """List the known senders, and those that were refused and wait for approval."""
    with opened_archive(root, must_exist=True) as archive:
        from noctis_lab.catalog import senders

        known = senders.list_senders(archive.catalog)
        unknown = senders.list_unknown_senders(archive.catalog)
    table = Table("AE title", "address", "facility", "state", box=box.SIMPLE)
    for row in known:
        state = "blocked" if row.is_blocked else "accepted"
        table.add_row(row.aet, row.address or "any", row.facility or "–", state)
    for waiting in unknown:
        state = f"refused at least {waiting.attempts} ×, last {waiting.last_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(waiting.aet, waiting.address, "–", state)
    if table.row_count:
        Console().print(table, markup=False)
    else:
        print("No sender is known yet: noctis sender add AE --facility NAME")


def add_sender(
    aet: AETitle, facility: Facility, address: Address = None, root: Root = None
) -> None:
    """Accept a sender into a facility, which is made where it is not known yet."""
    with opened_archive(root, must_exist=False) as archive:
        archive.ledger.add_sender(aet, address, facility)
    print(f"{aet} from {address or 'any address'} is accepted into facility '{facility}'")


def approve_sender(
    aet: AETitle, facility: Facility, address: Address = None, root: Root = None
) -> None:
    """Accept a sender that was refused or blocked."""
    with opened_archive(root, must_exist=True) as archive:
        archive.ledger.approve_sender(aet, address, facility)
    print(f"{aet} from {address or 'any address'} is accepted into facility '{facility}'")


def block_sender(aet: AETitle, address: Address = None, root: Root = None) -> None:
    """Refuse a sender from now on, without listing it for approval again."""
    with opened_archive(root, must_exist=True) as archive:
        archive.ledger.block_sender(aet, address)
    print(f"{aet} from {address or 'any address'} is blocked")


def remove_sender(aet: AETitle, address: Address = None, root: Root = None) -> None:
    """Forget a sender: it is unknown again. What it sent stays."""
    with opened_archive(root, must_exist=True) as archive:
        from noctis_lab.catalog import senders

        at = None if address is None else senders.canonical_address(address)
        known = senders.list_senders(archive.catalog)
        if not any(row.aet == aet.strip() and at in (None, row.address) for row in known):
            raise typer.BadParameter(f"no sender {aet} from {address or 'any address'} is known")
        archive.ledger.remove_sender(aet, address)
    print(f"{aet} from {address or 'any address'} is forgotten")


def list_facilities(root: Root = None) -> None:
    """List the facilities."""
    with opened_archive(root, must_exist=True) as archive:
        from noctis_lab.catalog.senders import list_facilities as facilities_of

        print("\n".join(facilities_of(archive.catalog)) or "No facility yet.")


def add_facility(
    name: Annotated[str, typer.Argument(help="The facility's name.")], root: Root = None
) -> None:
    """Make a facility."""
    with opened_archive(root, must_exist=False) as archive:
        archive.ledger.add_facility(name)
    print(f"facility '{name}' is there")
