"""What the API takes, and gives where no value object says it: the border where JSON is typed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from noctis_lab.catalog.records import QuarantineRow, ReceiptSource, SenderRow, UnknownSenderRow
from noctis_lab.catalog.senders import canonical_address
from noctis_lab.catalog.worklist import SORTS
from noctis_lab.jobs.doctor import Finding
from noctis_lab.views.listing import StudyQuery

__all__ = [
    "AcknowledgeAlarm",
    "AddCertificates",
    "AddSender",
    "AskSurface",
    "CountStudies",
    "DemoAnswer",
    "ElementAnswer",
    "FacilityName",
    "HangingProtocolAnswer",
    "HangingProtocolText",
    "HealthAnswer",
    "HuPageAnswer",
    "InspectionAnswer",
    "MeasurementAnswer",
    "NoteScannerEvent",
    "ProblemAnswer",
    "QuarantineAnswer",
    "QuarantinedRow",
    "RecordedAnswer",
    "RenameHangingProtocol",
    "SaveLayout",
    "SaveViewerSession",
    "SaveWindowPreset",
    "SearchStudies",
    "SegmentAnswer",
    "SenderName",
    "SendersAnswer",
    "SetBaseline",
    "SignIn",
    "SignedIn",
    "StudyFilters",
    "SurfaceAnswer",
    "UploadAnswer",
    "UploadItemAnswer",
    "UploadProgressAnswer",
    "UploadTerms",
    "ViewerSessionAnswer",
    "WindowPresetAnswer",
]

#: PS3.5 6.2 AE: 16 characters of the default repertoire, no backslash, no control character.
AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")]
FacilityName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[\w .-]+$"),
]
Address = Annotated[
    str, Field(max_length=64), AfterValidator(lambda text: canonical_address(text) if text else "")
]
Modality = Annotated[str, Field(max_length=16)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True)


class StudyFilters(_Asked):
    """What the worklist is narrowed to; empty means all."""

    modalities: tuple[Modality, ...] = Field((), max_length=32)
    facilities: tuple[FacilityName, ...] = Field((), max_length=64)
    received_days: int | None = Field(None, ge=1, le=36_500)


class CountStudies(_Asked):
    """A search whose studies are counted."""

    text: str = Field("", max_length=200)
    filters: StudyFilters = StudyFilters()

    def to_query(self) -> StudyQuery:
        """Return the search."""
        return StudyQuery(text=self.text, **self.filters.model_dump())


class SearchStudies(CountStudies):
    """A search over studies; `sort` is a column, with a minus for descending."""

    sort: str = Field("-last_received_at", max_length=64)
    offset: int = Field(0, ge=0, le=10_000_000)
    limit: int = Field(50, ge=1, le=200)

    @field_validator("sort")
    @classmethod
    def _sorts_by_a_column(cls, sort: str) -> str:
        if sort.removeprefix("-") not in SORTS:
            raise ValueError(f"one of {', '.join(SORTS)}, with a minus for descending")
        return sort

    def to_query(self) -> StudyQuery:
        """Return the search."""
        return StudyQuery(
            text=self.text,
            sort=self.sort,
            offset=self.offset,
            limit=self.limit,
            **self.filters.model_dump(),
        )


class ElementAnswer(_Given):
    """One element of an instance's header, as text."""

    path: str
    tag: str
    VR: str
    value: str | None


class SendersAnswer(_Given):
    """Who sends, who asked to, and the facilities there are."""

    known: tuple[SenderRow, ...]
    unknown: tuple[UnknownSenderRow, ...]
    facilities: tuple[str, ...]


class AddSender(_Asked):
    """Accept a calling AE title into a facility, from one address or (empty) from anywhere."""

    aet: AeTitle
    address: Address = ""
    facility: FacilityName


class SenderName(_Asked):
    """A calling AE title, at one address or (empty) at any."""

    aet: AeTitle
    address: Address = ""


class HealthAnswer(_Given):
    """What a quick look at this installation finds, in the order of the checks."""

    findings: tuple[Finding, ...]


class QuarantinedRow(_Given):
    """One file that is kept aside, and why."""

    quarantine_id: str
    kind: str
    reason: str
    SOPInstanceUID: str | None
    StudyInstanceUID: str | None
    size_bytes: int
    source: ReceiptSource
    calling_aet: str
    facility: str
    received_at: datetime

    @classmethod
    def of(cls, row: QuarantineRow) -> Self:
        """Return the answer for a row of the catalogue."""
        return cls(
            quarantine_id=row.quarantine_id,
            kind=row.kind,
            reason=row.reason,
            SOPInstanceUID=row.SOPInstanceUID,
            StudyInstanceUID=row.StudyInstanceUID,
            size_bytes=row.size_bytes,
            source=row.receipt.source,
            calling_aet=row.receipt.calling_aet,
            facility=row.receipt.facility,
            received_at=row.receipt.received_at,
        )


class QuarantineAnswer(_Given):
    """How many are kept aside, and some of them, newest first."""

    total: int
    rows: tuple[QuarantinedRow, ...]


class InspectionAnswer(QuarantinedRow):
    """One of them, with the elements in which it is not what stands, and what accepting means."""

    differences: tuple[str, ...]
    can_accept: bool
    accept_means: str


class SignIn(_Asked):
    """A start token, or a name and its password."""

    token: str | None = Field(None, max_length=512)
    name: str | None = Field(None, max_length=64)
    password: str | None = Field(None, max_length=1024)


class SignedIn(_Given):
    """Who is signed in."""

    name: str


class UploadTerms(_Given):
    """Where one may upload to, and the bounds: bytes of a body, bodies at a time."""

    facilities: tuple[str, ...]
    may_add_facility: bool
    most_bytes: int
    at_once: int


