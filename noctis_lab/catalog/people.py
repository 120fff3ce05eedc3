"""Who may come in: principals, their facilities and passwords, start tokens and sessions.

Of every secret only its SHA-256 (of a password: argon2id) is kept. Functions that ledger acts are
replayed through take their instant as an argument and may be applied twice without harm.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.store import Catalog

__all__ = [
    "add_principal",
    "check_password",
    "create_login_token",
    "create_session",
    "end_session",
    "find_principal",
    "find_session",
    "grant_facility",
    "has_passwords",
    "hash_password",
    "redeem_login_token",
    "remove_principal",
    "revoke_facility",
    "set_password_hash",
    "set_role",
]

type Secrets = Callable[[], str]

_TOKEN_LIFETIME = timedelta(days=7)
_TOKEN_GRACE = timedelta(seconds=60)  # a browser may follow an address twice
_LONGEST_NAME = 64
_SHORTEST_PASSWORD = 8
_LONGEST_PASSWORD = 1024
_LONGEST_SECRET = 512


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


# ---------------------------------------------------------------- principals


def add_principal(
    catalog: Catalog,
    name: str,
    role: Role,
    facilities: Collection[str] | None,
    *,
    at: datetime | None = None,
) -> None:
    """Make a principal, or set the role and the facilities of a known one.

    Parameters
    ----------
    facilities
        None for every facility.

    Raises
    ------
    ValueError
        The name is empty, too long, or holds what cannot be printed.
    """
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ValueError(f"a principal's name has 1 to {_LONGEST_NAME} printable characters")
    table = schema.principal
    values = {"role": str(role), "has_all_facilities": facilities is None}
    statement = upsert(table, catalog.connections.engine).values(
        name=name, added_at=to_instant(at or catalog.clock()), **values
    )
    with catalog.connections.write() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        _set_facilities(connection, name, facilities or ())


def remove_principal(catalog: Catalog, name: str) -> None:
    """Forget a principal with all sessions; one that is not known changes nothing.

    Raises
    ------
    ValueError
        It is the archive's own administrator.
    """
    if name == ADMIN:
        raise ValueError(f"'{ADMIN}' came with the archive and stays")
    with catalog.connections.write() as connection:
        for table in (
            schema.login_session,
            schema.login_token,
            schema.principal_facility,
            schema.principal,
        ):
            connection.execute(delete(table).where(table.c.name == name))
        kept = schema.user_item
        connection.execute(delete(kept).where(kept.c.principal == name))


def find_principal(catalog: Catalog, name: str) -> Principal | None:
    """Return a principal by name, None where there is none."""
    with catalog.connections.read() as connection:
        return _find_principal(connection, name)


def set_role(catalog: Catalog, name: str, role: Role) -> None:
    """Give a principal another role; one that is not known changes nothing."""
    _update(catalog, name, role=str(role))


def grant_facility(catalog: Catalog, name: str, facility: str) -> None:
    """Let a principal see a facility's studies."""
    table = schema.principal_facility
    statement = upsert(table, catalog.connections.engine).values(name=name, facility=facility)
    with catalog.connections.write() as connection:
        connection.execute(statement.on_conflict_do_nothing())


def revoke_facility(catalog: Catalog, name: str, facility: str) -> None:
    """Let a principal no longer see a facility's studies; open sessions feel it at once."""
    table = schema.principal_facility
    with catalog.connections.write() as connection:
        connection.execute(delete(table).where(table.c.name == name, table.c.facility == facility))


def _find_principal(connection: Connection, name: str) -> Principal | None:
    table, grants = schema.principal, schema.principal_facility
    row = connection.execute(select(table).where(table.c.name == name)).first()
    if row is None:
        return None
    facilities = connection.execute(select(grants.c.facility).where(grants.c.name == name))
    return Principal(
        name=row.name,
        role=Role(row.role),
        facilities=None if row.has_all_facilities else frozenset(facilities.scalars()),
    )


def _set_facilities(connection: Connection, name: str, facilities: Collection[str]) -> None:
    table = schema.principal_facility
    connection.execute(delete(table).where(table.c.name == name))
    for facility in sorted(set(facilities)):
        connection.execute(insert(table).values(name=name, facility=facility))


def _update(catalog: Catalog, name: str, **values: object) -> None:
    table = schema.principal
    with catalog.connections.write() as connection:
        connection.execute(update(table).where(table.c.name == name).values(**values))


# ---------------------------------------------------------------- passwords


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    # Verified where there is no such principal, so that the time tells nothing.
    return _hasher().hash(_new_secret())


