"""Who may send: facilities, known calling AE titles, and those that were refused.

Every function that writes an instant takes it as an argument, and may be applied twice without
harm: acts are written to the journal first and replayed from it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Delete, delete, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.receipts import MOST_UNKNOWN_SENDERS, write_facility
from noctis_lab.catalog.records import SenderRow, UnknownSenderRow
from noctis_lab.catalog.rows import clean_text
from noctis_lab.catalog.store import Catalog
from noctis_lab.config import parse_address
from noctis_lab.errors import SenderRefused

__all__ = [
    "add_facility",
    "add_sender",
    "approve_sender",
    "block_sender",
    "canonical_address",
    "check_sender",
    "forget_unknown_sender",
    "list_facilities",
    "list_senders",
    "list_unknown_senders",
    "remove_sender",
]

_ANYWHERE = ""
_LONGEST_NAME = 64


def canonical_address(address: str) -> str:
    """Return the one way in which an IP address is written here.

    An IPv4 address that is mapped into IPv6, as a socket that listens on both gives it, is itself;
    the zone of a link-local address, which differs from machine to machine, is left out.

    Raises
    ------
    ValueError
        It is no IP address.

    Examples
    --------
    >>> canonical_address("::ffff:10.0.0.7"), canonical_address("2001:DB8:0:0::1")
    ('10.0.0.7', '2001:db8::1')
    """
    try:
        return str(parse_address(address))
    except ValueError:
        raise ValueError(
            "the sender's address is no IP address such as 10.4.7.31; "
            "leave it out to accept the AE title from anywhere"
        ) from None


def check_sender(catalog: Catalog, aet: str, address: str) -> str | None:
    """Return the facility of a calling AE title, None where it is not known.

    Parameters
    ----------
    aet
        The calling AE title, without padding.
    address
        The peer's IP address, canonical. A sender that is known at this address goes before one
        that is known anywhere.

    Raises
    ------
    SenderRefused
        It is blocked.
    """
    table = schema.sender
    statement = (
        select(table.c.facility, table.c.is_blocked)
        .where(table.c.aet == clean_text(aet), table.c.address.in_([address, _ANYWHERE]))
        .order_by(table.c.address.desc())
        .limit(1)
    )
    with catalog.connections.read() as connection:
        row = connection.execute(statement).first()
    if row is None:
        return None
    if row.is_blocked:
        raise SenderRefused(
            f"{aet} at {address} is blocked here; an administrator can approve it",
            calling_aet=aet,
            address=address,
        )
    return str(row.facility)


def list_senders(catalog: Catalog) -> list[SenderRow]:
    """Return the known senders, by AE title and address."""
    table = schema.sender
    with catalog.connections.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.aet, table.c.address)).all()
    return [
        SenderRow(
            aet=row.aet,
            address=row.address or None,
            facility=row.facility,
            is_blocked=row.is_blocked,
            added_at=from_instant(row.added_at),
        )
        for row in rows
    ]


def list_unknown_senders(catalog: Catalog) -> list[UnknownSenderRow]:
    """Return those that were refused and wait for approval, latest first; at most 1,000."""
    table = schema.unknown_sender
    statement = select(table).order_by(table.c.last_at.desc()).limit(MOST_UNKNOWN_SENDERS)
    with catalog.connections.read() as connection:
        rows = connection.execute(statement).all()
    return [
        UnknownSenderRow(
            aet=row.aet,
            address=row.address,
            attempts=row.attempts,
            first_at=from_instant(row.first_at),
            last_at=from_instant(row.last_at),
        )
        for row in rows
    ]


def list_facilities(catalog: Catalog) -> list[str]:
    """Return the names of the facilities there are, sorted."""
    table = schema.facility
    with catalog.connections.read() as connection:
        return list(connection.execute(select(table.c.facility).order_by("facility")).scalars())


def add_facility(catalog: Catalog, facility: str, *, at: datetime | None = None) -> None:
    """Make a facility; a known one stays."""
    with catalog.connections.write() as connection:
        write_facility(connection, catalog.connections, _name(facility), _instant(catalog, at))


def add_sender(
    catalog: Catalog,
    aet: str,
    address: str | None,
    facility: str,
    *,
    at: datetime | None = None,
) -> None:
    """Accept a calling AE title into a facility, which is made where it is not known yet.

    Parameters
    ----------
    aet
        1 to 16 characters (PS3.5 6.2, AE).
    address
        Accept it only from this IP address; None: from anywhere.

    Raises
    ------
    ValueError
        The title or the facility's name is empty or too long.
    """
    _write_sender(catalog, aet, address, _name(facility), is_blocked=False, at=at)


def approve_sender(
    catalog: Catalog,
    aet: str,
    address: str | None,
    facility: str,
    *,
    at: datetime | None = None,
) -> None:
    """Accept a sender that was refused or blocked; it waits no longer. As `add_sender`."""
    add_sender(catalog, aet, address, facility, at=at)


def block_sender(
    catalog: Catalog, aet: str, address: str | None, *, at: datetime | None = None
) -> None:
    """Refuse a calling AE title from now on, known or not, without listing it again.

    Parameters
    ----------
    address
        Only at this IP address; None: at every one.
    """
    _write_sender(catalog, aet, address, None, is_blocked=True, at=at)


def remove_sender(catalog: Catalog, aet: str, address: str | None) -> None:
    """Forget a sender, at one address or, None, at all; it is unknown again."""
    table = schema.sender
    statement = delete(table).where(table.c.aet == clean_text(aet).strip())
    if address is not None:
        statement = statement.where(table.c.address == address)
    with catalog.connections.write() as connection:
        connection.execute(statement)


def forget_unknown_sender(catalog: Catalog, aet: str, address: str | None) -> None:
    """Take a refused sender off the list, at one address or, None, at all."""
    with catalog.connections.write() as connection:
        connection.execute(_delete_unknown(clean_text(aet), address))


def _write_sender(
    catalog: Catalog,
    aet: str,
    address: str | None,
    facility: str | None,
    *,
    is_blocked: bool,
    at: datetime | None,
) -> None:
    title = clean_text(aet).strip()
    if not 1 <= len(title) <= 16:
        raise ValueError(f"an AE title has 1 to 16 characters (PS3.5 6.2), not {len(title)}")
    table, instant = schema.sender, _instant(catalog, at)
    statement = upsert(table, catalog.connections.engine).values(
        aet=title,
        address=address or _ANYWHERE,
        facility=facility or "",
        is_blocked=is_blocked,
        added_at=instant,
    )
    changes: dict[str, object] = {"is_blocked": is_blocked}
    if facility is not None:
        changes["facility"] = facility
    with catalog.connections.write() as connection:
        if facility is not None:
            write_facility(connection, catalog.connections, facility, instant)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["aet", "address"], set_=changes)
        )
        if is_blocked and address is None:
            everywhere = update(table).where(table.c.aet == title)
            connection.execute(everywhere.values(is_blocked=True))
        connection.execute(_delete_unknown(title, address))


def _delete_unknown(aet: str, address: str | None) -> Delete:
    table = schema.unknown_sender
    statement = delete(table).where(table.c.aet == aet)
    return statement if address is None else statement.where(table.c.address == address)


def _name(facility: str) -> str:
    name = clean_text(facility).strip()
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ValueError(f"a facility's name has 1 to {_LONGEST_NAME} characters, not {len(name)}")
    return name


def _instant(catalog: Catalog, at: datetime | None) -> int:
    return to_instant(at or catalog.clock())
