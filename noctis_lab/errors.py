"""The one tree of errors; it imports nothing, and every class is also a builtin.

Each error says what was expected, what came and what to do, holds its facts as attributes (None
where whoever raises it has none), and goes through `pickle` whole. No message holds a patient's
name or identifier: UIDs only.

::

    NoctisError
    ├── SettingsError (ValueError)              a setting is unknown, malformed or out of range
    ├── InvalidDicom (ValueError)               bytes are not a DICOM data set that can be kept
    │   ├── TruncatedDicom                      an element says more bytes than there are
    │   ├── NestingTooDeep                      sequences deeper than the bound
    │   └── DicomTooLarge                       a bound in bytes or elements is exceeded
    ├── ArchiveRefused (ValueError)             a zip archive is broken or passes a bound
    ├── UnsupportedTransferSyntax (NotImplementedError)
    ├── DecodeError (ValueError)                a frame's bytes do not decode to its stated shape
    ├── CannotInterpret (ValueError)            a table, overlay or dose cannot be followed
    ├── StudyNotFound, SeriesNotFound, InstanceNotFound (LookupError)
    ├── FrameNotFound (IndexError)              a view has fewer frames than that
    ├── RoiNotFound (LookupError)               no such region in a structure set
    ├── MeasurementNotFound (LookupError)       no such measurement
    ├── UserItemNotFound (LookupError)          nothing of that id is kept for whoever asks
    ├── UserItemRefused (ValueError)            what is to be kept for somebody cannot be, and why
    ├── HangingProtocolRefused (ValueError)     a file is no hanging protocol, and why
    ├── QuarantinedNotFound (LookupError)       no such file is kept aside
    ├── SurfaceNotFound (LookupError)           no such surface is kept, or it is not made yet
    ├── CannotAccept (ValueError)               what is kept aside cannot be admitted, and why
    ├── NotUnique (LookupError)                 `.one()` of none or several; a UID of two studies
    ├── CannotStack (ValueError)                a series is not one stack, and why
    │   ├── DuplicatePositions, MixedGeometry, NoGeometry, NoPixels, CompressedPixels,
    │   ├── SeveralStacks                       `stack=` says which is meant
    │   └── UnsupportedSeries
    │       └── OtherObject                     a dose grid or segmentation: `load` reads it
    ├── CannotExport (ValueError)               what was asked cannot be written so, and why
    │   └── CannotPseudonymise                  identity may remain in pixels, text or a document
    ├── ExtraNotInstalled (ImportError)         an optional dependency is not installed
    ├── CannotCalibrate (ValueError)            no phantom analysis of a series, and its refusal
    │   └── CalibrationNotFound (LookupError)   no such record of calibration, or not one's to see
    ├── CannotView (ValueError)                 what a viewer was given cannot be shown, and why
    ├── CannotMeasure (ValueError)              what was drawn cannot be measured, and why
    ├── CannotOverlay (ValueError)              a mask or segmentation cannot lie over images
    ├── CannotResample (ValueError)             what was asked of a volume in space cannot be given
    │   ├── OtherFrameOfReference               two volumes do not state one patient space
    │   └── NoSurface                           the values do not pass the level
    ├── FileChanged (RuntimeError)              a catalogued file is not what was catalogued
    │   └── SeriesChanged                       a series' frames are not those that were described
    ├── CatalogError (RuntimeError)
    │   ├── ArchiveNotFound (LookupError)       no archive in the folder that was named
    │   ├── SchemaMismatch                      schema newer or older than this program
    │   ├── CatalogLocked (TimeoutError)        the write lock was not to be had in time
    │   └── UnsupportedFilesystem (OSError)     WAL needs a local disk
    ├── StorageError (OSError)
    │   └── NoSpace                             free space below the watermark
    ├── AddressTaken (OSError)                  a service cannot listen where it should
    ├── LabClosed (ValueError)                  a lab was used after its close
    ├── QueryError (ValueError)                 DuckDB refused the SQL, in its words
    ├── AccessDenied (PermissionError)          `access.may` said no
    ├── SenderRefused (PermissionError)         unknown or blocked calling AE title
    └── SendFailed (ConnectionError)            an association or a C-STORE of ours failed

    ContrastWarning (UserWarning)               planes of a volume differ in what is stated of them
    GeometryWarning (UserWarning)               a volume is right, but not what one expects
    PixelWarning (UserWarning)                  pixels contradict what is stated of them
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AccessDenied",
    "AddressTaken",
    "ArchiveNotFound",
    "ArchiveRefused",
    "CalibrationNotFound",
    "CannotAccept",
    "CannotCalibrate",
    "CannotExport",
    "CannotInterpret",
    "CannotMeasure",
    "CannotOverlay",
    "CannotPseudonymise",
    "CannotResample",
    "CannotStack",
    "CannotView",
    "CatalogError",
    "CatalogLocked",
    "CompressedPixels",
    "ContrastWarning",
    "DecodeError",
    "DicomTooLarge",
    "DuplicatePositions",
    "ExtraNotInstalled",
    "FileChanged",
    "FrameNotFound",
    "GeometryWarning",
    "HangingProtocolRefused",
    "InstanceNotFound",
    "InvalidDicom",
    "LabClosed",
    "MeasurementNotFound",
    "MixedGeometry",
    "NestingTooDeep",
    "NoGeometry",
    "NoPixels",
    "NoSpace",
    "NoSurface",
    "NoctisError",
    "NotUnique",
    "OtherFrameOfReference",
    "OtherObject",
    "PixelWarning",
    "QuarantinedNotFound",
    "QueryError",
    "RoiNotFound",
    "SchemaMismatch",
    "SendFailed",
    "SenderRefused",
    "SeriesChanged",
    "SeriesNotFound",
    "SettingsError",
    "SeveralStacks",
    "StorageError",
    "StudyNotFound",
    "SurfaceNotFound",
    "TruncatedDicom",
    "UnsupportedFilesystem",
    "UnsupportedSeries",
    "UnsupportedTransferSyntax",
    "UserItemNotFound",
    "UserItemRefused",
]


class NoctisError(Exception):
    """Root of everything that noctis_lab raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by the constructor, as exceptions are: it takes facts, where `args` holds the message.
        return _revive, (type(self), self.args, self.__dict__)


