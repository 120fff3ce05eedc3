"""Guessing is slow: per address, and per name whatever the address."""

from __future__ import annotations

from noctis_lab.web.limits import Limits


def test_a_name_may_be_tried_five_times_a_minute_from_all_addresses_together() -> None:
    limits = Limits()
    waits = [limits.wait_to_sign_in_s(f"10.0.0.{number}", "jo") for number in range(6)]
    assert waits[:5] == [0] * 5
    assert 1 <= waits[5] <= 60


def test_an_address_may_try_twenty_times_a_minute_whatever_it_tries() -> None:
    limits = Limits()
    waits = [limits.wait_to_sign_in_s("10.0.0.1", f"name-{number}") for number in range(21)]
    assert waits[:20] == [0] * 20
    assert waits[20] >= 1
    assert limits.wait_to_sign_in_s("10.0.0.2", "") == 0


def test_requests_of_one_principal_do_not_count_for_another() -> None:
    limits = Limits()
    allowed = [limits.allows_request("busy") for _ in range(3100)]
    assert allowed[:2900] == [True] * 2900
    assert not allowed[-1]
    assert limits.allows_request("quiet")
