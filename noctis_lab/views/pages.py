"""The pages: our own shell around Panel documents, mounted on a FastAPI application."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bokeh
import panel as pn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup
from panel.io.fastapi import add_applications
from panel.io.resources import LOCAL_DIST
from panel.viewable import Viewable

from noctis_lab.access import Action, Principal, may
from noctis_lab.dicom.person_name import write_person_name
from noctis_lab.views.calibration.address import CALIBRATION_PATH, read_asked
from noctis_lab.views.listing import may_see_study
from noctis_lab.views.status import find_named_root

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "API_PATH",
    "ASSETS_PATH",
    "CALIBRATION_PATH",
    "UPLOAD_PATH",
    "VIEWER_PATH",
    "Visit",
    "mount_pages",
    "render_login",
    "render_notice",
]

#: Panel matches such a template itself: the document's path and its websocket's alike.
VIEWER_PATH = "/viewer/{StudyInstanceUID}"
UPLOAD_PATH = "/upload"
ASSETS_PATH = "/assets"
#: Where the components ask; the web floor mounts its routes there.
API_PATH = "/api/v1/dicom"

_STATIC = Path(__file__).parent / "static"
_UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1
_SCRIPT_TAG = re.compile(r"<script(?=[\s>])")
_WEBGL = re.compile(r'<script[^>]*src="[^"]*/bokeh-gl\.min\.js"[^>]*></script>')
_BOKEH_SOURCE = re.compile(r'(src="[^"?]*static/[^"?]*\.js)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who asks for a page, and the nonce that the answer's Content-Security-Policy carries."""

    principal: Principal
    nonce: str


def mount_pages(app: FastAPI, lab: Lab, *, visit: Callable[[], Visit]) -> None:
    """Serve the pages and what they load, from this server alone.

    Parameters
    ----------
    app
        The application; its caller has to guard every path and websocket, ours included.
    lab
        The archive that the pages show.
    visit
        Returns who asks, called in the request's own context.

    Notes
    -----
    Bokeh's session tokens stand in the page, so neither cookies nor headers go into them, and
    they are signed by a key of this process: a session belongs to the process that made it.
    """
    environment = _environment()
    shell = environment.get_template("page.html")

    def worklist() -> Viewable:
        from noctis_lab.views.worklist import Worklist

        visitor = visit()
        _dress(shell, lab, visitor, page="worklist")
        is_admin = may(visitor.principal, Action.ADMINISTER)
        return Worklist(
            is_admin=is_admin,
            can_upload=may(visitor.principal, Action.UPLOAD),
            is_served=True,
            sizing_mode="stretch_both",
            margin=0,
        )

    def upload() -> Viewable:
        from noctis_lab.views.upload import UploadPage

        _dress(shell, lab, visit(), page="upload")
        return UploadPage(sizing_mode="stretch_both", margin=0)

    def viewer() -> Viewable:
        StudyInstanceUID = pn.state.route_params["StudyInstanceUID"]
        visitor = visit()
        _dress(shell, lab, visitor, page="viewer", identity=_identity(lab, StudyInstanceUID))
        asked, compare = _asked_uid("series"), _asked_uid("compare")
        return _viewer_body(lab, visitor.principal, StudyInstanceUID, asked, compare)

    def calibration() -> Viewable:
        visitor = visit()
        _dress(shell, lab, visitor, page="calibration")
        return _calibration_body(lab, visitor.principal)

    app.mount(ASSETS_PATH, StaticFiles(directory=_STATIC), name="assets")
    add_applications(
        {"/": worklist, VIEWER_PATH: viewer, UPLOAD_PATH: upload, CALIBRATION_PATH: calibration},
        app=app,
        title={
            "/": "Worklist · noctis_lab",
            VIEWER_PATH: "Viewer · noctis_lab",
            UPLOAD_PATH: "Upload · noctis_lab",
            CALIBRATION_PATH: "Calibration · noctis_lab",
        },
        location=False,
        ico_path="none",
        websocket_origin="*",  # the guard in front compares Origin with Host, and refuses without
        secret_key=secrets.token_bytes(32),
        sign_sessions=True,
        include_cookies=[],
        include_headers=[],
    )


def render_login(*, machine: str, origin: str, has_accounts: bool, problem: str = "") -> str:
    """Return the sign-in page; `problem` says why the last attempt failed and what to do."""
    template = _environment().get_template("login.html")
    return template.render(
        machine=machine, origin=origin, has_accounts=has_accounts, problem=problem
    )


