"""A browser that opens reports."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import PATIENCE, chromium, draw_all

MOST_BYTES = 2_100_000
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report; at the end nothing may have been loaded, said or shown by a script in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    trouble: list[str] = []
    loaded: list[str] = []

    def show(text: str, charts: bool = True, small: bool = False) -> Page:
        path = tmp_path / "report.html"
        path.write_text(text, encoding="utf-8")
        page = context.new_page()
        if small:  # before the page is there: what is near the window is drawn
            page.set_viewport_size({"width": 400, "height": 300})
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(dialog.message))
        page.on("request", lambda request: loaded.append(request.url))
        page.goto(path.as_uri(), timeout=PATIENCE)
        if charts:
            draw_all(page)
        assert len(text.encode()) < MOST_BYTES
        return page

    yield show
    assert trouble == []
    outside = [url for url in loaded if not url.startswith(("file:", "blob:", "data:"))]
    assert outside == []
    context.close()
