"""The figures that the pages chart, with their names, units and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from noctis_lab.views.calibration.numbers import with_unit

__all__ = ["ALL_QUANTITIES", "CARD_QUANTITIES", "Quantity", "quantity_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A figure of `hu_analysis`, or ``roi:`` and a material.

    Attributes
    ----------
    figure
        As the records name it.
    slug
        As addresses name it.
    name
        As pages name it.
    is_signed
        Zero means that nothing is off: it is written with its sign.
    """

    figure: str
    slug: str
    name: str
    unit: str
    digits: int
    is_signed: bool = False
    meaning: str = ""

    @property
    def caption(self) -> str:
        """What stands over its plot."""
        unit = f", {self.unit}" if self.unit else ""
        meaning = f": {self.meaning}" if self.meaning else ""
        return f"{self.name}{unit}{meaning}"

    @property
    def in_words(self) -> str:
        """Its name amid a sentence; materials keep their capitals."""
        is_material = self.figure.startswith(_ROI)
        return (
            self.name
            if is_material or self.name.isupper()
            else self.name[0].lower() + self.name[1:]
        )

    def write(self, value: float) -> str:
        """Write one of its values, with the unit."""
        return with_unit(value, self.unit, self.digits, is_signed=self.is_signed)


_ROI: Final = "roi:"
_MM, _PER_MM = "mm", "mm\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}"

#: What the fleet's cards may show.
CARD_QUANTITIES: Final = (
    Quantity(
        figure="intercept_hu", slug="offset", name="Offset", unit="HU", digits=1, is_signed=True,
        meaning="of the line through the inserts",
    ),
    Quantity(figure="slope", slug="slope", name="Slope", unit="", digits=4),
    Quantity(
        figure="periphery_minus_center_hu", slug="uniformity", name="Uniformity", unit="HU",
        digits=1, is_signed=True, meaning="edge minus centre",
    ),
    Quantity(
        figure="noise_hu", slug="noise", name="Noise", unit="HU", digits=1,
        meaning="standard deviation in the middle",
    ),
)  # fmt: skip
ALL_QUANTITIES: Final = (
    *CARD_QUANTITIES,
    Quantity(figure="water_hu", slug="water", name="Water", unit="HU", digits=1, is_signed=True),
    Quantity(
        figure="max_deviation_hu", slug="deviation", name="Largest deviation", unit="HU", digits=1
    ),
    Quantity(figure="f50_per_mm", slug="mtf50", name="MTF 50 %", unit=_PER_MM, digits=3),
    Quantity(
        figure="slice_thickness_mm", slug="thickness", name="Slice thickness", unit=_MM, digits=2
    ),
    Quantity(figure="scale", slug="scale", name="Scaling", unit="", digits=4),
)
_OF_FIGURE: Final = {one.figure: one for one in ALL_QUANTITIES}


def quantity_of(figure: str) -> Quantity:
    """Return what there is to say of a recorded figure; one that no page knows keeps its name."""
    if figure in _OF_FIGURE:
        return _OF_FIGURE[figure]
    if figure.startswith(_ROI):
        material = figure.removeprefix(_ROI)
        return Quantity(
            figure=figure,
            slug=figure,
            name=material[:1].upper() + material[1:],
            unit="HU",
            digits=1,
        )
    return Quantity(figure=figure, slug=figure, name=figure.replace("_", " "), unit="", digits=3)
