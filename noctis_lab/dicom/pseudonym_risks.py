"""What no rule for attributes can clean: text within pixels, reports, documents."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["find_content_risk", "find_pixel_risk"]

type _Text = Callable[[str], str | None]

# PS3.6 A: Basic Text SR and its kin; encapsulated PDF, CDA, STL, OBJ, MTL.
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
#: Images of screens and of devices that draw the patient's name into the picture.
_OFTEN_BURNED_IN = (
    "1.2.840.10008.5.1.4.1.1.3.1",  # ultrasound multi-frame
    "1.2.840.10008.5.1.4.1.1.6.1",  # ultrasound
    "1.2.840.10008.5.1.4.1.1.6.2",  # enhanced ultrasound volume
)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SCREENS = frozenset(("SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE"))


def find_content_risk(text: _Text) -> str | None:
    """Return why a data set's content cannot be pseudonymised at all, or None.

    Parameters
    ----------
    text
        Gives the text of a top-level element by keyword, None where there is none.
    """
    kind = text("SOPClassUID") or ""
    if kind.startswith(_REPORTS):
        return "it is a structured report, whose text is not cleaned; leave its series out"
    if kind.startswith(_DOCUMENTS):
        return "it is an encapsulated document, which is not cleaned; leave its series out"
    return None


def find_pixel_risk(text: _Text) -> str | None:
    """Return why a patient's name may stand within the pixels, or None.

    Parameters
    ----------
    text
        As for `find_content_risk`.

    Notes
    -----
    Nothing is looked for in the pixels themselves. An image that says NO is believed; one that
    says nothing is believed unless it is of a kind that often has text in it: ultrasound,
    secondary capture, screen.

    References
    ----------
    :dcm:`PS3.15 E.3.1 <part15/sect_E.3.html>`, :dcm:`PS3.3 C.7.6.1 <part03/sect_C.7.6.html>`
    """
    stated = (text("BurnedInAnnotation") or "").strip().upper()
    if stated == "NO":
        return None
    if stated:
        return f"BurnedInAnnotation is {'YES' if stated == 'YES' else 'neither YES nor NO'}"
    kind = text("SOPClassUID") or ""
    if kind in _OFTEN_BURNED_IN or kind.startswith(_SECONDARY_CAPTURE):
        return (
            "ultrasound and captured images often show the name, and BurnedInAnnotation is silent"
        )
    image_type = {part.strip().upper() for part in (text("ImageType") or "").split("\\")}
    if image_type & _SCREENS:
        return "the image is of a screen, and BurnedInAnnotation is silent"
    return None