def hash_password(password: str) -> str:
    """Return a password's argon2id hash.

    Raises
    ------
    ValueError
        It has fewer than 8 or more than 1,024 characters.
    """
    if not _SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise ValueError(
            f"a password has {_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters, "
            f"not {len(password)}"
        )
    return _hasher().hash(password)


def set_password_hash(catalog: Catalog, name: str, password_hash: str | None) -> None:
    """Set what `hash_password` gave, or None: no password; every session of theirs ends."""
    table, sessions = schema.principal, schema.login_session
    with catalog.connections.write() as connection:
        changed = connection.execute(
            update(table).where(table.c.name == name).values(password_hash=password_hash)
        )
        if changed.rowcount:
            connection.execute(delete(sessions).where(sessions.c.name == name))


def has_passwords(catalog: Catalog) -> bool:
    """Return whether anybody can sign in with a password."""
    table = schema.principal
    statement = select(table.c.name).where(table.c.password_hash.is_not(None)).limit(1)
    with catalog.connections.read() as connection:
        return connection.execute(statement).first() is not None


def check_password(catalog: Catalog, name: str, password: str) -> str | None:
    """Return the principal whose password it is, else None, in the same time for every reason."""
    table = schema.principal
    with catalog.connections.read() as connection:
        known = connection.execute(
            select(table.c.password_hash).where(table.c.name == name)
        ).scalar()
    is_bounded = len(password) <= _LONGEST_PASSWORD
    try:
        _hasher().verify(known or _nobodys_hash(), password if is_bounded else "")
    except (Argon2Error, InvalidHashError):
        return None
    return name if known and is_bounded else None


# ---------------------------------------------------------------- start tokens


def create_login_token(
    catalog: Catalog,
    name: str = ADMIN,
    *,
    lifetime: timedelta = _TOKEN_LIFETIME,
    secret: Secrets = _new_secret,
) -> str:
    """Return a token that signs `name` in once, within `lifetime`; the one before it is void."""
    token, now = secret(), catalog.clock()
    table = schema.login_token
    with catalog.connections.write() as connection:
        connection.execute(delete(table).where(table.c.name == name))
        connection.execute(
            insert(table).values(
                secret_sha256=_sha256(token), name=name, expires_at=to_instant(now + lifetime)
            )
        )
    return token


def redeem_login_token(catalog: Catalog, token: str) -> str | None:
    """Return the principal whom a token signs in, None where it is void, over or used.

    Notes
    -----
    A minute passes from its first use until it is over.
    """
    table = schema.login_token
    row = _find_secret(catalog, table, token)
    if row is None:
        return None
    over_at = min(row.expires_at, to_instant(catalog.clock() + _TOKEN_GRACE))
    with catalog.connections.write() as connection:
        connection.execute(
            update(table)
            .where(table.c.secret_sha256 == row.secret_sha256)
            .values(expires_at=over_at)
        )
    return str(row.name)


# ---------------------------------------------------------------- sessions


def create_session(
    catalog: Catalog, name: str, *, lifetime: timedelta, secret: Secrets = _new_secret
) -> str:
    """Begin a session of a principal and return its secret; sessions that are over go."""
    key, now = secret(), catalog.clock()
    table = schema.login_session
    with catalog.connections.write() as connection:
        connection.execute(delete(table).where(table.c.expires_at <= to_instant(now)))
        connection.execute(
            insert(table).values(
                secret_sha256=_sha256(key),
                name=name,
                created_at=to_instant(now),
                expires_at=to_instant(now + lifetime),
            )
        )
    return key


def find_session(catalog: Catalog, secret: str) -> Principal | None:
    """Return whose session a secret is, as they are now; None where it is over or void."""
    row = _find_secret(catalog, schema.login_session, secret)
    return None if row is None else find_principal(catalog, row.name)


def end_session(catalog: Catalog, secret: str) -> None:
    """End a session; one that is not known changes nothing."""
    table = schema.login_session
    with catalog.connections.write() as connection:
        connection.execute(delete(table).where(table.c.secret_sha256 == _sha256(secret)))


def _find_secret(catalog: Catalog, table: Table, secret: str) -> Row[*tuple[Any, ...]] | None:
    if len(secret) > _LONGEST_SECRET:
        return None
    digest = _sha256(secret)
    statement = select(table.c.secret_sha256, table.c.name, table.c.expires_at)
    with catalog.connections.read() as connection:
        row = connection.execute(statement.where(table.c.secret_sha256 == digest)).first()
    if row is None or not hmac.compare_digest(bytes(row.secret_sha256), digest):
        return None
    return row if row.expires_at > to_instant(catalog.clock()) else None


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
