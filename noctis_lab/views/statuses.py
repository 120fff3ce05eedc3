"""Which HTTP status an error is answered with, in the API and over a view's own channel."""

from __future__ import annotations

from noctis_lab.errors import AccessDenied, CatalogLocked, FileChanged, NoSpace, SeriesChanged

__all__ = ["status_of"]

#: The first that an error is decides.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (LookupError, 404),
    (AccessDenied, 403),
    (SeriesChanged, 409),
    (FileChanged, 410),
    (CatalogLocked, 503),
    (NoSpace, 507),
    (NotImplementedError, 501),
    (ValueError, 422),
)


def status_of(error: Exception) -> int:
    """Return the status of an error; 500 where nothing else is said of its class.

    A client describes a series anew by itself after 409, and repeats no refusal from 400 to 499.
    """
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
