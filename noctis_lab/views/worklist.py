"""The worklist as a Panel component: a thin holder of the client that talks HTTP itself."""

from __future__ import annotations

from pathlib import Path

import param
from panel.custom import JSComponent

__all__ = ["Worklist"]


class Worklist(JSComponent):
    """The table of studies, its search and its arrivals; search state is the address's fragment.

    No row and no name passes through Panel: the client asks the API, behind the same guard.
    """

    is_admin = param.Boolean(
        default=False, constant=True, doc="Whether senders may be approved here."
    )

    _bundle = Path(__file__).parent / "static" / "worklist.js"
