"""What a path is about decides who may go there: so every path has to be about the right thing."""

from __future__ import annotations

import pytest

from noctis_lab.access import Action
from noctis_lab.web.targets import Kind, find_target

API = "/api/v1/dicom"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/viewer/1.2.3", Kind.STUDY),
        ("/viewer/1.2.3/ws", Kind.STUDY),
        (f"{API}/studies/1.2.3", Kind.STUDY),
        (f"{API}/studies/1.2.3/series", Kind.STUDY),
        (f"{API}/studies/1.2.3/series/1.2.3.1/stack", Kind.STUDY),
        (f"{API}/studies/1.2.3/series/1.2.3.1/pixels", Kind.STUDY),
        (f"{API}/studies/1.2.3/series/1.2.3.1/preview", Kind.STUDY),
        (f"{API}/studies/1.2.3/series/1.2.3.1/thumbnail", Kind.STUDY),
        (f"{API}/image/1.2.3/metadata", Kind.IMAGE),
    ],
)
def test_a_path_with_a_uid_is_about_what_it_names(path: str, kind: Kind) -> None:
    target = find_target(path)
    assert (target.kind, target.UID) == (kind, "1.2.3")
    assert "1.2.3" not in target.template


@pytest.mark.parametrize(
    "path",
    [
        "/viewer/1.2.3/autoload.js",
        "/viewer/1.2.3/metadata",
        "/viewer/1.2.3/static/x.js",
        "/viewer/1.2.3/",
        "/viewer",
        "/viewer/../secret_key",
        "/viewer/1.2.3\n",
        f"/viewer/{'1' * 65}",
        "/autoload.js",
        "/metadata",
        f"{API}/studies/1.2.3/series/1.2.3/anything-new",
        f"{API}/studies/1.2.3/series/abc/pixels",
        f"{API}/image/1.2.3",
        "/upload/autoload.js",
        "/upload/metadata",
        f"{API}/upload/anything-new",
        f"{API}/demo/anything-new",
    ],
)
def test_under_a_study_only_what_is_named_exists(path: str) -> None:
    assert find_target(path).kind is Kind.NOTHING


@pytest.mark.parametrize("path", ["/login", "/health", "/assets/page.css", "/api/v1/session"])
def test_only_the_way_in_is_public(path: str) -> None:
    assert find_target(path).kind is Kind.PUBLIC


@pytest.mark.parametrize(
    "path", ["/", "/ws", "/loginx", "/healthz", "/assets", "/static/js/bokeh.js", f"{API}/status"]
)
def test_everything_else_needs_a_principal(path: str) -> None:
    assert find_target(path).kind is Kind.PLACE


def test_senders_are_for_administrators() -> None:
    for path in (f"{API}/senders", f"{API}/senders/approve", f"{API}/senders/block"):
        assert find_target(path).action is Action.ADMINISTER


def test_quarantine_and_health_are_for_administrators() -> None:
    for path in (f"{API}/quarantine", f"{API}/quarantine/ab/accept", f"{API}/health"):
        assert find_target(path).action is Action.ADMINISTER


def test_a_template_never_holds_what_somebody_typed() -> None:
    assert find_target("/DOE^JANE").template == "(unknown)"


def test_only_those_who_may_upload_reach_what_takes_files() -> None:
    for path in ("/upload", "/upload/ws", f"{API}/upload", f"{API}/upload/progress"):
        assert find_target(path).action is Action.UPLOAD
    assert find_target(f"{API}/demo").action is Action.ADMINISTER


def test_no_body_but_an_upload_s_is_its_route_s_to_read() -> None:
    assert find_target(f"{API}/upload").is_streamed
    for path in (
        "/upload",
        f"{API}/upload/progress",
        f"{API}/demo",
        f"{API}/studies/search",
        "/api/v1/session",
        "/anything",
    ):
        assert not find_target(path).is_streamed
