"""Every command that the documentation shows is one that there is, with options that it takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from noctis_lab.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Lines of a block, and words in backticks.
SHOWN = re.compile(r"^(?:.*?&& )?(?:uv run )?(noctis [^\n]*)|`(noctis [^`\n]+)`", re.MULTILINE)


def iter_shown() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in SHOWN.finditer(page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), found[1] or found[2]


def find_command(words: list[str]) -> Any:
    """Return the command that words name."""
    command: Any = typer.main.get_command(app)
    while isinstance(command, TyperGroup) and words:
        if words[0] not in command.commands:
            raise AssertionError(f"there is no command {words[0]!r}")
        command, words = command.commands[words[0]], words[1:]
    return command


@pytest.mark.parametrize(("page", "line"), sorted(set(iter_shown())))
def test_what_is_shown_exists(page: str, line: str) -> None:
    line = re.sub(r"\$\(.*?\)(?=\s)", "UID", line).rstrip("\\ ")  # what another command gives
    line = line.partition(" | ")[0]  # what others do with it is theirs
    words = shlex.split(line.replace("…", ""), comments=True)[1:]
    command = find_command(words)
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    # Also in the comment beside it, which tells what else it takes.
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line))
    assert options <= known | {"--help"}, page
