"""The room's own doings in a real browser, on the rehearsal provider: failure and Retry, Stop, undo, no WebSocket."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Watcher, screenshot
from tests.serving import Site, Visitor, make_rooms, site, stored_messages, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(Path(tmp_path_factory.mktemp("site")) / "var") as started:
        yield started


@pytest.fixture(scope="module")
def ada(running: Site) -> Visitor:
    visitor = Visitor(running)
    visitor.found_site()
    return visitor


@pytest.fixture
def here(running: Site, ada: Visitor, page: Page) -> Page:
    """A page of Ada's browser."""
    page.context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": running.url} for cookie in ada.cookies]
    )
    return page


def enter(page: Page, running: Site, model: str, ais: int = 1) -> str:
    [room] = make_rooms(running, model, ais=ais)
    page.goto(f"{running.url}/c/{room}/")
    return room


def say(page: Page, text: str) -> None:
    page.locator("textarea[name=text]").fill(text)
    page.keyboard.press("Enter")


def test_a_failure_is_told_in_words_and_retried(here: Page, running: Site) -> None:
    room = enter(here, running, "fault=refuse times=1 tokens=20")
    say(here, "Tell me")
    failed = here.locator("#log .message[data-state=failed]")
    expect(failed).to_contain_text("rules")
    screenshot(here, "failed")
    failed.get_by_role("button", name="Retry").click()
    expect(here.locator("#log .message[data-author][data-state=complete]")).to_have_count(2, timeout=15_000)
    until(lambda: [row["versions"] for row in stored_messages(running, room)] == [1, 2])


def test_escape_stops_and_says_so(here: Page, running: Site) -> None:
    enter(here, running, "pace=20 tokens=400")
    say(here, "Go on and on")
    expect(here.locator("#log .message[data-state=streaming]")).to_be_visible(timeout=15_000)
    screenshot(here, "speaking")
    here.keyboard.press("Escape")
    expect(here.locator("#log .message[data-state=stopped]")).to_contain_text("Stopped here", timeout=15_000)


def test_a_reload_in_mid_reply_and_a_second_tab_show_the_same(here: Page, running: Site, watcher: Watcher) -> None:
    room = enter(here, running, "pace=40 text=markdown tokens=120")
    say(here, "Show me")
    expect(here.locator("#log .message[data-state=streaming]")).to_be_visible(timeout=15_000)
    second = here.context.new_page()
    watcher.watch(second)
    second.goto(f"{running.url}/c/{room}/")
    here.reload()
    for one in (here, second):
        expect(one.locator("#log .message[data-state=complete]")).to_have_count(2, timeout=20_000)
    bodies = [one.locator("#m-2 .message-body").inner_html().strip() for one in (here, second)]
    assert bodies[0] == bodies[1]
    assert 'class="code"' in bodies[0]
    assert "<table" in bodies[0]


def test_what_a_model_writes_runs_nothing(here: Page, running: Site) -> None:
    enter(here, running, "pace=0 text=hostile")
    here.on("dialog", lambda dialog: pytest.fail(dialog.message))
    say(here, "Do your worst")
    body = here.locator("#m-2 .message-body")
    expect(here.locator("#m-2[data-state=complete]")).to_be_visible(timeout=15_000)
    assert body.locator("script, img, [hx-get], [onerror], [id]").count() == 0
    assert body.locator("a[href^=javascript]").count() == 0


def test_a_deleted_message_comes_back(here: Page, running: Site) -> None:
    enter(here, running, "pace=0 tokens=5")
    say(here, "A slip of the tongue")
    expect(here.locator("#log .message[data-state=complete]")).to_have_count(2, timeout=15_000)
    here.locator("#m-1").hover()
    here.locator("#m-1").get_by_role("button", name="Delete").click()
    expect(here.locator("#m-1")).to_have_attribute("data-state", "deleted")
    screenshot(here, "deleted")
    here.locator("#m-1").get_by_role("button", name="Undo").click()
    expect(here.locator("#m-1")).to_contain_text("A slip of the tongue")


def test_it_works_without_websockets(browser: Browser, running: Site, ada: Visitor, watcher: Watcher) -> None:
    context = browser.new_context()
    context.add_init_script("window.WebSocket = class { constructor() { throw new Error('none here'); } };")
    context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": running.url} for cookie in ada.cookies]
    )
    page = context.new_page()
    watcher.watch(page)
    watcher.expected.append("none here")
    enter(page, running, "pace=0 tokens=20")
    say(page, "By polling")
    expect(page.locator("#log .message[data-state=complete]")).to_have_count(2, timeout=20_000)
    context.close()


def test_the_policy_and_its_limit_are_set_in_one_go(here: Page, running: Site) -> None:
    enter(here, running, "pace=0 tokens=3", ais=2)
    here.locator(".room-title button").click()
    here.locator("#policy select[name=policy]").select_option("round_robin")
    limit = here.locator("#policy input[name=turns]")
    expect(limit).to_be_visible()
    limit.fill("3")
    limit.press("Tab")
    expect(here.locator("#room-head")).to_have_attribute("data-turns", "3", timeout=10_000)
    here.keyboard.press("Escape")
    say(here, "Take turns")
    expect(here.locator("#log .message[data-state=complete]")).to_have_count(4, timeout=15_000)
    expect(here.locator("#round")).to_contain_text(re.compile("limit|replies", re.IGNORECASE))


def test_a_changed_password_is_confirmed(browser: Browser, running: Site, watcher: Watcher) -> None:
    visitor = Visitor(running)
    running.manage(
        "from chimera_site.models import User\n"
        "User.objects.create_user('eve@example.org', 'a first password', display_name='Eve')"
    )
    page = browser.new_context().new_page()
    watcher.watch(page)
    page.goto(f"{visitor.site.url}/accounts/login/")
    page.get_by_label("E-mail").fill("eve@example.org")
    page.locator("input[type=password]").fill("a first password")
    page.locator("main button[type=submit]").click()
    page.goto(f"{running.url}/accounts/password/")
    for field, value in zip(
        page.locator("main input[type=password]").all(), ("a first password", *["a second password"] * 2), strict=True
    ):
        field.fill(value)
    page.locator("main button[type=submit]").click()
    expect(page.get_by_role("status").first).to_contain_text("changed", ignore_case=True)
    page.context.close()