def _revive(kind: type[NoctisError], args: tuple[Any, ...], facts: dict[str, Any]) -> NoctisError:
    # Of several builtin bases OSError alone has a layout and a beginning of its own: `errno`.
    builtin = OSError if issubclass(kind, OSError) else Exception
    error = builtin.__new__(kind, *args)
    builtin.__init__(error, *args)
    error.__dict__.update(facts)
    return error


class SettingsError(NoctisError, ValueError):
    """A setting is unknown, malformed or out of its range."""


class InvalidDicom(NoctisError, ValueError):
    """Bytes that are not a DICOM data set which can be kept.

    Parameters
    ----------
    reason
        What was expected and what came; no patient data.
    offset
        Byte offset from the start of the file, where known.
    """

    def __init__(self, reason: str, *, offset: int | None = None) -> None:
        super().__init__(reason if offset is None else f"{reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset


class TruncatedDicom(InvalidDicom):
    """An element's length reaches beyond the bytes that are there."""


class NestingTooDeep(InvalidDicom):
    """Sequences are nested deeper than the bound."""


class DicomTooLarge(InvalidDicom):
    """A bound in bytes, or in elements, is exceeded."""


class ArchiveRefused(NoctisError, ValueError):
    """A zip archive, or an entry of one, is broken, encrypted, or passes a bound; never a name."""


class UnsupportedTransferSyntax(NoctisError, NotImplementedError):
    """No decoder here for a transfer syntax; its UID is `transfer_syntax_uid`."""

    def __init__(self, transfer_syntax_uid: str, reason: str = "no decoder is installed") -> None:
        super().__init__(f"transfer syntax {transfer_syntax_uid} cannot be decoded: {reason}")
        self.transfer_syntax_uid = transfer_syntax_uid
        self.reason = reason


class DecodeError(NoctisError, ValueError):
    """A frame's bytes do not decode to the shape and depth its header states."""


class CannotInterpret(NoctisError, ValueError):
    """What a data set states of its values (a table, an overlay, a dose) cannot be followed.

    Parameters
    ----------
    keyword
        The element that is missing or contradicts, by its path.
    reason
        What was expected and what came; no patient data.
    """

    def __init__(self, keyword: str, reason: str) -> None:
        super().__init__(f"{keyword}: {reason}")
        self.keyword = keyword
        self.reason = reason


class StudyNotFound(NoctisError, LookupError):
    """No study with that StudyInstanceUID in this archive."""

    def __init__(self, message: str, *, StudyInstanceUID: str | None = None) -> None:
        super().__init__(message)
        self.StudyInstanceUID = StudyInstanceUID


class SeriesNotFound(NoctisError, LookupError):
    """No series with that SeriesInstanceUID in this archive."""

    def __init__(self, message: str, *, SeriesInstanceUID: str | None = None) -> None:
        super().__init__(message)
        self.SeriesInstanceUID = SeriesInstanceUID


class InstanceNotFound(NoctisError, LookupError):
    """No instance with that SOPInstanceUID in this archive."""

    def __init__(self, message: str, *, SOPInstanceUID: str | None = None) -> None:
        super().__init__(message)
        self.SOPInstanceUID = SOPInstanceUID


class FrameNotFound(NoctisError, IndexError):
    """A view of a series has fewer frames than that."""

    def __init__(self, message: str, *, SeriesInstanceUID: str | None = None) -> None:
        super().__init__(message)
        self.SeriesInstanceUID = SeriesInstanceUID


class RoiNotFound(NoctisError, LookupError):
    """A structure set has no region of interest of that name or number, or has several."""

    def __init__(self, message: str, *, numbers: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.numbers = numbers


class MeasurementNotFound(NoctisError, LookupError):
    """No measurement of that MeasurementUID in this series."""

    def __init__(self, message: str, *, MeasurementUID: str | None = None) -> None:
        super().__init__(message)
        self.MeasurementUID = MeasurementUID


class UserItemNotFound(NoctisError, LookupError):
    """Whoever asks keeps nothing of that id, or may not see it any more."""

    def __init__(self, message: str, *, item_id: str | None = None) -> None:
        super().__init__(message)
        self.item_id = item_id


class UserItemRefused(NoctisError, ValueError):
    """A view or a layout cannot be kept under that name; says what was expected."""


class HangingProtocolRefused(NoctisError, ValueError):
    """A file or document is no hanging protocol.

    Parameters
    ----------
    reason
        What was expected and what came.
    source
        The file's name, or what else the document is called; empty where it has none.
    line
        From 1; None where the whole is meant, or there are no lines.
    """

    def __init__(self, reason: str, *, source: str = "", line: int | None = None) -> None:
        where = ", ".join(part for part in (source, "" if line is None else f"line {line}") if part)
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.source = source
        self.line = line


class SurfaceNotFound(NoctisError, LookupError):
    """No surface of that key is kept of a series, or it has not been made yet."""

    def __init__(self, message: str, *, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class QuarantinedNotFound(NoctisError, LookupError):
    """No file of that id is kept aside, whole and with its reason."""

    def __init__(self, message: str, *, quarantine_id: str | None = None) -> None:
        super().__init__(message)
        self.quarantine_id = quarantine_id


class CannotAccept(NoctisError, ValueError):
    """A file that is kept aside cannot be admitted; `reason` says why and what to do."""

    def __init__(self, quarantine_id: str, reason: str) -> None:
        super().__init__(f"quarantined file {quarantine_id} cannot be accepted: {reason}")
        self.quarantine_id = quarantine_id
        self.reason = reason


class NotUnique(NoctisError, LookupError):
    """`.one()` was asked of a selection of none or several, or a UID that several studies hold."""

    def __init__(self, message: str, *, count: int) -> None:
        super().__init__(message)
        self.count = count


class CannotStack(NoctisError, ValueError):
    """A series does not form one stack of planes, and why.

    Parameters
    ----------
    SeriesInstanceUID
        The series that was asked for.
    reason
        What stands against it and what to do.
    SOPInstanceUIDs
        The instances concerned, where the reason is about some.
    """

    def __init__(
        self, SeriesInstanceUID: str, reason: str, *, SOPInstanceUIDs: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"series {SeriesInstanceUID}: {reason}")
        self.SeriesInstanceUID = SeriesInstanceUID
        self.reason = reason
        self.SOPInstanceUIDs = SOPInstanceUIDs


class DuplicatePositions(CannotStack):
    """Two or more planes lie at the same position."""


class MixedGeometry(CannotStack):
    """Matrix, spacing, orientation or frame of reference differ within the series."""


class NoGeometry(CannotStack):
    """Image Position or Image Orientation (Patient) is missing."""


class NoPixels(CannotStack):
    """The series holds no pixel data (SR, RTSTRUCT, presentation states …)."""


class CompressedPixels(CannotStack):
    """The pixels are compressed in a way that cannot be loaded yet."""


class SeveralStacks(CannotStack):
    """The series makes several arrays; `stack=` names the one that is meant, and `reason` all."""


class UnsupportedSeries(CannotStack):
    """A kind of series that is not loaded as a volume yet, by name."""


class CannotExport(NoctisError, ValueError):
    """A volume or series cannot be written in the form that was asked; says what to do."""


class CannotPseudonymise(CannotExport):
    """Identity may remain in what pseudonymisation cannot clean; `reason` says where.

    Parameters
    ----------
    SOPInstanceUID
        The instance concerned.
    reason
        What stands against it and what to do; no patient data.
    """

    def __init__(self, SOPInstanceUID: str, reason: str) -> None:
        super().__init__(f"instance {SOPInstanceUID} cannot be pseudonymised: {reason}")
        self.SOPInstanceUID = SOPInstanceUID
        self.reason = reason


class ExtraNotInstalled(NoctisError, ImportError):
    """An optional dependency is not installed; `extra` is the extra that brings it."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"{module} is not installed here: python3 -m pip install 'noctis-lab[{extra}]'"
        )
        self.extra = extra


class CannotCalibrate(NoctisError, ValueError):
    """A series cannot be analysed as a phantom of known materials.

    Parameters
    ----------
    refusal
        Its name: ``no_phantom``, ``unrecognised``, ``ambiguous``, ``partial`` …
    reason
        What was expected and what came.
    """

    def __init__(self, refusal: str, reason: str) -> None:
        super().__init__(f"{refusal}: {reason}")
        self.refusal = refusal
        self.reason = reason


class CalibrationNotFound(CannotCalibrate, LookupError):
    """There is no such record of calibration, or it is none that the principal sees."""


class CannotView(NoctisError, ValueError):
    """What a viewer or an export of one was given cannot be shown; says what can be."""


class CannotMeasure(NoctisError, ValueError):
    """What was drawn is no measurement, or is of nothing that can be measured; says what to do."""


class CannotOverlay(NoctisError, ValueError):
    """A mask or segmentation cannot be laid over images; says what was expected and what came."""


class CannotResample(NoctisError, ValueError):
    """A plane, grid or surface of a volume cannot be given as asked; the message says what to do.

    Parameters
    ----------
    reason
        What was expected, what came and what to do.
    SeriesInstanceUID
        The volume's, where it states one.
    """

    def __init__(self, reason: str, *, SeriesInstanceUID: str | None = None) -> None:
        super().__init__(
            reason if SeriesInstanceUID is None else f"series {SeriesInstanceUID}: {reason}"
        )
        self.reason = reason
        self.SeriesInstanceUID = SeriesInstanceUID


class OtherFrameOfReference(CannotResample):
    """Two volumes do not state one FrameOfReferenceUID: their places are not comparable."""


class NoSurface(CannotResample):
    """No surface is at a level: the values do not pass it."""


class OtherObject(UnsupportedSeries):
    """Voxels that are no image's (a dose grid, a segmentation): `load` reads them, no stack."""


class FileChanged(NoctisError, RuntimeError):
    """A catalogued file is missing, or its size or time is not what was catalogued."""

    def __init__(
        self, message: str, *, SOPInstanceUID: str | None = None, path: str | None = None
    ) -> None:
        super().__init__(message)
        self.SOPInstanceUID = SOPInstanceUID
        self.path = path


class SeriesChanged(FileChanged):
    """A frame came, went or moved since the series was described: its places are other ones."""

    def __init__(self, message: str, *, SeriesInstanceUID: str | None = None) -> None:
        super().__init__(message)
        self.SeriesInstanceUID = SeriesInstanceUID


class CatalogError(NoctisError, RuntimeError):
    """The catalogue cannot do what was asked of it."""


class ArchiveNotFound(CatalogError, LookupError):
    """No archive is in the folder that was named; the folder is `root`."""

    def __init__(self, message: str, *, root: str | None = None) -> None:
        super().__init__(message)
        self.root = root


class SchemaMismatch(CatalogError):
    """The catalogue's schema is newer or older than this program's."""


class CatalogLocked(CatalogError, TimeoutError):
    """The catalogue's write lock was not to be had in time."""

    def __init__(
        self, message: str, *, path: str | None = None, timeout_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.timeout_s = timeout_s


class UnsupportedFilesystem(CatalogError, OSError):
    """The catalogue lies on a network file system, where SQLite's WAL is unsafe."""


class StorageError(NoctisError, OSError):
    """Bytes could not be put to rest."""


class NoSpace(StorageError):
    """Free space is below the watermark, or a write met a full disk."""

    def __init__(
        self, *words: object, free_bytes: int | None = None, needed_bytes: int | None = None
    ) -> None:
        super().__init__(*words)  # a message, or errno and a message, as OSError has it
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes


class AddressTaken(NoctisError, OSError):
    """Another program listens on the address that a service was to listen on."""


class LabClosed(NoctisError, ValueError):
    """A lab was used after its close; its archive's folder is `root`."""

    def __init__(self, message: str, *, root: str | None = None) -> None:
        super().__init__(message)
        self.root = root


class QueryError(NoctisError, ValueError):
    """DuckDB refused a query; the message is DuckDB's own, without the values that it quotes."""


class AccessDenied(NoctisError, PermissionError):
    """The principal may not do that."""

    def __init__(
        self, message: str, *, principal: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(message)
        self.principal = principal
        self.action = action


class SenderRefused(NoctisError, PermissionError):
    """The calling AE title is unknown here, or blocked."""

    def __init__(
        self, message: str, *, calling_aet: str | None = None, address: str | None = None
    ) -> None:
        super().__init__(message)
        self.calling_aet = calling_aet
        self.address = address


class SendFailed(NoctisError, ConnectionError):
    """An association or a C-STORE that we began did not succeed."""


class ContrastWarning(UserWarning):
    """Planes of one volume are not alike in something that is stated of them: ImageType, say.

    Parameters
    ----------
    SeriesInstanceUID
        The series.
    reason
        What is so; no patient data.
    varying
        The names of what changes from plane to plane.
    """

    def __init__(self, SeriesInstanceUID: str, reason: str, varying: tuple[str, ...] = ()) -> None:
        super().__init__(SeriesInstanceUID, reason, varying)
        self.SeriesInstanceUID = SeriesInstanceUID
        self.reason = reason
        self.varying = varying

    def __str__(self) -> str:
        return f"series {self.SeriesInstanceUID}: {self.reason}"


class GeometryWarning(UserWarning):
    """A volume is right as it is given, but not what one may expect: planes are missing, say.

    Parameters
    ----------
    SeriesInstanceUID
        The series.
    reason
        What is so; no patient data.
    gaps
        Where planes are missing, as (z coordinate in mm of the plane before, how many).
    """

    def __init__(
        self,
        SeriesInstanceUID: str,
        reason: str,
        gaps: tuple[tuple[float, int], ...] = (),
    ) -> None:
        super().__init__(SeriesInstanceUID, reason, gaps)
        self.SeriesInstanceUID = SeriesInstanceUID
        self.reason = reason
        self.gaps = gaps

    def __str__(self) -> str:
        return f"series {self.SeriesInstanceUID}: {self.reason}"


class PixelWarning(UserWarning):
    """Pixels contradict what is stated of them; the reason says what came and how it was taken.

    Parameters
    ----------
    reason
        What is so; no patient data.
    SeriesInstanceUID
        The series, where who warns knows it.
    """

    def __init__(self, reason: str, SeriesInstanceUID: str | None = None) -> None:
        super().__init__(reason, SeriesInstanceUID)
        self.reason = reason
        self.SeriesInstanceUID = SeriesInstanceUID

    def __str__(self) -> str:
        uid = self.SeriesInstanceUID
        return self.reason if uid is None else f"series {uid}: {self.reason}"
