"""What a notebook needs before it shows a component: Panel's own scripts, from here alone."""

from __future__ import annotations

import panel as pn

__all__ = ["load_notebook_once"]


def load_notebook_once() -> None:
    """Load Panel's scripts into the notebook that runs us, once; elsewhere do nothing."""
    if not _is_notebook() or pn.extension._loaded:
        return
    pn.extension(inline=True)


def _is_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None
