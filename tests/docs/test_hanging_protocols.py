"""The reference of hanging protocols: its example is one, and it names every key and column."""

from __future__ import annotations

import re
from pathlib import Path

from noctis_lab.lab.hanging import parse_protocol
from noctis_lab.lab.hanging.columns import SERIES_COLUMNS, STUDY_COLUMNS
from noctis_lab.lab.hanging.protocol import LAYOUTS, LINKS, PaneRule, Protocol, WindowRule
from noctis_lab.lab.hanging.reading import _PANE, COLORMAPS
from noctis_lab.lab.hanging.windows import CT_PRESETS

PAGE = (Path(__file__).parents[2] / "docs/reference/hanging-protocols.md").read_text("utf-8")


def test_the_example_is_a_protocol() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    protocol = parse_protocol(text, source="the page")
    assert protocol.layout == "1x2"
    assert protocol.panes[1].window == WindowRule(preset="lung")


def test_every_key_stands_in_it() -> None:
    words = {
        word.lower() for word in re.findall(r"[\w ]+", " ".join(re.findall(r"`([^`]+)`", PAGE)))
    }
    words |= {word.lower() for word in re.findall(r"`([^`\n]+)`", PAGE)}
    protocol = Protocol(name="x", link=LINKS, panes=(PaneRule(),)).to_plain()
    facts = [name for name in SERIES_COLUMNS if name.islower()]
    known = [*protocol, *_PANE, *LAYOUTS, *LINKS, *COLORMAPS, *CT_PRESETS, *facts, *STUDY_COLUMNS]
    assert [name for name in known if name.lower() not in words] == []
