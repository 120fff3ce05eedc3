"""What people keep for themselves by a name of their own: one row each, one kind beside another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.store import Catalog

__all__ = [
    "LONGEST_NAME",
    "MOST_ITEMS",
    "UserItem",
    "count_items",
    "find_item",
    "find_named",
    "list_items",
    "remove_item",
    "write_item",
]

LONGEST_NAME: Final = 100  #: characters
MOST_ITEMS: Final = 500  #: of one kind and principal


@dataclass(frozen=True, slots=True, kw_only=True)
class UserItem:
    """Something that somebody keeps; of a kind and principal there is one of a name."""

    item_id: str  # a uuid4's 32 hexadecimal digits
    kind: str
    principal: str
    name: str  # anything that its owner typed: in no log and no address
    document: dict[str, Any]  # JSON values
    created_at: datetime
    updated_at: datetime


def list_items(catalog: Catalog, kind: str, principal: str | None = None) -> list[UserItem]:
    """Return the items of a kind, newest first; None for everybody's."""
    table = schema.user_item
    statement = select(table).where(table.c.kind == kind)
    if principal is not None:
        statement = statement.where(table.c.principal == principal)
    with catalog.connections.read() as connection:
        rows = connection.execute(
            statement.order_by(table.c.updated_at.desc(), table.c.item_id)
        ).all()
    return [_item(row) for row in rows]


def find_item(catalog: Catalog, kind: str, principal: str, item_id: str) -> UserItem | None:
    """Return one of a principal's own items, None where there is none."""
    return _find(catalog, kind, principal, schema.user_item.c.item_id == item_id)


def find_named(catalog: Catalog, kind: str, principal: str, name: str) -> UserItem | None:
    """Return a principal's item of a name, None where there is none."""
    return _find(catalog, kind, principal, schema.user_item.c.name == name)


def count_items(catalog: Catalog, kind: str, principal: str) -> int:
    """Return how many items of a kind a principal has."""
    table = schema.user_item
    statement = select(func.count()).where(table.c.kind == kind, table.c.principal == principal)
    with catalog.connections.read() as connection:
        return int(connection.execute(statement).scalar_one())


def write_item(catalog: Catalog, item: UserItem) -> None:
    """Write an item; one of its name stands no more, unless it is newer. Twice does no harm."""
    table = schema.user_item
    values = {
        "item_id": item.item_id,
        "document": json.dumps(item.document, separators=(",", ":"), allow_nan=False),
        "created_at": to_instant(item.created_at),
        "updated_at": to_instant(item.updated_at),
    }
    statement = upsert(table, catalog.connections.engine).values(
        kind=item.kind, principal=item.principal, name=item.name, **values
    )
    with catalog.connections.write() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["kind", "principal", "name"],
                set_=values,
                where=table.c.updated_at <= values["updated_at"],
            )
        )


def remove_item(catalog: Catalog, item_id: str) -> None:
    """Forget an item; one that is not known changes nothing."""
    table = schema.user_item
    with catalog.connections.write() as connection:
        connection.execute(delete(table).where(table.c.item_id == item_id))


def _find(
    catalog: Catalog, kind: str, principal: str, condition: ColumnElement[bool]
) -> UserItem | None:
    table = schema.user_item
    statement = select(table).where(table.c.kind == kind, table.c.principal == principal, condition)
    with catalog.connections.read() as connection:
        row = connection.execute(statement).first()
    return None if row is None else _item(row)


def _item(row: Row[Any]) -> UserItem:
    return UserItem(
        item_id=row.item_id,
        kind=row.kind,
        principal=row.principal,
        name=row.name,
        document=json.loads(row.document),
        created_at=from_instant(row.created_at),
        updated_at=from_instant(row.updated_at),
    )
