"""What an answer says when it is no: what was expected, what came, what to do."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal or failure, for people and programs; no patient data in it."""

    status: int
    expected: str
    came: str
    what_to_do: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def detail(self) -> str:
        """The whole in two sentences."""
        return f"Expected {self.expected}, got {self.came}. {self.what_to_do}"

    def as_json(self) -> dict[str, object]:
        """Return the body of the answer."""
        return {
            "status": self.status,
            "detail": self.detail,
            "expected": self.expected,
            "came": self.came,
            "what_to_do": self.what_to_do,
        }
