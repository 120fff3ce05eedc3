"""What a path is about: which study or image, and what is done to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from noctis_lab.access import Action
from noctis_lab.web.limits import BODY_BYTES, MEASUREMENT_BYTES

__all__ = ["Kind", "Target", "find_target"]


class Kind(StrEnum):
    """What a path names."""

    NOTHING = "nothing"  # no address of ours: answered 404 by the guard itself
    PUBLIC = "public"  # what a sign-in page needs, and whether the server lives
    PLACE = "place"  # any other page, script or route; its action is about no study
    STUDY = "study"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request is about.

    `template` is the path with UIDs taken out, as the access log shows it. `UID` is the study's or
    image's, by `kind`; None otherwise. `is_viewing` marks what counts as having seen
    the study, for the audit; `is_static`, a script or a style: kept by browsers, not worth a line
    of the access log. The body of one that `is_streamed` is its route's to read, within bounds;
    that of any other may have `body_bytes` bytes.
    """

    kind: Kind
    template: str
    action: Action = Action.SEE
    UID: str | None = None
    is_viewing: bool = False
    is_static: bool = False
    is_streamed: bool = False
    body_bytes: int = BODY_BYTES


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    kind: Kind
    template: str
    action: Action = Action.SEE
    is_viewing: bool = False
    is_streamed: bool = False
    body_bytes: int = BODY_BYTES


_ANY_UID = r"[0-9.]{1,64}"
_UID = rf"(?P<UID>{_ANY_UID})"
_HEX_ID = r"[0-9a-f]{32}"
_API = "/api/v1/dicom"
_SERIES = f"{_API}/studies/{{uid}}/series/{{series}}"


def _rule(
    path: str,
    kind: Kind,
    *,
    action: Action = Action.SEE,
    is_viewing: bool = False,
    is_streamed: bool = False,
    body_bytes: int = BODY_BYTES,
) -> _Rule:
    source = re.escape(path).replace(r"\{uid\}", _UID).replace(r"\{series\}", _ANY_UID)
    source = source.replace(r"\{overlay\}", _ANY_UID)
    source = source.replace(r"\{table\}", "[a-z]{1,32}").replace(r"\{file\}", r"[a-z.]{1,32}")
    source = source.replace(r"\{measurement\}", _HEX_ID).replace(r"\{item\}", _HEX_ID)
    return _Rule(re.compile(source), kind, path, action, is_viewing, is_streamed, body_bytes)


