"""Hanging protocols as YAML: what is one, and every way in which a file is none."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import noctis_lab.views
from noctis_lab.errors import HangingProtocolRefused
from noctis_lab.lab.hanging import Shelf, parse_protocol, read_file, read_protocol
from noctis_lab.lab.hanging.conditions import NumberCondition, TextCondition, fits
from noctis_lab.lab.hanging.protocol import LAYOUTS as KNOWN_LAYOUTS
from noctis_lab.lab.hanging.reading import COLORMAPS as KNOWN_COLORMAPS
from noctis_lab.lab.hanging.shelf import read_built_in
from noctis_lab.lab.hanging.tree import MOST_BYTES
from noctis_lab.lab.hanging.windows import CT_PRESETS
from noctis_lab.views.pane_state import COLORMAPS
from noctis_lab.views.state import LAYOUTS

CHEST = """\
name: Chest
description: Soft tissue beside lung
match:
  study: {modalities: CT}
  series:
    - Modality: CT
      BodyPartExamined: [CHEST, THORAX*]
      SeriesDescription: {none_of: "*scout*"}
      KVP: {at_least: 80, at_most: 140}
      is_volume: true
      count: {at_least: 1, at_most: 9}
layout: 1x2
link: [position, zoom]
panes:
  - series:
      - {Modality: CT, ConvolutionKernel: {exactly: B30f}}
      - {Modality: CT}
    order: -image_count
    window: soft tissue
    required: true
  - series: {Modality: CT}
    nth: 2
    at: 3
    extra: last
    window: {center: -600, width: 1500, function: SIGMOID}
    colormap: cividis
    inverted: true
    rotation_deg: 90
    flipped: true
