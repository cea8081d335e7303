"""A real browser. Any console error, page error or policy violation fails the test that saw it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.serving import ROOT, Site, site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH_POLICY = """
document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
SCREENSHOTS = ROOT / "screenshots"


@dataclass
class Watcher:
    """What went wrong on the pages of one test; `expected` texts are part of what it tests."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.add_init_script(WATCH_POLICY)
        page.on("console", lambda line: self.seen.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.seen.append(str(error)))

    def unexpected(self) -> list[str]:
        return [line for line in self.seen if not any(part in line for part in self.expected)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watching = Watcher()
    yield watching
    assert watching.unexpected() == []


@pytest.fixture
def page(browser: Browser, watcher: Watcher) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    watcher.watch(opened)
    yield opened
    context.close()


@pytest.fixture
def fresh_site(tmp_path: Path) -> Iterator[Site]:
    """A site as a newcomer has it: nobody has an account."""
    with site(tmp_path / "var") as running:
        yield running


def screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
