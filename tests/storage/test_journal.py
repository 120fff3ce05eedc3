"""The journal keeps every record that was acknowledged, and tolerates the one that was not."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noctis_lab.errors import StorageError
from noctis_lab.storage.journal import Journal, JournalPosition, JournalRecord


def record(number: int) -> JournalRecord:
    return JournalRecord(kind="receipt", fields={"number": number})


def numbers(journal: Journal) -> list[object]:
    return [found.fields["number"] for _, found in journal.iter_records()]


def test_records_come_back_as_they_went_in(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    written = JournalRecord(
        kind="facility-added",
        fields={"name": "Zürich\n", "list": [1, 2.5, None, True]},
        at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    end = journal.append(written)
    assert list(journal.iter_records()) == [(end, written)]
    assert list(journal.iter_records(after=end)) == []


def test_a_torn_last_line_is_left_out_and_taken_away_by_the_next_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(record(1))
    (file,) = tmp_path.iterdir()
    with file.open("ab") as lines:
        lines.write(record(2).to_json().encode()[:-5] + b"x" * 10_000)
    assert numbers(journal) == [1]
    journal.append(record(3))
    assert numbers(journal) == [1, 3]


def test_a_torn_first_line_is_taken_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "2020-01.jsonl").write_bytes(b'{"id"')
    journal.append(record(1))
    assert numbers(journal) == [1]


def test_the_end_is_that_of_the_last_whole_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.find_end() == JournalPosition()
    end = journal.append(record(1))
    assert journal.find_end() == end
    with (tmp_path / end.file).open("ab") as lines:
        lines.write(b'{"id"' + b"x" * 10_000)
    (tmp_path / "2999-12.jsonl").write_bytes(b'{"id"')
    assert journal.find_end() == end
    assert journal.find_end() < journal.append(record(2)) == journal.find_end()


def test_damage_in_the_middle_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "2020-01.jsonl").write_bytes(b"{}\n" + record(1).to_json().encode() + b"\n")
    with pytest.raises(StorageError, match=r"2020-01\.jsonl: the line that ends at byte 3"):
        numbers(Journal(tmp_path))


def test_a_clock_set_back_does_not_reorder_records(tmp_path: Path) -> None:
    (tmp_path / "2999-12.jsonl").write_bytes(record(1).to_json().encode() + b"\n")
    journal = Journal(tmp_path)
    journal.append(record(2))
    assert numbers(journal) == [1, 2]


def test_threads_and_processes_append_whole_lines(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from noctis_lab.storage.journal import Journal, JournalRecord
journal = Journal(Path({str(tmp_path)!r}))
for _ in range(50):
    journal.append(JournalRecord(kind="receipt", fields={{"number": 0, "long": "x" * 5000}}))
"""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        journal = Journal(tmp_path)
        with ThreadPoolExecutor(4) as executor:
            list(executor.map(journal.append, map(record, range(1, 101))))
    assert process.returncode == 0
    assert sorted(numbers(journal)) == [0] * 50 + list(range(1, 101))  # type: ignore[type-var]
