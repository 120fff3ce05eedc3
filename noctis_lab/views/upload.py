"""The upload page as a Panel component: a thin holder of the client, which sends to the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from panel.custom import JSComponent

__all__ = ["UploadPage"]


class UploadPage(JSComponent):
    """A place to drop files at, and what became of each; no byte of them passes through Panel."""

    _bundle = Path(__file__).parent / "static" / "upload.js"

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]
