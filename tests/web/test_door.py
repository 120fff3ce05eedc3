"""The door holds when others misbehave: cookies, logs, proxies, a database that does not answer."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from noctis_lab.catalog.store import open_catalog
from noctis_lab.config import open_settings
from noctis_lab.errors import SettingsError
from noctis_lab.lab.addresses import reached_at
from noctis_lab.web.auth import cookie_name
from noctis_lab.web.targets import Kind, Target, find_target
from tests.served import Site, named_series, running

API = "/api/v1/dicom"
PUBLIC = "https://archive.lab.example"


def test_a_cookie_of_another_application_does_not_hide_ours(site: Site) -> None:
    name = cookie_name(site.settings)
    with site.client() as admin:
        both = f'prefs={{"a":1}}; {name}={admin.cookies[name]}'
    answer = httpx.get(f"{site.base}{API}/status", headers={"Cookie": both}, trust_env=False)
    assert answer.status_code == 200


def test_an_address_that_is_none_of_ours_is_logged_without_its_words(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    paths = ["/api/v1/x%0A2026 INFO forged", f"{API}/patients/DOE%5EJOHN", f"{API}/DOE%E2%80%A6"]
    with site.client() as admin:
        for path in paths:
            answer = admin.get(path)
            assert answer.headers["cache-control"] == "private, no-store"

    def lines() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "noctis_lab.web.guard"]

    deadline_s = time.monotonic() + 60
    while lines().count("GET (unknown) 404") < len(paths):  # a line follows its answer
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    ours = [vars(r) for r in caplog.records if r.name.startswith(("noctis_lab", "uvicorn"))]
    assert "forged" not in str(ours)
    assert "DOE" not in str(ours)


@pytest.mark.parametrize("path", ["/api/v1/x", f"{API}/anything…", "/anything…", "/static"])
def test_only_scripts_and_styles_are_static(path: str) -> None:
    assert find_target(path) == Target(kind=Kind.PLACE, template="(unknown)")
    assert find_target("/static/js/bokeh.js").is_static


@contextmanager
def renamed(site: Site, table: str) -> Iterator[None]:
    """Take a table away, so that the database refuses what needs it."""

    def rename(old: str, new: str) -> None:
        with site.catalog.connections.write() as connection:
            connection.exec_driver_sql(f"alter table {old} rename to {new}")

    rename(table, "taken_away")
    try:
        yield
    finally:
        rename("taken_away", table)


def test_a_database_that_does_not_answer_is_a_503(site: Site) -> None:
    with site.client() as admin:
        with renamed(site, "login_session"):
            answer = admin.get(f"{API}/status")
        assert answer.status_code == 503
        assert "login_session" not in answer.text
        assert admin.get(f"{API}/status").status_code == 200


def test_nobody_sees_a_study_while_the_audit_cannot_be_written(site: Site) -> None:
    seen = site.admit(named_series("EAST^ONE"), "east")
    with site.client() as admin:
        with renamed(site, "audit"):
            for _ in range(2):
                assert admin.get(f"/viewer/{seen.study}").status_code == 503
        for _ in range(2):
            assert admin.get(f"/viewer/{seen.study}").status_code == 200
    with site.catalog.connections.read() as connection:
        subjects = connection.exec_driver_sql("select subject from audit").scalars().all()
    assert subjects == [seen.study]


def test_behind_a_reverse_proxy_its_name_is_ours(tmp_path: Path) -> None:
    settings = open_settings(
        {"root": tmp_path, "port": 0, "min_free_bytes": 0, "public_origin": PUBLIC}
    )
    with (
        open_catalog(tmp_path, may_migrate=True) as catalog,
        running(settings) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        host = {"Host": "archive.lab.example"}
        token = people.create_login_token(catalog)
        signed_in = client.get("/login", params={"token": token}, headers=host)
        assert signed_in.status_code == 303
        assert "Secure" in signed_in.headers["set-cookie"]
        session = {"Cookie": signed_in.headers["set-cookie"].split(";")[0], "X-Noctis": "1"}

        def search(**headers: str) -> int:
            asked = session | headers
            return client.post(f"{API}/studies/search", json={}, headers=asked).status_code

        assert search(Host="archive.lab.example", Origin=PUBLIC) == 200
        assert search(Origin=PUBLIC) == 200, "a proxy may put its own name for ours into Host"
        assert search(Origin="https://evil.example") == 403
        assert search(Origin="") == 403
        assert search(Host="evil.example", Origin="https://evil.example") == 421


@pytest.mark.parametrize("origin", ["archive.lab.org", "https://a/path", "ftp://a", "https://"])
def test_a_public_origin_is_scheme_and_host(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SettingsError, match="public_origin"):
        open_settings({"root": tmp_path, "public_origin": origin})


def test_the_account_form_stands_where_somebody_has_a_password(site: Site) -> None:
    with site.client(None) as client:
        assert "account-form" in client.get("/login").text
        people.set_password_hash(site.catalog, "eve", None)
        page = client.get("/login").text
    assert "account-form" not in page
    assert "Sign in with an account" not in page


def test_an_open_stream_ends_with_the_session(site: Site) -> None:
    with (
        site.client() as admin,
        site.client() as other,
        other.stream("GET", f"{API}/notifications/stream") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        people.set_password_hash(site.catalog, ADMIN, None)  # ends every session of theirs
        assert admin.get(f"{API}/status").status_code == 401
        site.admit(named_series("EAST^ONE", planes=1), "east")
        assert [line for line in lines if line.startswith("data:")] == []


def test_an_open_stream_follows_what_its_principal_may_see(site: Site) -> None:
    with (
        site.client("eve") as eve,
        eve.stream("GET", f"{API}/notifications/stream") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        people.revoke_facility(site.catalog, "eve", "east")
        site.admit(named_series("EAST^ONE", planes=1), "east")
        people.grant_facility(site.catalog, "eve", "west")
        west = site.admit(named_series("WEST^TWO", planes=1), "west")
        told = next(line for line in lines if line.startswith("data:"))
    assert west.study in told


@pytest.mark.parametrize(
    ("bound", "reached"), [("127.0.0.1", ["127.0.0.1"]), ("10.4.7.2", ["10.4.7.2"])]
)
def test_the_address_to_send_to_is_the_receivers(bound: str, reached: list[str]) -> None:
    assert list(reached_at(bound)) == reached


@pytest.mark.allow_hosts(["192.0.2.1", "2001:db8::1"])  # a datagram socket: nothing is sent
def test_a_receiver_on_all_addresses_is_reached_by_this_machines_own() -> None:
    reached = reached_at("0.0.0.0")
    own = {
        address.address
        for name, addresses in psutil.net_if_addrs().items()
        if psutil.net_if_stats()[name].isup
        for address in addresses
        if address.family is socket.AF_INET and not address.address.startswith("127.")
    }
    named = set(reached) - {socket.gethostname()}
    assert named == own if len(own) <= 8 else len(named) == 8
    assert not {"0.0.0.0", "127.0.0.1"} & set(reached)
    assert len(set(reached)) == len(reached) >= 1
