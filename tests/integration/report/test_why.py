"""The causes of a breach in a real browser: waterfalls and the flame graph, by keyboard."""

from typing import cast

import pytest
from playwright.sync_api import Locator, Page

from tests.integration.report.conftest import Open
from tests.unit.report.html.why_cases import (
    EXPLAINED,
    HOSTILE,
    STATEMENT,
    UNKNOWN,
    hostile_page,
    page,
)

pytestmark = pytest.mark.needs_chromium


def function(shown: Page, name: str) -> Locator:
    """The bar of a function in the flame graph."""
    return shown.locator(f".flame [role=treeitem][aria-label^='{name}']")


def width(bar: Locator) -> float:
    """The width of a bar as a share of the graph."""
    return cast("float", bar.evaluate("one => one.offsetWidth / one.parentElement.clientWidth"))


def test_flame_graph_has_the_shares_of_the_functions(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    assert width(function(shown, "render")) == pytest.approx(0.6, abs=0.01)
    assert width(function(shown, "load")) == pytest.approx(0.3, abs=0.01)
    label = function(shown, "render").get_attribute("aria-label")
    assert label == "render, /srv/app/pages.py:85, 60 samples, 60.0%"
    function(shown, "load").hover()
    assert shown.locator(".tip").inner_text() == "load\n/srv/app/data.py:8\n30 samples, 30.0%"
    shown.get_by_label("Profile").select_option("CPU time")
    assert width(function(shown, "render")) == pytest.approx(1, abs=0.01)
    assert function(shown, "load").count() == 0


def test_flame_graph_is_zoomed_by_mouse_and_keyboard(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    load, render = function(shown, "load"), function(shown, "render")
    load.click()
    assert width(load) == pytest.approx(1, abs=0.01)
    assert render.count() == 0
    shown.get_by_role("button", name="Show all").press("Enter")
    assert width(load) == pytest.approx(0.3, abs=0.01)
    shown.locator(".flame [tabindex='0']").focus()
    focused = "document.activeElement.getAttribute('aria-label').split(',')[0]"
    walked = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft"):
        shown.keyboard.press(key)
        walked.append(shown.evaluate(focused))
    assert walked == ["process 7", "thread MainThread", "handler", "render", "load", "render"]
    assert shown.locator(".tip").is_visible()
    shown.keyboard.press("Enter")
    assert width(render) == pytest.approx(1, abs=0.01)
    assert shown.evaluate(focused) == "render"
    shown.keyboard.press("ArrowUp")
    assert shown.evaluate(focused) == "handler"
    shown.keyboard.press("Escape")
    assert width(render) == pytest.approx(0.6, abs=0.01)
    assert shown.evaluate(focused) == "all"


def test_search_says_the_share_that_matches(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    search, found = shown.get_by_role("searchbox"), shown.locator(".profile output")
    # "handler" has all samples, also those below it with another match; it is counted once.
    for text, share, marked in (
        ("data.py", "30.0%", ["load"]),
        ("/APP/", "100.0%", ["handler", "handler", "load", "render"]),
        ("none", "0.00%", []),
    ):
        search.fill(text)
        assert found.inner_text() == f"{share} of the samples match"
        names = shown.locator(".flame .found").all_inner_texts()
        assert sorted(names) == marked
    search.press("Escape")
    assert found.inner_text() == ""
    shown.get_by_role("button", name="Show in the flame graph").press("Enter")
    assert shown.locator(".flame .found").all_inner_texts() == ["render"]


def test_packages_are_one_or_each_a_function(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    assert function(shown, "starlette").count() == 1
    shown.get_by_label("Packages as one").press("Space")
    assert function(shown, "starlette").count() == 0
    assert function(shown, "dispatch").count() == 1


def test_waterfall_shows_the_statement_of_the_focused_span(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED, UNKNOWN))
    first = shown.locator(".waterfall").first
    assert first.locator("li").count() == 4
    first.locator("li").first.focus()
    shown.keyboard.press("ArrowDown")
    detail = first.locator("li:focus .detail")
    assert detail.is_visible()
    assert detail.inner_text() == f"at 0 s: {STATEMENT}"
    assert first.locator("li[tabindex='0']").count() == 1
    second = shown.locator(".waterfall").nth(1)
    assert not second.locator("li").first.is_visible()
    second.locator("summary").press("Enter")
    assert second.locator("li").first.is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(open_page: Open, theme: str) -> None:
    shown = open_page(page(EXPLAINED))
    if theme == "dark":
        shown.get_by_role("button", name="Switch to the dark theme").press("Enter")
    # Contrast by https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
    ratios = shown.evaluate(
        """() => {
            const canvas = document.createElement("canvas");
            const context = canvas.getContext("2d", { willReadFrequently: true });
            const light = (color) => {
                context.fillStyle = color;
                context.fillRect(0, 0, 1, 1);
                const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
                    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
            };
            return [...document.querySelectorAll(".flame [role=treeitem]")].map((one) => {
                const style = getComputedStyle(one);
                const two = [light(style.color), light(style.backgroundColor)];
                return Math.max(...two) / Math.min(...two);
            });
        }"""
    )
    assert len(ratios) >= 6
    assert min(ratios) >= 4.5


@pytest.mark.parametrize("width", [400, 1280])
def test_hostile_names_are_only_shown(open_page: Open, width: int) -> None:
    shown = open_page(hostile_page())
    shown.set_viewport_size({"width": width, "height": 900})
    for one in shown.locator(".waterfall summary").all()[1:]:
        one.press("Enter")
    assert shown.evaluate("document.querySelectorAll('script[src], img, iframe').length") == 0
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert HOSTILE[0] in shown.locator(".causes").inner_text()
    bar = shown.locator(".flame [role=treeitem]").filter(has_text=HOSTILE[1]).first
    bar.dispatch_event("mouseover")
    assert HOSTILE[1] in shown.locator(".tip").inner_text()
