"""The newcomer's way: open the page, make an account, ask two characters something on the practice model."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import screenshot
from tests.serving import Site, stored_messages, until

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(300)]

LOOK = """
() => { window.partial = new Set();
  const note = () => { for (const body of document.querySelectorAll('[data-state=streaming] .message-body'))
      window.partial.add(body.innerText); };
  new MutationObserver(note).observe(
      document.querySelector('#log'), {subtree: true, childList: true, characterData: true});
}
"""


def create_account(page: Page, running: Site) -> None:
    page.goto(running.url)
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label(re.compile("name", re.IGNORECASE)).first.fill("Ada")
    for field in page.locator("input[type=password]").all():
        field.fill("correct horse battery")
    page.locator("main button[type=submit]").click()


def room_key(page: Page) -> str:
    found = re.search(r"/c/([0-9a-f-]{36})/", page.url)
    assert found, page.url
    return found[1]


def texts(page: Page) -> list[str]:
    return [one.strip() for one in page.locator("#log .message .message-body").all_inner_texts()]


def test_two_commands_to_a_real_conversation(fresh_site: Site, page: Page) -> None:
    create_account(page, fresh_site)
    page.goto(f"{fresh_site.url}/new/")
    screenshot(page, "new-conversation")
    choose_two(page)
    page.locator("main button[type=submit]").click()
    expect(page.locator("#log")).to_be_attached()
    room = room_key(page)
    page.evaluate(LOOK)

    page.locator("#composer textarea, textarea[name=text]").first.fill("Is a hot dog a sandwich?")
    page.keyboard.press("Enter")
    done = "#log .message[data-state=complete]"
    expect(page.locator(done)).to_have_count(3, timeout=90_000)
    screenshot(page, "room")

    page.get_by_role("button", name=re.compile("Continue")).first.click()
    expect(page.locator(done)).to_have_count(5, timeout=90_000)
    # The practice model is quick and brief: some 20 tokens at 80 a second, of which a viewer sees 25 states a second.
    partial = page.evaluate("[...window.partial]")
    assert len(partial) >= 5, partial
    until(lambda: all(row["state"] == "complete" for row in stored_messages(fresh_site, room)))
    stored = stored_messages(fresh_site, room)
    assert [row["sequence"] for row in stored] == list(range(1, len(stored) + 1))
    shown = texts(page)
    assert [plain(one) for one in shown] == [plain(row["text"]) for row in stored]

    page.reload()
    expect(page.locator(done)).to_have_count(len(stored))
    assert texts(page) == shown
    screenshot(page, "room-reloaded")


def plain(text: str) -> str:
    """Words only: the page shows Markdown as it looks, not as it is written."""
    return " ".join(re.sub(r"[*_`#>]", "", text).split())


def choose_two(page: Page) -> None:
    boxes = page.locator("input[type=checkbox][name=personas]")
    for index in range(boxes.count()):
        box = boxes.nth(index)
        wanted = index < 2
        if box.is_checked() != wanted:
            box.set_checked(wanted, force=True)
