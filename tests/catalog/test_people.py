"""Who may come in: passwords and secrets are kept as hashes, sessions end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.catalog import people
from noctis_lab.catalog.store import Catalog, open_catalog
from tests.catalog.catalog_entries import START

PASSWORD = "correct horse battery staple"


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(tmp_path: Path, clock: Clock) -> Iterator[Catalog]:
    with open_catalog(tmp_path, clock=clock) as opened:
        yield opened


def bytes_on_disk(catalog: Catalog) -> bytes:
    folder = catalog.root / "catalog"
    return b"".join(path.read_bytes() for path in sorted(folder.glob("catalog.sqlite*")))


def test_a_fresh_archive_has_its_administrator(catalog: Catalog) -> None:
    admin = Principal(name=ADMIN, role=Role.ADMIN, facilities=None)

    assert people.find_principal(catalog, ADMIN) == admin
    assert people.check_password(catalog, ADMIN, "") is None
    with pytest.raises(ValueError, match="stays"):
        people.remove_principal(catalog, ADMIN)


def test_principals_have_roles_and_facilities(catalog: Catalog) -> None:
    people.add_principal(catalog, "eva", Role.VIEWER, ["north"])
    people.grant_facility(catalog, "eva", "south")
    people.grant_facility(catalog, "eva", "south")
    people.set_role(catalog, "eva", Role.RESEARCHER)

    assert people.find_principal(catalog, "eva") == Principal(
        name="eva", role=Role.RESEARCHER, facilities=frozenset({"north", "south"})
    )
    people.revoke_facility(catalog, "eva", "north")
    found = people.find_principal(catalog, "eva")
    assert found is not None
    assert found.facilities == {"south"}
    people.add_principal(catalog, "eva", Role.VIEWER, None)
    assert people.find_principal(catalog, "eva") == Principal(
        name="eva", role=Role.VIEWER, facilities=None
    )


def test_a_removed_principal_is_out_at_once(catalog: Catalog) -> None:
    people.add_principal(catalog, "eva", Role.VIEWER, ["north"])
    session = people.create_session(catalog, "eva", lifetime=timedelta(hours=1))

    people.remove_principal(catalog, "eva")

    assert people.find_principal(catalog, "eva") is None
    assert people.find_session(catalog, session) is None


@pytest.mark.parametrize("name", ["", " eva", "e\nva", "x" * 65])
def test_names_that_cannot_be_shown_are_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        people.add_principal(catalog, name, Role.VIEWER, None)


def test_passwords_are_argon2id_and_verify_elsewhere() -> None:
    kept = people.hash_password(PASSWORD)

    parameters = extract_parameters(kept)
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 19 * 1024  # KiB: OWASP's least for argon2id
    assert PasswordHasher().verify(kept, PASSWORD)
    assert people.hash_password(PASSWORD) != kept  # salted


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_have_a_length(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        people.hash_password(password)


def test_a_password_signs_in_its_principal_only(catalog: Catalog) -> None:
    people.add_principal(catalog, "eva", Role.VIEWER, ["north"])
    people.set_password_hash(catalog, "eva", people.hash_password(PASSWORD))

    assert people.check_password(catalog, "eva", PASSWORD) == "eva"
    assert people.check_password(catalog, "eva", PASSWORD + "x") is None
    assert people.check_password(catalog, "eva", "x" * 10_000) is None
    assert people.check_password(catalog, "nobody", PASSWORD) is None
    assert PASSWORD.encode() not in bytes_on_disk(catalog)


def test_whether_anybody_has_a_password_is_known(catalog: Catalog) -> None:
    assert not people.has_passwords(catalog)
    people.set_password_hash(catalog, ADMIN, people.hash_password(PASSWORD))
    assert people.has_passwords(catalog)


def test_a_new_password_ends_the_sessions(catalog: Catalog) -> None:
    people.add_principal(catalog, "eva", Role.VIEWER, ["north"])
    session = people.create_session(catalog, "eva", lifetime=timedelta(hours=1))

    people.set_password_hash(catalog, "eva", None)

    assert people.find_session(catalog, session) is None
    assert people.check_password(catalog, "eva", PASSWORD) is None


def test_a_start_token_signs_in_once_or_again_within_a_minute(
    catalog: Catalog, clock: Clock
) -> None:
    token = people.create_login_token(catalog)
    clock.time += timedelta(days=6)
    assert people.redeem_login_token(catalog, token) == ADMIN
    clock.time += timedelta(seconds=40)
    assert people.redeem_login_token(catalog, token) == ADMIN
    clock.time += timedelta(seconds=40)
    assert people.redeem_login_token(catalog, token) is None


def test_a_start_token_signs_in_until_the_next_one_or_its_end(
    catalog: Catalog, clock: Clock
) -> None:
    first = people.create_login_token(catalog, lifetime=timedelta(hours=1))

    second = people.create_login_token(catalog, lifetime=timedelta(hours=1))
    assert first != second
    assert people.redeem_login_token(catalog, first) is None
    clock.time += timedelta(hours=1)
    assert people.redeem_login_token(catalog, second) is None


def test_a_session_is_its_principals_until_it_ends(catalog: Catalog, clock: Clock) -> None:
    session = people.create_session(catalog, ADMIN, lifetime=timedelta(hours=12))
    other = people.create_session(catalog, ADMIN, lifetime=timedelta(hours=12))

    found = people.find_session(catalog, session)
    assert found is not None
    assert found.name == ADMIN
    people.end_session(catalog, session)
    assert people.find_session(catalog, session) is None
    assert people.find_session(catalog, other) is not None
    clock.time += timedelta(hours=12)
    assert people.find_session(catalog, other) is None


def test_a_sessions_rights_are_those_of_now(catalog: Catalog) -> None:
    people.add_principal(catalog, "eva", Role.RESEARCHER, ["north"])
    session = people.create_session(catalog, "eva", lifetime=timedelta(hours=1))

    people.revoke_facility(catalog, "eva", "north")

    found = people.find_session(catalog, session)
    assert found is not None
    assert found.facilities == frozenset()


def test_secrets_are_kept_as_hashes_only(catalog: Catalog) -> None:
    secrets = [
        people.create_login_token(catalog),
        people.create_session(catalog, ADMIN, lifetime=timedelta(hours=1)),
    ]

    kept = bytes_on_disk(catalog)
    for secret in secrets:
        assert len(secret) >= 43  # 32 random bytes
        assert secret.encode() not in kept
        assert hashlib.sha256(secret.encode()).digest() in kept


@pytest.mark.parametrize("secret", ["", "x", "x" * 100_000, "\ud800", "' or 1=1"])
def test_any_other_secret_is_nobodys(catalog: Catalog, secret: str) -> None:
    people.create_session(catalog, ADMIN, lifetime=timedelta(hours=1))

    assert people.find_session(catalog, secret) is None
    assert people.redeem_login_token(catalog, secret) is None


def test_an_audit_record_is_written_once(catalog: Catalog) -> None:
    for _ in range(2):
        catalog.record_audit("r1", principal=ADMIN, action="see-study", subject="1.2", at=START)

    with catalog.connections.read() as connection:
        rows = connection.exec_driver_sql("select principal, action, subject from audit").all()
    assert [tuple(row) for row in rows] == [(ADMIN, "see-study", "1.2")]
