"""`noctis sql`: the catalogue's answers as a table, CSV, JSON or a file."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from noctis_lab.cli.options import Root, opened_settings, outer_door

__all__ = ["register"]


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(sql)


def sql(
    statement: Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL.")],
    root: Root = None,
    format: Annotated[Format, typer.Option(help="How to print the answer.")] = Format.TABLE,  # noqa: A002
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write to FILE.parquet, FILE.csv or FILE.json."),
    ] = None,
) -> None:
    """Ask the catalogue: views patients, studies, series, instances, elements and more."""
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.query import Query, write_result
        from noctis_lab.catalog.result import SUFFIXES
        from noctis_lab.catalog.store import open_catalog, require_catalog

        if output is not None and output.suffix.lower() not in SUFFIXES:
            raise typer.BadParameter(
                f"{output.name}: the suffix says how to write it, one of {', '.join(SUFFIXES)}",
                param_hint="--output",
            )
        require_catalog(settings.root)
        with (
            open_catalog(settings.root) as catalog,
            Query(
                catalog, threads=settings.threads, memory_bytes=settings.query_memory_bytes
            ) as query,
        ):
            result = query.sql(statement)
            if output is not None:
                rows = write_result(result, output)
                print(f"{rows} rows written to {output}", file=sys.stderr)
            else:
                print(result.to_text(format.value).rstrip("\n"))
