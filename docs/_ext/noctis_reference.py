"""Reference pages written from the program itself: commands, settings, views and their columns.

A line ``<!-- generated: NAME -->`` in a page is replaced as the page is read, so that no page can
fall behind what the program does.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

from noctis_lab import open_lab
from noctis_lab.cli import app as command_line
from noctis_lab.config import Settings, environment_names

__all__ = ["GENERATED", "setup"]


def _commands() -> str:
    root = typer.main.get_command(command_line)
    return "\n".join(_lines_of(root, "noctis"))


def _lines_of(command: Any, path: str) -> Iterator[str]:
    # Typer bears a click of its own: what it gives is known by what it has.
    if hasattr(command, "commands"):
        for name, child in sorted(command.commands.items()):
            if not child.hidden:
                yield from _lines_of(child, f"{path} {name}")
        return
    context = command.make_context(path, [], resilient_parsing=True)
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"## {path}\n\n```text\n{usage}\n```\n\n{(command.help or '').strip()}\n"
    rows = [_row_of(parameter, context) for parameter in command.params]
    rows = [row for row in rows if row is not None]
    if rows:
        yield "| | |\n|---|---|"
        yield from rows
        yield ""


def _row_of(parameter: Any, context: Any) -> str | None:
    record = parameter.get_help_record(context)
    if record is None or "--help" in record[0]:
        return None
    return f"| `{record[0]}` | {_cell(record[1])} |"


def _settings() -> str:
    lines = ["| setting | environment | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        environment = ", ".join(f"`{each}`" for each in environment_names(name))
        default = f"`{field.default}`" if str(field.default) else "empty"
        lines.append(f"| `{name}` | {environment} | {default} | {_cell(field.description or '')} |")
    return "\n".join(lines)


def _views() -> str:
    # Of an empty archive: the views are there before any instance is. Its schema's steps are not
    # news of the site.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as root, open_lab(root) as lab:
        rows = lab.sql(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index"
        ).fetchall()
    lines: list[str] = []
    for view in dict.fromkeys(row[0] for row in rows):
        columns = [(name, kind) for owner, name, kind in rows if owner == view]
        named = ", ".join(f"`{name}` {kind.lower()}" for name, kind in columns)
        lines.append(f"## {view}\n\n{len(columns)} columns: {named}\n")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


GENERATED: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "settings": _settings,
    "views": _views,
}


def _fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    for name, write in GENERATED.items():
        mark = f"<!-- generated: {name} -->"
        if mark in source[0]:
            source[0] = source[0].replace(mark, write())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _fill)
    # What is generated depends on the program, which Sphinx does not watch.
    app.connect("env-get-outdated", lambda *_: ["reference/cli", "reference/settings"])
    return {"version": Path(__file__).name, "parallel_read_safe": True}
