"""The worklist in a real browser: live rows, search, keyboard, hostile names, no other host."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from noctis_lab.catalog import people
from noctis_lab.synthetic import ct_series
from tests.browser.watched import Watched
from tests.served import Site, named_series

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worklist_shown")]

#: Of a patient; without "=", which would begin another writing of the name.
MARKUP = "<iframe></iframe>^EVIL"


def test_a_study_that_arrives_appears_within_two_seconds_without_reload(
    watched: Watched, site: Site
) -> None:
    page = watched.page
    expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
    expect(page.get_by_text("NOCTIS_SCP").first).to_be_visible()
    page.evaluate("window.isSamePage = true")
    site.admit(named_series("FIRST^ONE"), "local")
    admitted_s = time.monotonic()
    expect(page.locator(".tb .tr .pn")).to_have_text(["FIRST, ONE"], timeout=2000)
    appeared_s = time.monotonic() - admitted_s
    site.admit(named_series("SECOND^TWO"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_text(["SECOND, TWO", "FIRST, ONE"], timeout=2000)
    expect(page.locator(".feed .ev")).to_have_count(2)
    expect(page.locator(".tb .badge.live").first).to_contain_text("Arriving 3")
    assert appeared_s <= 2
    assert page.evaluate("window.isSamePage") is True
    assert watched.complaints == []
    assert watched.foreign == []


def test_a_badge_tells_its_sentence_on_a_click(watched: Watched, site: Site) -> None:
    site.admit(named_series("TOLD^ONE"), "local")
    page = watched.page
    page.locator(".tb .badge.live").first.click(timeout=5000)
    told = page.locator(".why:popover-open")
    expect(told).to_contain_text("the series is not yet quiet")
    page.keyboard.press("Escape")
    expect(told).to_have_count(0)
    assert watched.complaints == []


def test_names_are_text_whatever_they_hold(watched: Watched, site: Site) -> None:
    seen = site.admit(named_series(MARKUP), "local")
    page = watched.page
    expect(page.locator(".tb .tr .pn")).to_have_text([MARKUP.replace("^", ", ")], timeout=5000)
    expect(page.locator(".feed .ev .m")).to_have_text([MARKUP.replace("^", ", ")])
    page.locator(".tb .tr").dblclick()
    page.wait_for_url(f"**/viewer/{seen.study}")
    expect(page.locator(".identity b")).to_have_text(MARKUP.replace("^", ", "))
    watched.rest()
    assert page.locator("iframe").count() == 0
    assert watched.complaints == []


def test_search_answers_as_one_types_and_stands_in_the_fragment(
    watched: Watched, site: Site
) -> None:
    for name in ("MÜLLER^EVA", "SMITH^JO", "SMYTHE^ANN"):
        site.admit(named_series(name, planes=1), "local")
    page = watched.page
    expect(page.locator(".tb .tr .pn")).to_have_count(3, timeout=5000)
    page.keyboard.press("/")
    page.keyboard.type("muller")
    expect(page.locator(".tb .tr .pn")).to_have_text(["MÜLLER, EVA"])
    assert urlsplit(page.url).fragment == "q=muller"
    assert urlsplit(page.url).query == ""
    expect(page.locator(".sql .code")).to_contain_text("muller")
    page.reload()
    expect(page.locator(".tb .tr .pn")).to_have_text(["MÜLLER, EVA"])
    page.locator("input[type=search]").fill("nobody at all")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.locator(".tb .tr .pn")).to_have_count(3)
    assert watched.complaints == []


def test_a_click_on_a_head_sorts_and_says_so(watched: Watched, site: Site) -> None:
    for name in ("BETA^B", "ALPHA^A", "GAMMA^C"):
        site.admit(named_series(name, planes=1), "local")
    page = watched.page
    expect(page.locator(".tb .tr .pn")).to_have_count(3, timeout=5000)
    head = page.get_by_role("columnheader", name="Patient")
    head.get_by_role("button").click()
    expect(page.locator(".tb .tr .pn")).to_have_text(["ALPHA, A", "BETA, B", "GAMMA, C"])
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").click()
    expect(page.locator(".tb .tr .pn")).to_have_text(["GAMMA, C", "BETA, B", "ALPHA, A"])
    expect(head).to_have_attribute("aria-sort", "descending")


def test_the_keyboard_alone_unfolds_and_opens_a_series(watched: Watched, site: Site) -> None:
    seen = site.admit(named_series("KEY^BOARD"), "local")
    page = watched.page
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tb .tr")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".un .sc")).to_have_count(1)
    picture = page.locator(".un .sc img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/viewer/{seen.study}?series={seen.series}")
    assert watched.complaints == []
    assert watched.foreign == []


def test_only_a_window_of_many_rows_is_fetched_and_drawn(watched: Watched, site: Site) -> None:
    for number in range(130):
        site.admit(named_series(f"MANY^{number:03d}", planes=1), "local")
    page = watched.page
    page.goto(f"{site.base}/#sort=PatientName")
    page.reload()
    expect(page.locator(".tb .tr .pn").first).to_have_text("MANY, 000")
    assert len(watched.names) < 60
    page.locator(".tb").press("End")
    expect(page.locator(".tb .tr .pn").last).to_have_text("MANY, 129")
    assert len(watched.names) < 60


def test_the_way_to_bring_files_in_is_in_view_beside_many_arrivals(
    watched: Watched, site: Site
) -> None:
    for number in range(18):
        site.admit(named_series(f"MANY^{number:03d}", planes=1), "local")
    page = watched.page
    expect(page.locator(".feed .ev")).to_have_count(14, timeout=5000)  # the last ones
    hint = page.get_by_role("button", name="Drop files anywhere")
    expect(hint).to_be_in_viewport(ratio=1)
    hint.click()
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()


def test_an_unknown_sender_is_approved_into_a_facility_or_blocked(
    watched: Watched, site: Site
) -> None:
    page = watched.page
    expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
    site.admit(named_series("ANY^ONE"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    site.archive.ledger.refuse("CT_ICU_2", "10.4.7.31")
    card = page.locator(".unk")
    expect(card).to_contain_text("CT_ICU_2", timeout=3000)
    card.get_by_role("button", name="Approve").click()
    card.get_by_role("combobox").fill("icu")
    card.get_by_role("button", name="Accept").click()
    expect(card).to_have_count(0)
    from noctis_lab.catalog.senders import list_senders

    known = [(row.aet, row.address, row.facility) for row in list_senders(site.catalog)]
    assert known == [("CT_ICU_2", "10.4.7.31", "icu")]
    assert watched.complaints == []


def test_a_sender_approved_elsewhere_goes_and_what_is_typed_for_another_stays(
    watched: Watched, site: Site
) -> None:
    from noctis_lab.catalog.senders import approve_sender

    page = watched.page
    expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
    arrivals = page.get_by_role("region", name="Arrivals")
    expect(arrivals).to_contain_text("Nothing has arrived yet")
    for aet in ("CT_ICU_2", "MR_WARD_1"):
        site.archive.ledger.refuse(aet, "10.4.7.31")
    expect(arrivals.locator(".unk")).to_have_count(2, timeout=3000)
    card = arrivals.locator(".unk", has_text="MR_WARD_1")
    card.get_by_role("button", name="Approve").click()
    card.get_by_role("combobox").type("war")
    approve_sender(site.catalog, "CT_ICU_2", "10.4.7.31", "icu")
    expect(arrivals.locator(".unk")).to_have_count(1, timeout=8000)
    expect(card.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("d")
    expect(card.get_by_role("combobox")).to_have_value("ward")
    assert watched.complaints == []


@pytest.mark.parametrize("width", [1100, 1200, 1280, 1920])
def test_a_command_breaks_between_words_alone(watched: Watched, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
    word = page.locator(".cmd .word", has_text="--in-place")
    box = word.bounding_box()
    assert box is not None
    assert box["height"] <= 21  # one line
    command = page.locator(".cmd code", has_text="noctis index")
    assert command.inner_text().replace("\n", " ").startswith("noctis index /data/trial --in-place")


def test_the_sign_in_page_takes_a_name_and_says_what_was_wrong(
    browser: Browser, site: Site
) -> None:
    from noctis_lab.access import Role

    people.add_principal(site.catalog, "eve", Role.VIEWER, ["local"])
    people.set_password_hash(site.catalog, "eve", people.hash_password("long enough"))
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{site.base}/viewer/1.2.3")
        assert urlsplit(page.url).path == "/login"
        page.get_by_role("button", name="Sign in with an account").click()
        page.get_by_label("Name").fill("eve")
        page.get_by_label("Password").fill("not that one")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("a name and its password")
        page.get_by_label("Password").fill("long enough")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Nothing here")).to_be_visible()
        page.get_by_role("link", name="Open the worklist").click()
        session = context.cookies()
        context.clear_cookies()  # as where it ran out, or another archive answers here by now
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        back = page.get_by_role("link", name="Signed out: sign in")
        expect(back).to_have_attribute("href", "/login?next=%2F")
        context.add_cookies(
            [{"url": site.base, "name": c["name"], "value": c["value"]} for c in session]
        )
        page.locator("#avatar").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")
        page.goto(site.base)
        assert urlsplit(page.url).path == "/login"


def test_the_theme_is_the_systems_until_one_is_chosen(watched: Watched) -> None:
    page = watched.page
    html, button = page.locator("html"), page.get_by_role("button", name="Light or dark")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(html).to_have_attribute("data-theme", theme)
        page.reload()
        expect(html).to_have_attribute("data-theme", theme)
    button.click()
    page.reload()
    expect(html).to_have_attribute("data-theme", "light")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(245, 246, 248)"
    button.click()
    page.emulate_media(color_scheme="light")
    page.reload()
    expect(html).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [1920, 1280, 1000])
def test_copying_says_what_it_does_and_that_it_did_at_every_width(
    watched: Watched, site: Site, width: int
) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 800})
    site.admit(named_series("COPIED^ONE"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator(".sql button").last
    expect(button).to_have_attribute("aria-label", "Copy as Python")
    expect(button).to_have_attribute("title", "Copy as Python")
    expect(button.get_by_text("Copy as Python")).to_be_visible(visible=width > 1100)
    button.click()
    expect(button.get_by_text("Copied")).to_be_visible()
    expect(button).to_have_attribute("aria-label", "Copied")
    expect(button).to_have_attribute("aria-label", "Copy as Python", timeout=4000)
    assert watched.complaints == []


def test_copying_works_where_the_browser_has_no_clipboard(watched: Watched, site: Site) -> None:
    # As on plain http from another host: no secure context, no navigator.clipboard.
    page = watched.page
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    site.admit(named_series("COPIED^TWO"), "local")
    page.reload()
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    button = page.locator(".sql button").last
    button.click()
    expect(button.get_by_text("Copied")).to_be_visible()
    page.evaluate("document.body.append(document.createElement('textarea'))")
    pasted = page.locator("body > textarea")
    pasted.focus()
    page.keyboard.press("Control+V")
    assert pasted.input_value().startswith("import noctis_lab as nl\n\nlab = nl.open_lab(")


def test_a_long_id_has_room_at_full_width_and_is_told_whole(watched: Watched, site: Site) -> None:
    page = watched.page
    page.set_viewport_size({"width": 1920, "height": 1080})
    site.admit(ct_series(planes=1, seed="id", PatientID="NOCTIS-CATPHAN-504"), "local")
    cell = page.locator(".tb .tr .hide").first
    expect(cell).to_have_text("NOCTIS-CATPHAN-504", timeout=5000)
    expect(cell).to_have_attribute("title", "NOCTIS-CATPHAN-504")
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_what_is_to_be_copied_means_this_archive_and_no_other(watched: Watched, site: Site) -> None:
    page, root = watched.page, str(site.settings.root)
    expect(page.get_by_text(f"noctis index /data/trial --in-place --root {root}")).to_be_visible()
    expect(page.locator("pre.code")).to_contain_text(f'nl.open_lab("{root}")')
    site.admit(named_series("COPIED^ONE"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'nl.open_lab("{root}")' in copied
    assert watched.complaints == []