# First match wins. PS3.5 9.1: a UID is at most 64 characters of digits and dots.
_RULES: tuple[_Rule, ...] = (
    _rule("/login", Kind.PUBLIC),
    _rule("/health", Kind.PUBLIC),
    _rule("/api/v1/session", Kind.PUBLIC),
    _rule("/", Kind.PLACE),
    _rule("/ws", Kind.PLACE),
    _rule("/api/v1/openapi.json", Kind.PLACE),
    _rule(f"{_API}/status", Kind.PLACE),
    _rule(f"{_API}/notifications/stream", Kind.PLACE),
    _rule("/upload", Kind.PLACE, action=Action.UPLOAD),
    _rule("/upload/ws", Kind.PLACE, action=Action.UPLOAD),
    _rule(f"{_API}/upload", Kind.PLACE, action=Action.UPLOAD, is_streamed=True),
    _rule(f"{_API}/upload/progress", Kind.PLACE, action=Action.UPLOAD),
    _rule(f"{_API}/demo", Kind.PLACE, action=Action.ADMINISTER),
    _rule(f"{_API}/calibration/records/{{table}}", Kind.PLACE),
    _rule(f"{_API}/calibration/trend", Kind.PLACE),
    _rule(f"{_API}/calibration/charts", Kind.PLACE),
    _rule(f"{_API}/calibration/comparison", Kind.PLACE),
    _rule(f"{_API}/calibration/export/{{file}}", Kind.PLACE),
    _rule(f"{_API}/calibration/alarms", Kind.PLACE),
    _rule(f"{_API}/calibration/alarms/{{item}}/acknowledge", Kind.PLACE, action=Action.CALIBRATE),
    _rule(f"{_API}/calibration/events", Kind.PLACE, action=Action.CALIBRATE),
    _rule(f"{_API}/calibration/baselines", Kind.PLACE, action=Action.CALIBRATE),
    _rule("/api/v1/viewer-sessions", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/api/v1/viewer-sessions/{item}", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/api/v1/hanging-protocols", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/api/v1/hanging-protocols/{item}", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/api/v1/window-presets", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/api/v1/window-presets/{item}", Kind.PLACE, action=Action.ANNOTATE),
    _rule("/viewer/{uid}", Kind.STUDY, is_viewing=True),
    _rule("/viewer/{uid}/ws", Kind.STUDY),
    _rule(f"{_API}/studies/search", Kind.PLACE),
    _rule(f"{_API}/studies/facets", Kind.PLACE),
    _rule(f"{_API}/studies/{{uid}}", Kind.STUDY),
    _rule(f"{_API}/studies/{{uid}}/series", Kind.STUDY),
    _rule(f"{_API}/studies/{{uid}}/hanging", Kind.STUDY),
    _rule(f"{_API}/studies/{{uid}}/series/{{series}}", Kind.STUDY),
    _rule(f"{_API}/studies/{{uid}}/series/{{series}}/stack", Kind.STUDY, is_viewing=True),
    _rule(f"{_API}/studies/{{uid}}/series/{{series}}/pixels", Kind.STUDY, is_viewing=True),
    _rule(f"{_API}/studies/{{uid}}/series/{{series}}/preview", Kind.STUDY, is_viewing=True),
    _rule(f"{_API}/studies/{{uid}}/series/{{series}}/thumbnail", Kind.STUDY),
    _rule(f"{_SERIES}/overlays", Kind.STUDY),
    _rule(f"{_SERIES}/overlays/planes", Kind.STUDY, is_viewing=True),
    _rule(f"{_SERIES}/overlays/{{overlay}}", Kind.STUDY, is_viewing=True),
    _rule(f"{_SERIES}/measurements", Kind.STUDY),
    _rule(f"{_SERIES}/measurements.csv", Kind.STUDY),
    _rule(
        f"{_SERIES}/measurements/{{measurement}}",
        Kind.STUDY,
        action=Action.ANNOTATE,
        body_bytes=MEASUREMENT_BYTES,
    ),
    _rule(f"{_SERIES}/calibration-report", Kind.STUDY, is_viewing=True),
    _rule(f"{_SERIES}/surfaces", Kind.STUDY),
    _rule(f"{_SERIES}/surfaces/segments", Kind.STUDY),
    _rule(f"{_SERIES}/surfaces/{{item}}", Kind.STUDY),
    _rule(f"{_SERIES}/surfaces/{{item}}/mesh", Kind.STUDY, is_viewing=True),
    _rule(f"{_SERIES}/surfaces/{{item}}/stl", Kind.STUDY, is_viewing=True),
    _rule(f"{_API}/image/{{uid}}/metadata", Kind.IMAGE, is_viewing=True),
)
#: Under these only what a rule names exists (Bokeh would serve autoload.js, metadata, static).
_CLOSED = (
    "/viewer",
    "/upload",
    f"{_API}/studies",
    f"{_API}/image",
    f"{_API}/upload",
    f"{_API}/demo",
    f"{_API}/calibration",
    "/api/v1/viewer-sessions",
    "/api/v1/hanging-protocols",
    "/api/v1/window-presets",
    "/autoload.js",
)
_PUBLIC_PREFIX = "/assets/"
_ADMIN_PREFIXES = (f"{_API}/senders", f"{_API}/quarantine", f"{_API}/health")
_SHORTENED = ("/static/", "/components/")


def find_target(path: str) -> Target:
    """Return what a decoded path is about.

    Parameters
    ----------
    path
        The request's path, percent-decoded, as routers see it.
    """
    for rule in _RULES:
        if (match := rule.pattern.fullmatch(path)) is not None:
            return Target(
                kind=rule.kind,
                template=rule.template,
                action=rule.action,
                UID=match.groupdict().get("UID"),
                is_viewing=rule.is_viewing,
                is_streamed=rule.is_streamed,
                body_bytes=rule.body_bytes,
            )
    if path.startswith(_PUBLIC_PREFIX):
        return Target(kind=Kind.PUBLIC, template=_PUBLIC_PREFIX + "…", is_static=True)
    if path == "/metadata" or path.startswith(_CLOSED):
        return Target(kind=Kind.NOTHING, template="(unknown)")
    for prefix in _ADMIN_PREFIXES:
        if path.startswith(prefix):
            return Target(kind=Kind.PLACE, template=prefix, action=Action.ADMINISTER)
    for prefix in _SHORTENED:
        if path.startswith(prefix):
            return Target(kind=Kind.PLACE, template=prefix + "…", is_static=True)
    return Target(kind=Kind.PLACE, template="(unknown)")
