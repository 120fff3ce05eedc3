"""How the name of a person is written for people. Pure."""

from __future__ import annotations

__all__ = ["write_person_name"]


def write_person_name(name: str) -> str:
    """Return a Person Name (PN) as people read it.

    Parameters
    ----------
    name
        Of an element: groups of components, as it is stored.

    Returns
    -------
    str
        Of the first group the family name, a comma, then the other components as they stand.

    Examples
    --------
    >>> write_person_name("PHANTOM^TORSO"), write_person_name("Yamada^Tarou=山田^太郎")
    ('PHANTOM, TORSO', 'Yamada, Tarou')

    References
    ----------
    :dcm:`PS3.5 6.2.1 <part05/sect_6.2.html>`
    """
    family, _, rest = name.split("=", maxsplit=1)[0].partition("^")
    others = " ".join(part for part in rest.split("^") if part)
    return ", ".join(part for part in (family, others) if part) or name
