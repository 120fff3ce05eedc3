"""`noctis hanging`: hanging protocols checked, listed, printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the group of commands to the command line."""
    hanging = typer.Typer(
        help="Hanging protocols: how the viewer opens a study.", no_args_is_help=True
    )
    hanging.command("check")(check)
    hanging.command("list")(list_protocols)
    hanging.command("show")(show)
    app.add_typer(hanging, name="hanging")


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML files.")],
) -> None:
    """Say of each file whether it is a hanging protocol, else in which line it is none and why."""
    from noctis_lab.errors import HangingProtocolRefused
    from noctis_lab.lab.hanging import read_file

    wrong = 0
    for path in files:
        try:
            protocol = read_file(path)
        except HangingProtocolRefused as error:
            print(f"noctis: {error}", file=sys.stderr)
            wrong += 1
        except OSError as error:
            print(f"noctis: {path}: {error.strerror or type(error).__name__}", file=sys.stderr)
            wrong += 1
        else:
            print(f"{path.name}: {protocol.name!r}, {protocol.layout}")
    if wrong:
        raise typer.Exit(1 if wrong == len(files) else PARTLY_DONE)


def list_protocols(root: Root = None) -> None:
    """List the hanging protocols in the order in which they are tried, one's own aside."""
    with outer_door():
        from noctis_lab.lab.hanging import Shelf

        settings = opened_settings(root=root)
        shelf = Shelf(settings.root / settings.hanging_folder)
        table = Table("id", "name", "layout", box=box.SIMPLE)
        for source, protocols in (("lab", shelf.of_lab), ("built-in", shelf.built_in)):
            for name, protocol in protocols.items():
                table.add_row(f"{source}:{name}", protocol.name, protocol.layout)
        Console().print(table, markup=False)
        problems = shelf.problems()
    for words in problems.values():
        print(f"noctis: left out: {words}", file=sys.stderr)
    if problems:
        raise typer.Exit(PARTLY_DONE)


def show(
    protocol_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` gives it.")],
    root: Root = None,
) -> None:
    """Print a hanging protocol as YAML: a file to begin one's own from."""
    with outer_door():
        from noctis_lab.lab.hanging import Shelf

        settings = opened_settings(root=root)
        shelf = Shelf(settings.root / settings.hanging_folder)
        source, _, name = protocol_id.partition(":")
        known = {"lab": shelf.of_lab, "built-in": shelf.built_in}.get(source, {})
        if name not in known:
            raise typer.BadParameter(
                f"no hanging protocol {protocol_id}; see `noctis hanging list`"
            )
        print(known[name].to_yaml(), end="")
