"""What became of the files that were indexed: counts, and each that did not come in with why."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from noctis_lab.ingest.findings import Passed, PassedKind

__all__ = ["Conflict", "IndexReport"]

#: So many conflicts, and so many rejected files of each kind, are listed; all are counted.
MOST_LISTED: Final = 100_000
_EXAMPLES: Final = 5
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A file that bears a known SOPInstanceUID and holds other content: the first one stands."""

    name: str
    reason: str
    quarantine_id: str | None  # of the copy that is kept aside; None where it lies in place


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """What became of the files; filled as they come in, in the order of their paths.

    Attributes
    ----------
    indexed : int
        Instances that are new.
    same : int
        Files whose instance was known, with the same content.
    conflicts : list of Conflict
        Files with a known SOPInstanceUID and other content.
    rejected : list of Passed
        Files that gave no instance, and why.
    counts : Counter of PassedKind
        How many of `rejected` there are of each kind, also where not all are listed.
    found : int
        Files found so far, also those that were not looked at yet.
    has_found_all : bool
        Whether `found` is all of them.
    done : int
        Files that are done with.
    is_interrupted : bool
        Whether it was stopped before the end: the same again goes on.
    seconds : float
        How long it took.
    """

    indexed: int = 0
    same: int = 0
    conflict_count: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    rejected: list[Passed] = field(default_factory=list)
    counts: Counter[PassedKind] = field(default_factory=Counter)
    found: int = 0
    has_found_all: bool = False
    done: int = 0
    is_interrupted: bool = False
    seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add_found(self, count: int) -> None:
        """Count files that were found; from any thread."""
        with self._lock:
            self.found += count

    def add_conflict(self, conflict: Conflict) -> None:
        """Count a conflict, and list it."""
        self.conflict_count += 1
        if len(self.conflicts) < MOST_LISTED:
            self.conflicts.append(conflict)

    def add_rejected(self, passed: Passed) -> None:
        """Count a file that gave no instance, and list it."""
        self.counts[passed.kind] += 1
        if self.counts[passed.kind] <= MOST_LISTED:
            self.rejected.append(passed)

    @property
    def needs_a_look(self) -> bool:
        """Whether something was left out that may be an instance.

        Files that are no DICOM, media directories and links are usual, and do not count.
        """
        return (
            self.is_interrupted
            or self.conflict_count > 0
            or any(count and kind.needs_a_look for kind, count in self.counts.items())
        )

    @property
    def has_instances(self) -> bool:
        """Whether any file held an instance."""
        return bool(self.indexed or self.same or self.conflict_count)

    def to_json(self) -> str:
        """Return the report as a JSON object."""
        return json.dumps(
            {
                "indexed": self.indexed,
                "same": self.same,
                "conflicts": [
                    {"path": each.name, "reason": each.reason, "quarantine_id": each.quarantine_id}
                    for each in self.conflicts
                ],
                "conflict_count": self.conflict_count,
                "rejected": [
                    {"path": each.name, "kind": each.kind.value, "reason": each.reason}
                    for each in self.rejected
                ],
                "rejected_counts": {kind.value: count for kind, count in self.counts.items()},
                "files": self.done,
                "interrupted": self.is_interrupted,
                "seconds": round(self.seconds, 3),
            },
            indent=1,
        )

    def to_text(self) -> str:
        """Return the report for people: counts, then what was left out, by reason."""
        rate = f", {self.done / self.seconds:.0f} files/s" if self.seconds > 0 else ""
        # Those that only a directory names are no files: what is counted adds up to all files.
        missing = self.counts[PassedKind.MISSING]
        counted = (
            f"{self.indexed} indexed, {self.same} same, {self.conflict_count} in conflict, "
            f"{self.counts.total() - missing} rejected"
        )
        if missing:
            counted += f"; {missing} more missing"
        lines = [f"{self.done} files: {counted} ({self.seconds:.1f} s{rate})"]
        named = [(each.reason, each.name) for each in self.conflicts]
        lines += _grouped("conflict (first kept, this one aside)", self.conflict_count, named)
        for kind in sorted(self.counts, key=lambda kind: (not kind.needs_a_look, kind.value)):
            named = [(each.reason, each.name) for each in self.rejected if each.kind is kind]
            lines += _grouped(kind.value, self.counts[kind], named)
        if self.is_interrupted:
            lines.append("stopped before the end: run the same command again to go on")
        elif not self.has_instances and self.done:
            lines.append("no file held a DICOM instance")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<IndexReport: {self.to_text().splitlines()[0]}>"


def _grouped(title: str, count: int, named: list[tuple[str, str]]) -> list[str]:
    if not count:
        return []
    by_reason: dict[str, list[str]] = {}
    for reason, name in named:
        by_reason.setdefault(reason, []).append(name)
    lines = [f"{title}: {count}"]
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    for reason, names in groups[:_EXAMPLES]:
        lines.append(f"  {len(names)} × {_printable(reason)}")
        lines += [f"    {_printable(name)}" for name in names[:_EXAMPLES]]
        if len(names) > _EXAMPLES:
            lines.append(f"    and {len(names) - _EXAMPLES} more")
    if len(groups) > _EXAMPLES:
        lines.append(f"  and {len(groups) - _EXAMPLES} more reasons (--json lists all)")
    return lines


def _printable(text: str) -> str:
    """Return text that a terminal shows as it is: names on disk and in archives are anything."""
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME // 2]}…{text[-_LONGEST_NAME // 2 :]}"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
