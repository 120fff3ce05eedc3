"""Nothing is served but to whom it may be: every address, every method, every principal."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from urllib.parse import urlsplit

import httpx
import pytest
import websockets

from noctis_lab.catalog import people
from noctis_lab.web.auth import cookie_name
from tests.served import HOSTILE_NAME, PASSWORD, Seen, Site, named_series

API = "/api/v1/dicom"


def addresses_of(seen: Seen) -> list[str]:
    return [
        f"/viewer/{seen.study}",
        f"{API}/studies/{seen.study}",
        f"{API}/studies/{seen.study}/series",
        f"{API}/studies/{seen.study}/series/{seen.series}",
        f"{API}/studies/{seen.study}/series/{seen.series}/stack",
        f"{API}/studies/{seen.study}/series/{seen.series}/pixels",
        f"{API}/studies/{seen.study}/series/{seen.series}/preview",
        f"{API}/studies/{seen.study}/series/{seen.series}/thumbnail",
        f"{API}/image/{seen.instances[0]}/metadata",
    ]


def test_a_study_is_served_to_its_facility_and_does_not_exist_for_others(site: Site) -> None:
    east = site.admit(named_series("EAST^ONE"), "east")
    west = site.admit(named_series("WEST^TWO"), "west")
    with site.client("eve") as eve, site.client() as admin:
        assert {eve.get(path).status_code for path in addresses_of(east)} == {200}
        assert {admin.get(path).status_code for path in addresses_of(west)} == {200}
        for path in addresses_of(west):
            hidden = eve.get(path)
            absent = eve.get(re.sub(r"[0-9.]{20,64}", "2.25.123456789", path))
            assert hidden.status_code == absent.status_code == 404, path
            assert hidden.json() == absent.json()
        found = eve.post(f"{API}/studies/search", json={}).json()
        assert [study["PatientName"] for study in found["studies"]] == ["EAST^ONE"]
        assert eve.post(f"{API}/studies/facets", json={}).json()["facilities"] == {"east": 1}
        assert eve.get(f"{API}/status").json()["instances"] is None


def test_without_a_session_only_the_way_in_answers(site: Site) -> None:
    seen = site.admit(named_series("EAST^ONE"), "east")
    with site.client(None) as nobody:
        for path in [
            *addresses_of(seen),
            "/",
            "/static/js/bokeh.min.js",
            "/api/v1/openapi.json",
            f"{API}/status",
            f"{API}/senders",
            f"{API}/notifications/stream",
            "/components/noctis_lab.views.worklist/Worklist/_bundle_path/worklist.js",
        ]:
            assert nobody.get(path).status_code == 401, path
        page = nobody.get("/viewer/1.2.3", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=/viewer/1.2.3")
        assert nobody.get("/health").json() == {"status": "ok"}
        assert nobody.get("/login").status_code == 200
        assert nobody.get("/assets/page.css").status_code == 200
        assert nobody.get("/assets/../pages.py").status_code in (401, 404)


def test_a_revoked_facility_is_felt_by_an_open_session(site: Site) -> None:
    from noctis_lab.catalog import people

    east = site.admit(named_series("EAST^ONE"), "east")
    with site.client("eve") as eve:
        assert eve.get(f"{API}/studies/{east.study}/series/{east.series}/pixels").status_code == 200
        people.revoke_facility(site.catalog, "eve", "east")
        assert eve.get(f"{API}/studies/{east.study}/series/{east.series}/pixels").status_code == 404


def test_only_administrators_see_senders(site: Site) -> None:
    with site.client("eve") as eve, site.client() as admin:
        answer = eve.get(f"{API}/senders")
        assert answer.status_code == 403
        assert set(answer.json()) == {"status", "detail", "expected", "came", "what_to_do"}
        assert admin.get(f"{API}/senders").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{base}"}, 200),
        ({"Origin": "{base}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_another_site_cannot_change_anything(
    site: Site, headers: dict[str, str], status: int
) -> None:
    with site.client() as admin:
        sent = {name: value.format(base=site.base) for name, value in headers.items()}
        answer = admin.post(f"{API}/studies/search", json={}, headers=sent)
        assert answer.status_code == status
        bare = httpx.post(f"{site.base}{API}/studies/search", json={}, cookies=admin.cookies)
        assert bare.status_code == 403, "the header alone tells our pages from a form"


def test_a_foreign_name_for_the_loopback_is_refused(site: Site) -> None:
    port = urlsplit(site.base).port
    with site.client() as admin:
        for host, status in [
            (f"localhost:{port}", 200),
            (f"127.0.0.1:{port}", 200),
            (f"rebound.example:{port}", 421),
            ("", 421),
        ]:
            assert admin.get("/health", headers={"Host": host}).status_code == status, host


def test_a_websocket_needs_our_origin_a_session_and_the_study(site: Site) -> None:
    east = site.admit(named_series("EAST^ONE"), "east")
    west = site.admit(named_series("WEST^TWO"), "west")
    address = site.base.replace("http", "ws")
    with site.client("eve") as eve:
        page = eve.get(f"/viewer/{east.study}").text
        name = cookie_name(site.settings)
        cookie = f"{name}={eve.cookies[name]}"
    token = re.search(r'"token":"([^"]+)"', page)
    assert token is not None

    async def opens(path: str, **headers: str) -> bool:
        try:
            async with websockets.connect(
                address + path,
                subprotocols=[websockets.Subprotocol("bokeh"), websockets.Subprotocol(token[1])],
                additional_headers=headers,
                proxy=None,
            ) as opened:
                return bool(await opened.recv())
        except websockets.InvalidStatus as refused:
            return refused.response.status_code != 403

    async def scene() -> list[bool]:
        ours = {"Cookie": cookie, "Origin": site.base}
        return [
            await opens(f"/viewer/{east.study}/ws", **ours),
            await opens(f"/viewer/{east.study}/ws", **(ours | {"Origin": "http://evil.example"})),
            await opens(f"/viewer/{east.study}/ws", Cookie=cookie),
            await opens(f"/viewer/{east.study}/ws", Origin=site.base),
            await opens(f"/viewer/{west.study}/ws", **ours),
        ]

    assert asyncio.run(scene()) == [True, False, False, False, False]


def test_the_page_gives_no_secret_to_its_scripts(site: Site) -> None:
    with site.client() as admin:
        page = admin.get("/").text
        secret = admin.cookies[cookie_name(site.settings)]
    assert secret not in page
    token = re.search(r'"token":"([^"]+)"', page)
    assert token is not None
    import base64

    payload = token[1].split(".")[0]
    decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert secret.encode() not in decoded


def test_no_answer_lacks_the_headers(site: Site) -> None:
    seen = site.admit(named_series("EAST^ONE"), "east")
    with site.client() as admin:
        for path in ["/", "/login", "/assets/page.css", "/nothing", *addresses_of(seen)]:
            answer = admin.get(path)
            policy = answer.headers["content-security-policy"]
            assert "'unsafe-eval'" not in policy
            assert re.search(r"script-src 'self' 'nonce-[\w-]{22}';", policy), path
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            stored = "no-cache" if path.startswith("/assets/") else "private, no-store"
            assert answer.headers["cache-control"] == stored, path


def test_every_script_in_a_page_carries_the_nonce_or_is_ours(site: Site) -> None:
    with site.client() as admin:
        answer = admin.get("/")
    nonce = re.search(r"'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    assert nonce is not None
    scripts = re.findall(r"<script\b[^>]*>", answer.text)
    assert len(scripts) > 4
    for script in scripts:
        assert f'nonce="{nonce[1]}"' in script or 'src="/assets/' in script
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text) == []


def test_bodies_are_bounded_whatever_they_say_of_themselves(site: Site) -> None:
    with site.client() as admin:
        long = admin.post(f"{API}/studies/search", content=b"x" * 70_000)
        assert long.status_code == 413
        chunked = admin.post(f"{API}/studies/search", content=(b"x" * 1000 for _ in range(100)))
        assert chunked.status_code == 413
        cookie = admin.cookies[cookie_name(site.settings)]
    address = urlsplit(site.base)
    with socket.create_connection((address.hostname, address.port), timeout=10) as lying:
        lying.sendall(
            f"POST {API}/studies/search HTTP/1.1\r\nHost: {address.netloc}\r\nX-Noctis: 1\r\n"
            f"Cookie: {cookie_name(site.settings)}={cookie}\r\n"
            "Content-Length: 99999999999\r\n\r\n".encode()
        )
        assert lying.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 100_000},
        {"offset": -1},
        {"text": "x" * 300},
        {"sort": "PatientName; drop table study"},
        {"unknown": 1},
        {"filters": {"received_days": 0}},
    ],
)
def test_what_the_api_does_not_take_is_said_without_repeating_it(
    site: Site, body: dict[str, object]
) -> None:
    with site.client() as admin:
        answer = admin.post(f"{API}/studies/search", json=body)
    assert answer.status_code == 422
    assert "drop table" not in answer.text
    assert answer.json()["what_to_do"]


def test_a_sort_by_no_column_is_refused_by_name(site: Site) -> None:
    with site.client() as admin:
        answer = admin.post(f"{API}/studies/search", json={"sort": "search_text"})
    assert (answer.status_code, "PatientName" in answer.json()["detail"]) == (422, True)


def test_names_and_query_strings_reach_no_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = site.admit(named_series(HOSTILE_NAME), "east")
    with site.client() as admin:
        admin.post(f"{API}/studies/search", json={"text": "evil"})
        admin.get(f"/viewer/{seen.study}", params={"series": seen.series, "q": "QUERYMARK"})
        admin.get(
            f"{API}/studies/{seen.study}/series/{seen.series}/pixels",
            params={"first": 0, "q": "QUERYMARK"},
        )
        admin.get("/DOE%5EJANE")
    web = [r for r in caplog.records if r.name.startswith(("noctis_lab.web", "uvicorn"))]
    lines = [json.dumps(r.__dict__, default=str) for r in web]
    assert any("/viewer/{uid}" in line for line in lines)
    for word in ("EVIL", "evil", "QUERYMARK", "DOE", "token="):
        assert not [line for line in lines if word in line], word


def test_who_saw_a_study_is_audited_once_a_visit(site: Site) -> None:
    seen = site.admit(named_series("EAST^ONE"), "east")
    with site.client("eve") as eve:
        for _ in range(3):
            eve.get(f"/viewer/{seen.study}")
            eve.get(f"{API}/studies/{seen.study}/series/{seen.series}/stack")
        eve.get(f"{API}/studies/search")
    from sqlalchemy import select

    from noctis_lab.catalog import schema

    with site.catalog.connections.read() as connection:
        rows = connection.execute(
            select(schema.audit.c.principal, schema.audit.c.action, schema.audit.c.subject)
        ).all()
    assert [tuple(row) for row in rows] == [("eve", "see-study", seen.study)]


def test_passwords_sign_in_and_are_guessed_slowly(site: Site) -> None:
    with site.client(None) as client:
        right = client.post("/api/v1/session", json={"name": "eve", "password": PASSWORD})
        assert right.status_code == 200
        assert client.get(f"{API}/status").status_code == 200
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        statuses = [
            client.post("/api/v1/session", json={"name": "eve", "password": f"wrong-{n}"})
            for n in range(5)
        ]
    assert [answer.status_code for answer in statuses] == [401] * 4 + [429]
    assert 1 <= int(statuses[-1].headers["retry-after"]) <= 60
    assert "Wait" in statuses[-1].json()["detail"]


def test_signing_out_ends_the_session_everywhere(site: Site) -> None:
    with site.client() as admin, site.client(None) as copy:
        copy.cookies = httpx.Cookies(admin.cookies)
        assert copy.get(f"{API}/status").status_code == 200
        assert admin.delete("/api/v1/session").status_code == 204
        assert copy.get(f"{API}/status").status_code == 401


def test_the_whole_address_in_the_field_of_the_token_signs_in(site: Site) -> None:
    token = people.create_login_token(site.catalog)
    with site.client(None) as client:
        for given in (f"http://127.0.0.1:5006/login?token={token}", f" {token}\n"):
            assert client.post("/api/v1/session", json={"token": given}).status_code == 200
        assert client.post("/api/v1/session", json={"token": "x" + token}).status_code == 401


def test_a_void_token_shows_the_page_with_the_reason(site: Site) -> None:
    with site.client(None) as client:
        answer = client.get("/login", params={"token": "<script>alert(1)</script>"})
    assert answer.status_code == 401
    assert "a token of this archive that is new" in answer.text
    assert "<script>alert" not in answer.text
    assert "set-cookie" not in answer.headers


def test_the_sign_in_page_says_how_a_token_is_had_and_not_where_the_archive_lies(
    site: Site,
) -> None:
    with site.client(None) as client:
        page = client.get("/login").text
    assert "ends a minute after its first use" in page
    assert "noctis token --root FOLDER" in page
    assert str(site.settings.root) not in page
