"""Who may send: known by title and address, blocked, or refused and listed for approval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from noctis_lab.catalog import senders
from noctis_lab.catalog.records import UnknownSenderRow
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.errors import SenderRefused
from noctis_lab.events import SenderRefused as SenderRefusedEvent
from tests.catalog.catalog_entries import START


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path, clock=lambda: START) as opened:
        yield opened


def test_a_sender_at_its_address_goes_before_one_from_anywhere(catalog: Catalog) -> None:
    senders.add_sender(catalog, "CT1", None, "north")
    senders.add_sender(catalog, "CT1", "10.0.0.7", "south")

    assert senders.check_sender(catalog, "CT1", "10.0.0.7") == "south"
    assert senders.check_sender(catalog, "CT1", "10.0.0.8") == "north"
    assert senders.check_sender(catalog, "ct1", "10.0.0.7") is None
    assert senders.check_sender(catalog, "MR1", "10.0.0.7") is None
    assert senders.list_facilities(catalog) == ["north", "south"]


def test_a_sender_known_at_one_address_is_unknown_at_another(catalog: Catalog) -> None:
    senders.add_sender(catalog, "CT1", "10.0.0.7", "south")

    assert senders.check_sender(catalog, "CT1", "10.0.0.8") is None


def test_a_blocked_sender_is_refused_everywhere_until_it_is_approved(catalog: Catalog) -> None:
    senders.add_sender(catalog, "CT1", "10.0.0.7", "south")
    senders.block_sender(catalog, "CT1", None)

    for address in ("10.0.0.7", "10.0.0.8"):
        with pytest.raises(SenderRefused, match="blocked"):
            senders.check_sender(catalog, "CT1", address)

    senders.approve_sender(catalog, "CT1", "10.0.0.7", "south")
    assert senders.check_sender(catalog, "CT1", "10.0.0.7") == "south"
    with pytest.raises(SenderRefused):
        senders.check_sender(catalog, "CT1", "10.0.0.8")


def test_a_removed_sender_is_unknown_again(catalog: Catalog) -> None:
    senders.add_sender(catalog, "CT1", None, "north")
    senders.add_sender(catalog, "CT1", "10.0.0.7", "north")

    senders.remove_sender(catalog, "CT1", "10.0.0.7")
    assert [row.address for row in senders.list_senders(catalog)] == [None]
    senders.remove_sender(catalog, "CT1", None)
    senders.remove_sender(catalog, "CT1", None)

    assert senders.list_senders(catalog) == []


def test_a_refused_sender_is_listed_counted_and_told(catalog: Catalog) -> None:
    catalog.register_refusal("NEW", "10.0.0.9")
    catalog.register_refusal("NEW", "10.0.0.9", at=START + timedelta(minutes=1))

    assert senders.list_unknown_senders(catalog) == [
        UnknownSenderRow(
            aet="NEW",
            address="10.0.0.9",
            attempts=2,
            first_at=START,
            last_at=START + timedelta(minutes=1),
        )
    ]
    fact = SenderRefusedEvent(calling_aet="NEW", address="10.0.0.9")
    assert catalog.poll_events(0) == [(1, fact), (2, fact)]


def test_an_approved_sender_waits_no_longer(catalog: Catalog) -> None:
    catalog.register_refusal("NEW", "10.0.0.9")
    catalog.register_refusal("NEW", "10.0.0.8")

    senders.approve_sender(catalog, "NEW", "10.0.0.9", "north")
    assert [row.address for row in senders.list_unknown_senders(catalog)] == ["10.0.0.8"]
    senders.approve_sender(catalog, "NEW", None, "north")

    assert senders.list_unknown_senders(catalog) == []


def test_strangers_fill_no_more_than_a_thousand_rows(catalog: Catalog) -> None:
    with catalog.connections.write() as connection:
        connection.exec_driver_sql(
            "with recursive n(k) as (select 1 union all select k + 1 from n where k < 1000) "
            "insert into unknown_sender select 'T' || k, '10.0.0.1', 1, k, k from n"
        )

    catalog.register_refusal("\x00\ud800" + "LONG" * 100, "fe80::1")

    listed = senders.list_unknown_senders(catalog)
    assert len(listed) == 1000
    assert listed[0].aet == ("?" + "LONG" * 100)[:64]
    assert "T1" not in {row.aet for row in listed}
    assert "T2" in {row.aet for row in listed}


def test_acts_may_be_applied_twice(catalog: Catalog) -> None:
    def act() -> None:
        senders.add_facility(catalog, "north", at=START)
        senders.add_sender(catalog, "CT1", None, "north", at=START)
        senders.block_sender(catalog, "MR1", None, at=START)

    act()
    before = senders.list_senders(catalog)
    act()

    assert senders.list_senders(catalog) == before
    assert {row.added_at for row in before} == {START}


@pytest.mark.parametrize("aet", ["", "   ", "A" * 17])
def test_titles_are_those_of_the_standard(catalog: Catalog, aet: str) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        senders.add_sender(catalog, aet, None, "north")


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("10.0.0.7", "10.0.0.7"),
        (" 10.0.0.7 ", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("FE80:0:0::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_written_in_one_way(given: str, canonical: str) -> None:
    assert senders.canonical_address(given) == canonical


@pytest.mark.parametrize("address", ["", "10.0.0", "ct-1.lab.org", "10.0.0.0/8", "010.0.0.1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no IP address"):
        senders.canonical_address(address)


def test_a_facility_without_a_name_is_refused(catalog: Catalog) -> None:
    for name in ("", " ", "x" * 65):
        with pytest.raises(ValueError, match="facility"):
            senders.add_sender(catalog, "CT1", None, name)