"""


def refusal(text: str | bytes) -> HangingProtocolRefused:
    with pytest.raises(HangingProtocolRefused) as caught:
        parse_protocol(text, source="mine.yaml")
    return caught.value


def test_a_protocol_is_read_whole_and_written_again() -> None:
    protocol = parse_protocol(CHEST, source="mine.yaml")
    (rule,) = protocol.series
    assert rule.selector.conditions["BodyPartExamined"] == TextCondition(
        any_of=("CHEST", "THORAX*")
    )
    assert rule.selector.conditions["KVP"] == NumberCondition(at_least=80, at_most=140)
    assert (rule.at_least, rule.at_most) == (1, 9)
    first, second = protocol.panes
    assert (len(first.series), first.order, first.is_required) == (2, "-image_count", True)
    assert (second.nth, second.at, second.extra, second.rotation_deg) == (2, 3, -1, 90)
    assert parse_protocol(protocol.to_yaml(), source="again") == protocol
    assert read_protocol(protocol.to_plain()) == protocol


def test_a_word_that_yaml_takes_for_no_or_a_number_stays_a_text() -> None:
    text = CHEST.replace("BodyPartExamined: [CHEST, THORAX*]", "BodyPartExamined: [NO, 010, 1:30]")
    protocol = parse_protocol(text, source="")
    condition = protocol.series[0].selector.conditions["BodyPartExamined"]
    assert condition == TextCondition(any_of=("NO", "010", "1:30"))
    assert parse_protocol(protocol.to_yaml(), source="") == protocol


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("layout: 1x2", "layuot: 1x2", 12, "did you mean 'layout'"),
        ("layout: 1x2", "layout: 9x9", 12, "one of 1x1"),
        ("layout: 1x2", "", None, "'layout', which is missing"),
        ("layout: 1x2", "layout: 1x1", 15, "at most 1 in 'panes'"),
        ("  study: {modalities: CT}", "  studies: {modalities: CT}", 4, "'study'"),
        ("      KVP:", "      PatientName:", 9, "a column of a series that a rule may ask"),
        ("      KVP:", "      StudyInstanceUID:", 9, "a column of a series"),
        ("      KVP:", "      KPV:", 9, "did you mean 'KVP'"),
        ("{at_least: 80, at_most: 140}", "80 kV", 9, "a number for 'KVP'"),
        ("{at_least: 80, at_most: 140}", "{at_least: .inf}", 9, "a number"),
        ("{at_least: 80, at_most: 140}", "{at_least: .nan}", 9, "a number"),
        ("{at_least: 80, at_most: 140}", "1e999", 9, "a number"),
        ("{at_least: 80, at_most: 140}", "{}", 9, "something that 'KVP' has to be"),
        ("is_volume: true", "is_volume: yes", 10, "true or false"),
        ("count: {at_least: 1, at_most: 9}", "count: 0.5", 6, "whole numbers"),
        ("[CHEST, THORAX*]", "[]", 7, "an empty list"),
        ("[CHEST, THORAX*]", "", 7, "came nothing"),
        ("[CHEST, THORAX*]", "[{a: b}]", 7, "expected a text"),
        ("[CHEST, THORAX*]", f"[{'x' * 101}]", 7, "1 to 100 printable"),
        ("[CHEST, THORAX*]", '["a\\u0007"]', 7, "printable"),
        ("[CHEST, THORAX*]", f"[{', '.join('x' * 33)}]", 7, "at most 32"),
        ("window: soft tissue", "window: soft tissues", 19, "did you mean 'soft tissue'"),
        ("width: 1500, function: SIGMOID", "width: 0.5", 25, "a width of 1 at least"),
        ("width: 1500", "widht: 1500", 25, "did you mean 'width'"),
        ("colormap: cividis", "colormap: jet", 26, "'colormap' to be one of"),
        ("rotation_deg: 90", "rotation_deg: 45", 28, "one of 0, 90"),
        ("nth: 2", "nth: 0", 22, "a whole number from 1"),
        ("at: 3", "at: middling", 23, "a number"),
        ("order: -image_count", "order: -PatientID", 18, "a column of a series"),
        ("name: Chest", "name: [Chest]", 1, "expected a text"),
        ("name: Chest", f"name: {'n' * 101}", 1, "1 to 100 printable"),
        ("name: Chest", "name: Chest\nname: Thorax", 2, "each key once"),
        ("link: [position, zoom]", "link: [position, time]", 13, "one of position"),
        ("description: Soft", "description: &a Soft", 2, "no anchors"),
        ("description: Soft", "description: !!str Soft", 2, "no tags"),
        ("description: Soft", "? [a, b]\n: Soft", 2, "a word before the colon"),
    ],
)  # fmt: skip
def test_what_is_no_protocol_is_refused_by_line(
    old: str, new: str, line: int | None, words: str
) -> None:
    assert old in CHEST
    error = refusal(CHEST.replace(old, new, 1))
    assert words in error.reason
    if line is not None:
        assert error.line == line
        assert str(error).startswith(f"mine.yaml, line {line}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("# nothing\n", "an empty file"),
        ("Chest", "keys and values"),
        ("- name", "keys and values"),
        ("{" * 500, "at most 8 levels"),
        ("[" * 30_000, "at most 8 levels"),
        ("a: [" + "1," * 5000 + "]", "at most 4096 values"),
        ("a: 1\n---\nb: 2\n", "one document"),
        ("a: b: c\n", "expected YAML"),
        ("a: 'b\n", "expected YAML"),
        ("\t- a", "expected YAML"),
        ("a: \x00", "expected YAML"),
        (b"name: \xff\xfe", "expected UTF-8"),
        ("#" * (MOST_BYTES + 1), f"at most {MOST_BYTES} bytes"),
        ("a: *b\n", "no anchors"),
        ("!!python/object/apply:os.system [echo]\n", "no tags"),
        ("%TAG ! tag:x,2000:\n---\n!foo a\n", "no tags"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_soon(text: str | bytes, words: str) -> None:
    started = time.perf_counter()
    error = refusal(text)
    assert words in error.reason
    assert time.perf_counter() - started < 5
    assert len(str(error)) < 500


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    assert "no anchors" in refusal("\n".join(lines)).reason


@given(st.binary(max_size=300))
def test_any_bytes_are_a_protocol_or_refused(text: bytes) -> None:
    with suppress(HangingProtocolRefused):
        parse_protocol(text, source="")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "match", "panes", "series", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_document_is_a_protocol_or_refused(document: Any) -> None:
    with suppress(HangingProtocolRefused):
        read_protocol(document)


@given(st.text("ab?*", max_size=8), st.text("aAb", max_size=8))
def test_patterns_fit_as_a_regular_expression_of_two_wildcards_does(
    pattern: str, text: str
) -> None:
    parts = {"*": ".*", "?": "."}
    written = "".join(parts.get(letter, letter) for letter in pattern)
    assert fits(text, pattern) is bool(re.fullmatch(written, text, re.IGNORECASE))


def test_no_pattern_makes_matching_slow() -> None:
    started = time.perf_counter()
    assert not fits("a" * 5000, "*a" * 49 + "*b")
    assert time.perf_counter() - started < 1


def test_what_comes_with_the_program_is_sound_and_known_to_the_viewer() -> None:
    protocols = read_built_in()
    assert len(protocols) >= 12
    for protocol in protocols.values():
        assert protocol.description
        assert parse_protocol(protocol.to_yaml(), source="") == protocol
    assert set(KNOWN_LAYOUTS) <= set(LAYOUTS)
    assert set(KNOWN_COLORMAPS) == set(COLORMAPS)


def test_the_presets_that_rules_name_are_the_viewers() -> None:
    folder = Path(next(iter(noctis_lab.views.__path__)))
    source = (folder / "client/src/viewer/windowing.ts").read_text("utf-8")
    found = re.findall(r'\{ name: "([^"]+)", width: (-?\d+), center: (-?\d+), key:', source)
    assert {name.lower(): (float(c), float(w)) for name, w, c in found} == CT_PRESETS


def test_the_labs_files_are_read_again_where_they_changed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "hanging")
    assert shelf.of_lab == {}
    shelf.folder.mkdir()
    (shelf.folder / "b.yaml").write_text(CHEST, "utf-8")
    (shelf.folder / "a.yml").write_text(CHEST.replace("Chest", "Thorax"), "utf-8")
    (shelf.folder / "notes.txt").write_text("no protocol", "utf-8")
    (shelf.folder / "wrong.yaml").write_text(CHEST.replace("layout", "layuot"), "utf-8")
    assert [each.name for each in shelf.of_lab.values()] == ["Thorax", "Chest"]
    assert list(shelf.problems()) == ["wrong.yaml"]
    assert "wrong.yaml, line 12" in shelf.problems()["wrong.yaml"]
    (shelf.folder / "wrong.yaml").write_text(CHEST.replace("Chest", "Righted now"), "utf-8")
    assert shelf.of_lab["wrong"].name == "Righted now"
    assert shelf.problems() == {}


def test_a_pipe_is_no_protocol_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(HangingProtocolRefused, match="regular file"):
        read_file(tmp_path / "pipe.yaml")