def render_notice(*, title: str, text: str) -> str:
    """Return a page that says one thing, such as that there is nothing at an address."""
    return _environment().get_template("notice.html").render(title=title, text=text)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("noctis_lab.views", "shell"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_nonce"] = _with_nonce
    environment.filters["slim"] = _slim
    return environment


def _with_nonce(scripts: str, nonce: str) -> Markup:
    # Bokeh's own markup, which holds no text of ours.
    return Markup(_SCRIPT_TAG.sub(f'<script nonce="{nonce}"', scripts))  # noqa: S704


def _slim(scripts: str) -> str:
    """Leave out Bokeh's WebGL, which no page uses, and put versions into addresses.

    An address that changes with its content may be kept by browsers for ever.
    """
    return _BOKEH_SOURCE.sub(rf'\1?v={bokeh.__version__}"', _WEBGL.sub("", scripts))


def _dress(
    shell: Template, lab: Lab, visit: Visit, *, page: str, identity: Sequence[tuple[str, str]] = ()
) -> None:
    principal = visit.principal
    facilities = principal.facilities
    document = pn.state.curdoc
    assert document is not None
    document.template = shell
    variables: dict[str, Any] = {
        "nonce": visit.nonce,
        "page": page,
        "identity": identity,
        "principal": principal,
        "can_upload": may(principal, Action.UPLOAD),
        "initials": principal.name[:2].upper(),
        "facilities": "every facility" if facilities is None else ", ".join(sorted(facilities)),
        "aet": lab.settings.dicom_aet,
        "dicom_port": lab.settings.dicom_port,
        # A session that a websocket begins anew, the page's having ended, is never rendered: its
        # styles too come from here.
        "dist_url": f"/{LOCAL_DIST}",
    }
    document.template_variables.update(variables)


def _asked_uid(name: str) -> str | None:
    """Return a UID that the address asks for; None where it asks for none, or for what is none."""
    values = pn.state.session_args.get(name)
    text = values[-1].decode("ascii", "replace") if values else ""
    return text if _UID.fullmatch(text) else None


def _identity(lab: Lab, StudyInstanceUID: str) -> list[tuple[str, str]]:
    """Return what the top bar says of a study, (class, words) each: the name first."""
    study = lab.catalog.find_study(StudyInstanceUID)
    if study is None:
        return []
    date = study.StudyDate or ""
    if len(date) == 8 and date.isdigit():
        date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    words = [
        ("name", write_person_name(study.PatientName or "")),
        ("id", study.PatientID),
        ("study", study.StudyDescription),
        ("date", date),
    ]
    return [(kind, word) for kind, word in words if word] or [("name", "no name")]


def _viewer_body(
    lab: Lab, principal: Principal, StudyInstanceUID: str, asked: str | None, compare: str | None
) -> Viewable:
    from noctis_lab.views.hanging import hang_page
    from noctis_lab.views.linked_plot import dock_plots
    from noctis_lab.views.state import ViewerState
    from noctis_lab.views.viewer import SeriesView

    rows = lab.catalog.series_of(StudyInstanceUID)
    # The strip is the client's, from the API; a series of another study is not taken over.
    shown = [row.SeriesInstanceUID for row in rows if row.image_count]
    known = {row.SeriesInstanceUID for row in rows}
    first = asked if asked in known else next(iter(shown), "")
    state = ViewerState(SeriesInstanceUID=first)
    # An address that names a series or another study says itself what is shown.
    hanging = hang_page(lab, principal, StudyInstanceUID, is_asked=first == asked or bool(compare))
    if hanging["hung"]:
        state.update_from(hanging["protocols"][0]["state"])
    return SeriesView(
        state,
        hanging=hanging,
        plots=dock_plots(
            lab, state, StudyInstanceUID, lambda study: may_see_study(lab, principal, study)
        ),
        mode="page",
        StudyInstanceUID=StudyInstanceUID,
        # Whether it may be seen is the API's to say, of which the client asks its series.
        compare=compare if compare and compare != StudyInstanceUID else "",
        api_base=API_PATH,
        root=find_named_root(lab.settings, principal) or "",
        sizing_mode="stretch_both",
        margin=0,
    )


def _calibration_body(lab: Lab, principal: Principal) -> Viewable:
    from noctis_lab.views.calibration.opening import open_page

    asked = read_asked(pn.state.session_args)
    root = find_named_root(lab.settings, principal)
    return open_page(lab, principal, asked, api_base=API_PATH, root=root)
