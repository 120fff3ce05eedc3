"""Notifications over HTTP: in time, to the right people, and no obstacle to stopping."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from noctis_lab.catalog.store import open_catalog
from noctis_lab.config import open_settings
from tests.served import Site, named_series, running

STREAM = "/api/v1/dicom/notifications/stream"


def test_a_stored_instance_is_told_within_a_second_to_those_who_may_see_it(site: Site) -> None:
    with site.client("eve") as eve, eve.stream("GET", STREAM) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        site.admit(named_series("WEST^TWO"), "west")
        east = site.admit(named_series("EAST^ONE", planes=1), "east")
        admitted_s = time.monotonic()
        told = [next(line for line in lines if line.startswith("data:"))]
        waited_s = time.monotonic() - admitted_s
    assert east.study in told[0], "the other facility's study came before it"
    assert waited_s < 1


def test_a_page_that_reconnects_is_told_what_it_missed(site: Site) -> None:
    last = site.catalog.last_event_id()
    seen = site.admit(named_series("EAST^ONE", planes=2), "east")
    with (
        site.client() as admin,
        admin.stream("GET", STREAM, headers={"Last-Event-ID": str(last)}) as stream,
    ):
        data = next(line for line in stream.iter_lines() if line.startswith("data:"))
    assert seen.series in data
    assert '"instance_count":2' in data


def test_an_open_stream_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    settings = open_settings({"root": tmp_path, "port": 0, "min_free_bytes": 0})
    with open_catalog(tmp_path) as catalog:
        from noctis_lab.catalog import people

        server = running(settings)
        base = server.__enter__()
        token = people.create_login_token(catalog)
        with httpx.Client(base_url=base, trust_env=False) as client:
            client.get("/login", params={"token": token})
            with client.stream("GET", STREAM) as stream:
                next(stream.iter_lines())
                began_s = time.monotonic()
                server.__exit__()
                assert time.monotonic() - began_s < 3