class UploadItemAnswer(_Given):
    """What became of one file; `name` is its place in a zip, empty for the body itself."""

    outcome: str
    name: str
    reason: str | None
    StudyInstanceUID: str
    SOPInstanceUID: str
    is_quarantined: bool


class UploadAnswer(_Given):
    """What became of a body: counts, and the file; of a zip, the first that were not taken."""

    is_zip: bool
    is_stopped: bool
    stored: int
    same: int
    conflicts: int
    rejected: int
    items: tuple[UploadItemAnswer, ...]


class UploadProgressAnswer(_Given):
    """Of an upload's files, those that have come to their end, and those found so far."""

    done: int
    found: int


class DemoAnswer(_Given):
    """Where the demo stands: absent, waiting for a worker, loading, loaded, failed (and why)."""

    state: Literal["absent", "waiting", "loading", "loaded", "failed"]
    why: str | None


class MeasurementAnswer(_Given):
    """A measurement as the archive keeps it: the figures in `values` are computed here."""

    MeasurementUID: str
    kind: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str | None
    frame: int | None
    FrameOfReferenceUID: str | None
    points_mm: list[list[float]] | None
    points_px: list[list[float]] | None
    plane: dict[str, Any] | None
    label: str
    extra_index: int | None
    values: dict[str, Any]
    differs: list[str]
    author: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class AskSurface(_Asked):
    """A surface that is asked for: all above a level, or a segment of a segmentation."""

    kind: Literal["threshold", "segment"]
    level: float | None = Field(None, ge=-1e12, le=1e12, allow_inf_nan=False)
    SOPInstanceUID: str | None = Field(None, pattern=r"^[0-9.]{1,64}$")
    segment: int | None = Field(None, ge=1, le=65_535)
    extra_index: int | None = Field(None, ge=0, le=10_000_000)


class SegmentAnswer(_Given):
    """A segment that there can be a surface of."""

    SOPInstanceUID: str
    SeriesInstanceUID: str
    segment: int
    label: str


class SurfaceAnswer(_Given):
    """A surface that waits, is being made, was made, or could not be."""

    key: str
    kind: str
    level: float
    state: str
    progress: float
    units: str | None
    label: str
    volume_mm3: float | None
    area_mm2: float | None
    faces: int | None
    shown_step: int
    error: str | None
    extra_index: int | None


class ProblemAnswer(_Given):
    """What every refusal and failure looks like."""

    status: int
    detail: str
    expected: str
    came: str
    what_to_do: str


class SaveViewerSession(_Asked):
    """A view to be kept under a name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    StudyInstanceUID: Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
    state: dict[str, Any]


class ViewerSessionAnswer(BaseModel):
    """One of one's own viewer sessions; `state` is a view's, as the viewer has it."""

    item_id: str
    name: str
    StudyInstanceUID: str
    state: dict[str, Any]
    saved_at: datetime


class AppliesTo(_Asked):
    """Patterns (``*``, ``?``) of columns of which one series has to be; empty ones ask nothing."""

    Modality: str = Field("", max_length=16)
    SeriesDescription: str = Field("", max_length=100)
    BodyPartExamined: str = Field("", max_length=100)


class SaveLayout(_Asked):
    """A view to be kept as a hanging protocol."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    state: dict[str, Any]
    applies_to: AppliesTo
    keep_windows: bool = True


class HangingProtocolText(_Asked):
    """A hanging protocol as YAML."""

    yaml: Annotated[str, Field(min_length=1, max_length=32 * 1024)]


class RenameHangingProtocol(_Asked):
    """Another name for a hanging protocol."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class HangingProtocolAnswer(_Given):
    """One of one's own hanging protocols, whole as YAML."""

    item_id: str
    name: str
    description: str
    yaml: str
    saved_at: datetime


class SaveWindowPreset(_Asked):
    """A window, in modality values, to be kept under a name for a modality."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    Modality: Annotated[str, Field(min_length=1, max_length=16)]
    center: float = Field(allow_inf_nan=False)
    width: float = Field(gt=0, allow_inf_nan=False)
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"


class AcknowledgeAlarm(_Asked):
    """What somebody says of an alarm that they looked at."""

    note: Annotated[str, Field(min_length=1, max_length=500)]


class NoteScannerEvent(_Asked):
    """What happened to a scanner; a time without a zone is by the scanner's own clock."""

    scanner: Annotated[str, Field(min_length=1, max_length=500)]
    event_kind: Annotated[str, Field(min_length=1, max_length=64)]
    happened_at: datetime | None = None
    note: Annotated[str, Field(max_length=500)] = ""


class SetBaseline(_Asked):
    """What a figure is to be held against; `center` and `sigma` both, or neither: from scans."""

    scanner: Annotated[str, Field(min_length=1, max_length=500)]
    protocol: Annotated[str, Field(min_length=1, max_length=500)]
    quantity: Annotated[str, Field(min_length=1, max_length=100)]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    valid_from: datetime | None = None
    center: float | None = Field(None, ge=-1e6, le=1e6, allow_inf_nan=False)
    sigma: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False)


class AddCertificates(_Asked):
    """Phantoms' own nominal values, as CSV; `scanner`: which is scanned with them."""

    csv: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    scanner: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    note: Annotated[str, Field(max_length=500)] = ""


class RecordedAnswer(_Given):
    """Under which id something was recorded."""

    record_id: str


class HuPageAnswer(_Given):
    """A window of what is recorded of calibration; `rows` have the columns of their view."""

    total: int
    offset: int
    rows: list[dict[str, Any]]


class WindowPresetAnswer(_Given):
    """One of one's own window presets."""

    item_id: str
    name: str
    Modality: str
    center: float
    width: float
    function: str
