"""CT phantoms as data: modules along z, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["CATPHAN504_INSERTS", "PHANTOM_MODELS", "Gauge", "Insert", "Module", "PhantomModel"]

_AIR_HU: Final = -1000.0
_KVP: Final = (80, 100, 120, 140)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A rod of the sensitometry module: where it is, and its value per tube voltage.

    `angle_deg` is from the right, clockwise as the image is shown.
    """

    material: str
    angle_deg: float
    hu_by_kvp: Mapping[int, float]
    distance_mm: float = 58.7
    radius_mm: float = 6.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A piece of the cylinder: from which to which z, from the sensitometry module's middle.

    `shows` says what is drawn in it: "inserts", "gauge", "targets", or nothing ("plain").
    """

    name: str
    reach_mm: tuple[float, float]
    background_hu: float
    shows: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """Groups of bars on a circle; `groups` are (line pairs per cm, bars)."""

    groups: tuple[tuple[int, int], ...]
    distance_mm: float
    length_mm: float
    step_deg: float
    hu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomModel:
    """A phantom as its drawing has it.

    Attributes
    ----------
    ramp_deg, ramp_distance_mm
        Of the four wires of the sensitometry module; None without.
    node_mm
        Half the side of the square of small holes, one of which is of Teflon; None without.
    """

    model: str
    radius_mm: float
    modules: tuple[Module, ...]
    inserts: tuple[Insert, ...] = ()
    gauge: Gauge | None = None
    ramp_deg: float | None = None
    ramp_distance_mm: float | None = None
    node_mm: float | None = None

    @property
    def reach_mm(self) -> tuple[float, float]:
        """From which to which z the modules reach."""
        edges = [edge for module in self.modules for edge in module.reach_mm]
        return min(edges), max(edges)


def _by_kvp(*hu: float) -> Mapping[int, float]:
    return MappingProxyType(dict(zip(_KVP, hu, strict=True)))


#: Computed for each kVp behind 20 cm of water, but the bone inserts, which are made up. They draw
#: phantoms and are no verdict on any scanner.
_HU: Final = {
    "air": _by_kvp(_AIR_HU, _AIR_HU, _AIR_HU, _AIR_HU),
    "PMP": _by_kvp(-219, -201, -190, -183),
    "LDPE": _by_kvp(-134, -114, -102, -94),
    "polyethylene": _by_kvp(-134, -114, -102, -94),
    "polystyrene": _by_kvp(-78, -59, -47, -40),
    "water": _by_kvp(0, 0, 0, 0),
    "acrylic": _by_kvp(94, 108, 116, 121),
    "Delrin": _by_kvp(331, 340, 345, 349),
    "Teflon": _by_kvp(1002, 970, 951, 938),
    "20 % bone": _by_kvp(295, 259, 237, 223),
    "50 % bone": _by_kvp(905, 793, 725, 681),
    "bone": _by_kvp(1190, 1035, 930, 865),
}


def _insert(
    material: str, angle_deg: float, *, distance_mm: float = 58.7, radius_mm: float = 6.1
) -> Insert:
    return Insert(
        material=material,
        angle_deg=angle_deg,
        hu_by_kvp=_HU[material],
        distance_mm=distance_mm,
        radius_mm=radius_mm,
    )


CATPHAN504_INSERTS: Final[tuple[Insert, ...]] = (
    _insert("air", -90),
    _insert("PMP", -120),
    _insert("LDPE", 180),
    _insert("polystyrene", 120),
    _insert("air", 90),
    _insert("acrylic", 60),
    _insert("Delrin", 0),
    _insert("Teflon", -60),
)
#: The 600's are turned by half a turn, and water stands in place of one of the air holes.
_CATPHAN600_INSERTS: Final = (
    _insert("air", 90),
    _insert("PMP", 60),
    _insert("LDPE", 0),
    _insert("polystyrene", -60),
    _insert("water", -90),
    _insert("acrylic", -120),
    _insert("Delrin", 180),
    _insert("Teflon", 120),
)
_CATPHAN604_INSERTS: Final = (
    _insert("air", -90),
    _insert("PMP", -120),
    _insert("50 % bone", -150),
    _insert("LDPE", 180),
    _insert("polystyrene", 120),
    _insert("air", 90),
    _insert("acrylic", 60),
    _insert("20 % bone", 30),
    _insert("Delrin", 0),
    _insert("Teflon", -60),
)
_ACR_INSERTS: Final = tuple(
    _insert(material, angle, distance_mm=63.0, radius_mm=12.5)
    for material, angle in (
        ("air", 45.0),
        ("polyethylene", -135.0),
        ("acrylic", 135.0),
        ("bone", -45.0),
        ("water", 180.0),
    )
)

_CATPHAN_GAUGE: Final = Gauge(
    groups=((1, 2), (2, 3), (3, 4), (4, 4), (5, 4), (6, 5), (7, 5), (8, 5)),
    distance_mm=47.0,
    length_mm=5.0,
    step_deg=40.0,
    hu=1600.0,
)
_ACR_GAUGE: Final = Gauge(
    groups=((4, 6), (5, 7), (6, 9), (7, 10), (8, 12), (9, 13), (10, 15), (12, 18)),
    distance_mm=70.0,
    length_mm=15.0,
    step_deg=45.0,
    hu=1600.0,
)


def _catphan(
    model: str,
    inserts: tuple[Insert, ...],
    *others: Module,
) -> PhantomModel:
    sensitometry = Module(
        name="sensitometry", reach_mm=(-15.0, 15.0), background_hu=95.0, shows="inserts"
    )
    return PhantomModel(
        model=model,
        radius_mm=97.0 if model == "CatPhan 503" else 100.0,
        modules=(sensitometry, *others),
        inserts=inserts,
        gauge=_CATPHAN_GAUGE,
        ramp_deg=23.0,
        ramp_distance_mm=38.0,
        node_mm=25.0,
    )


def _gauge(low: float, high: float) -> Module:
    return Module(name="resolution", reach_mm=(low, high), background_hu=95.0, shows="gauge")


def _targets(low: float, high: float) -> Module:
    return Module(name="low_contrast", reach_mm=(low, high), background_hu=50.0, shows="targets")


def _plain(low: float, high: float, hu: float = 12.0) -> Module:
    return Module(name="uniformity", reach_mm=(low, high), background_hu=hu)


_MODELS: Final = (
    _catphan("CatPhan 503", CATPHAN504_INSERTS, _gauge(-50, -15), _plain(-135, -50)),
    _catphan(
        "CatPhan 504",
        CATPHAN504_INSERTS,
        _gauge(15, 50),
        _targets(-47.5, -15),
        _plain(-85, -47.5),
    ),
    _catphan(
        "CatPhan 600",
        _CATPHAN600_INSERTS,
        # The module of slanted bead ramps is drawn without them.
        Module(name="beads", reach_mm=(-52.5, -15), background_hu=95.0),
        _gauge(-90, -52.5),
        _targets(-132.5, -90),
        _plain(-185, -132.5),
    ),
    _catphan(
        "CatPhan 604",
        _CATPHAN604_INSERTS,
        _gauge(15, 60),
        _targets(-60, -15),
        _plain(-100, -60),
    ),
    PhantomModel(
        model="ACR 464",
        radius_mm=100.0,
        modules=(
            Module(name="sensitometry", reach_mm=(-20.0, 20.0), background_hu=0.0, shows="inserts"),
            Module(name="low_contrast", reach_mm=(20.0, 60.0), background_hu=90.0),
            _plain(60, 100, 0.0),
            _gauge(100, 140),
        ),
        inserts=_ACR_INSERTS,
        gauge=_ACR_GAUGE,
    ),
    PhantomModel(
        model="water phantom",
        radius_mm=100.0,
        modules=(_plain(-60, 60, 0.0),),
    ),
)

#: By model.
PHANTOM_MODELS: Final[Mapping[str, PhantomModel]] = MappingProxyType(
    {model.model: model for model in _MODELS}
)
