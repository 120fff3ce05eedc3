"""`noctis doctor`: whether this installation is well, line by line, with remedies."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door

if TYPE_CHECKING:
    from noctis_lab.config import Settings
    from noctis_lab.jobs.doctor import Depth, Finding

__all__ = ["register"]

_WORDS = {"pass": ("ok", "green"), "warn": ("look", "yellow"), "fail": ("FAIL", "bold red"),
          "unknown": ("?", "dim")}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor(
    root: Root = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Read every file; no check is cut short.")
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Files to read and hash, by chance.")
    ] = 20,
    seed: Annotated[
        int | None, typer.Option(help="The same seed reads the same files again.")
    ] = None,
) -> None:
    """Look whether this installation is well; nothing is written.

    Exit code 0: well; 3: something to look at; 1: something is broken.
    """
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.jobs.doctor import Depth, State, worst

        depth = (
            Depth(sample=None, timeout_s=None) if everything else Depth(sample=sample, seed=seed)
        )
        arguments = {"root": root}
        if as_json:
            findings = list(_findings(settings, arguments, depth))
            print(json.dumps(_document(settings, arguments, findings), indent=1))
        else:
            findings = _print_findings(_findings(settings, arguments, depth))
        state = worst(findings)
        if state is State.FAIL:
            raise typer.Exit(1)
        if state is State.WARN:
            raise typer.Exit(PARTLY_DONE)


def _findings(
    settings: Settings, arguments: Mapping[str, object], depth: Depth
) -> Iterator[Finding]:
    from noctis_lab.config import find_sources
    from noctis_lab.jobs.doctor import examine

    sources = find_sources(arguments, settings.root)
    is_watched = sys.stderr.isatty()
    with tqdm(desc="reading", unit=" files", leave=False, disable=not is_watched) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield from examine(settings, sources=sources, depth=depth, progress=show)


def _document(
    settings: Settings, arguments: Mapping[str, object], findings: list[Finding]
) -> dict[str, object]:
    from noctis_lab.config import find_sources
    from noctis_lab.jobs.doctor import worst

    sources = find_sources(arguments, settings.root)
    return {
        "root": str(settings.root),
        "state": worst(findings).value,
        "findings": [asdict(finding) for finding in findings],
        "settings": {
            name: {"value": _plain(getattr(settings, name)), "from": source}
            for name, source in sources.items()
        },
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _print_findings(found: Iterator[Finding]) -> list[Finding]:
    """Print each line as it comes; words say what colours say, and those only on a terminal."""
    console = Console(highlight=False)
    findings = []
    for finding in found:
        findings.append(finding)
        word, style = _WORDS[finding.state.value]
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=4, no_wrap=True)
        grid.add_column(width=17, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(word, style), Text(finding.name), Text(finding.text))
        with console.capture() as printed:
            console.print(grid)
        print("\n".join(line.rstrip() for line in printed.get().splitlines()))
        if finding.remedy:  # a command of two lines could not be copied
            console.print(Text(f"      → {finding.remedy}", "bold"), soft_wrap=True)
    counts = [
        f"{sum(finding.state.value == state for finding in findings)} {_WORDS[state][0]}"
        for state in _WORDS
    ]
    console.print(Text(", ".join(counts)))
    return findings
