"""Debian's Chromium, without a window and without a network, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers import program

PATIENCE = 120_000  # milliseconds; only a hang takes that long
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, ended at the end; while it is there, no test may run an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"), args=FLAGS, timeout=PATIENCE
        )
        yield browser
        browser.close()


def ready(page: Page) -> None:
    """Wait until all charts of a report near the window are drawn."""
    page.wait_for_selector("html[data-ready]", state="attached", timeout=PATIENCE)


def draw_all(page: Page) -> None:
    """Scroll to each chart, wait until it is drawn, and scroll back to the start."""
    ready(page)
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed(timeout=PATIENCE)
        plot.locator(".main-svg").first.wait_for(state="attached", timeout=PATIENCE)
    page.evaluate("scrollTo(0, 0)")
