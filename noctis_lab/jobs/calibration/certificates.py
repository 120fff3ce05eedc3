"""Phantoms' own certificates, as people have entered them: which values hold for which scan."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from noctis_lab.analysis.calibration.nominals import Nominal, load_nominals, parse_nominals
from noctis_lab.analysis.calibration.phantoms import load_phantoms
from noctis_lab.analysis.calibration.recognise import WATER_PHANTOM
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.errors import CannotCalibrate

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog

__all__ = ["Certificates", "certificates_of", "find_certificate", "parse_certificates"]

_WATER: Final = frozenset({"water"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What holds beside the values that ship here.

    Attributes
    ----------
    nominals
        Of every phantom that has a certificate; each row bears its serial number.
    serials
        Model → serial number of the phantom that a scanner is scanned with.
    ids
        (model, serial number) → `certificate_id`.
    """

    nominals: tuple[Nominal, ...] = ()
    serials: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[tuple[str, str | None], str] = field(default_factory=dict)

    @property
    def all_nominals(self) -> tuple[Nominal, ...]:
        """Those that ship, and these."""
        return (*load_nominals(), *self.nominals)

    @classmethod
    def of(cls, records: Iterable[HuRecord], scanner: str | None) -> Self:
        """Return what certificates say, oldest first: of one phantom the newest holds."""
        held: dict[tuple[str, str | None], tuple[str, tuple[Nominal, ...]]] = {}
        serials: dict[str, str] = {}
        for record in records:
            told = record.document
            key = str(told.get("phantom_model")), str(told.get("phantom_serial"))
            nominals = _stated(told)
            if not nominals:
                continue
            held[key] = record.record_id, nominals
            if scanner is not None and record.scanner == scanner:
                serials[key[0]] = key[1]
        return cls(
            nominals=tuple(each for _, nominals in held.values() for each in nominals),
            serials=serials,
            ids={key: record_id for key, (record_id, _) in held.items()},
        )


def certificates_of(
    catalog: Catalog, facilities: Collection[str] | None, *, scanner: str | None
) -> Certificates:
    """Return the certificates that people of some facilities have entered, as a scanner has them.

    Parameters
    ----------
    facilities
        None for every one.
    scanner
        As `hu_analysis.scanner` names it.
    """
    return Certificates.of(find_in_sight(catalog, (HuKind.CERTIFICATE,), facilities), scanner)


def find_certificate(catalog: Catalog, certificate_id: str | None) -> Certificates:
    """Return the one certificate that an analysis was recorded with; empty where it had none."""
    if certificate_id is None:
        return Certificates()
    records = find_in_sight(catalog, (HuKind.CERTIFICATE,))
    return Certificates.of((each for each in records if each.record_id == certificate_id), None)


def parse_certificates(text: str) -> list[dict[str, Any]]:
    """Return the documents of the certificates in a CSV of nominal values, one a phantom.

    Raises
    ------
    CannotCalibrate
        ``bad_certificate``: a line is none, bears no serial number, or is of a phantom or material
        that is not known here; says which there are.
    """
    try:
        rows = parse_nominals(text)
    except ValueError as error:
        raise CannotCalibrate("bad_certificate", str(error)) from None
    known: dict[str, frozenset[str]] = {
        phantom.model: frozenset(insert.material for insert in phantom.inserts)
        for phantom in load_phantoms()
    } | {WATER_PHANTOM: _WATER}
    found: dict[tuple[str, str], list[Nominal]] = {}
    for row in rows:
        if row.serial is None:
            raise CannotCalibrate(
                "bad_certificate",
                f"expected a serial number in each line, came none with {row.material}",
            )
        if row.phantom not in known:
            raise CannotCalibrate(
                "bad_certificate",
                f"expected one of {', '.join(known)} as phantom, came {row.phantom[:64]!r}",
            )
        if row.material not in known[row.phantom]:
            raise CannotCalibrate(
                "bad_certificate",
                f"expected a material of {row.phantom}, {', '.join(sorted(known[row.phantom]))}; "
                f"came {row.material[:64]!r}",
            )
        found.setdefault((row.phantom, row.serial), []).append(row)
    if not found:
        raise CannotCalibrate("bad_certificate", "expected at least one line of values, came none")
    return [
        {"phantom_model": model, "phantom_serial": serial, "nominals": _as_json(values)}
        for (model, serial), values in found.items()
    ]


def _as_json(nominals: Sequence[Nominal]) -> str:
    return json.dumps([asdict(each) for each in nominals], separators=(",", ":"))


def _stated(told: Mapping[str, Any]) -> tuple[Nominal, ...]:
    """Return the values of a record, which only `parse_certificates` writes; none if it is none."""
    try:
        rows = json.loads(told["nominals"])
        return tuple(Nominal(**(row | {"kvp": tuple(row["kvp"])})) for row in rows)
    except (KeyError, TypeError, ValueError):
        return ()
