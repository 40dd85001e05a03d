"""The causes of a regression in a real browser: the differential flame graph, by keyboard."""

from typing import cast

import pytest
from playwright.sync_api import Locator, Page

from tests.integration.report.conftest import Open
from tests.unit.report.html.difference_cases import EXPLAINED, UNKNOWN, hostile_page, page
from tests.unit.report.html.why_cases import HOSTILE

pytestmark = pytest.mark.needs_chromium

CONTRAST = """() => {
    // https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio
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


def function(shown: Page, name: str) -> Locator:
    """The bar of a function in the flame graph."""
    return shown.locator(f".flame [role=treeitem][aria-label^='{name}']")


def width(bar: Locator) -> float:
    """The width of a bar as a share of the graph."""
    return cast("float", bar.evaluate("one => one.offsetWidth / one.parentElement.clientWidth"))


def test_flame_graph_shows_what_has_grown_by_colour_sign_and_text(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    for name, sign, label in (
        ("render", "▲ ", "60 samples, 60.0%; 20 in the baseline (+40)"),
        ("load", "▲ ", "30 samples, 30.0%; 0 in the baseline (+30)"),
        ("all", "", "100 samples, 100.0%; 100 in the baseline (±0)"),
    ):
        bar = function(shown, name)
        assert bar.inner_text() == f"{sign}{name}"
        assert (bar.get_attribute("aria-label") or "").endswith(label)
        assert ("more" in (bar.get_attribute("class") or "")) == bool(sign)
    assert width(function(shown, "render")) == pytest.approx(0.6, abs=0.01)
    function(shown, "render").hover()
    assert shown.locator(".tip").inner_text() == (
        "render\napp/pages.py:85\n60 samples, 60.0%; 20 in the baseline (+40)"
    )
    shown.get_by_label("Profile").select_option("Wall time of the baseline")
    gone = function(shown, "gone")
    assert gone.inner_text() == "▼ gone"
    assert (gone.get_attribute("aria-label") or "").endswith("0 in the candidate (\u221280)")


def test_flame_graph_is_zoomed_and_searched_by_keyboard(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED))
    shown.locator(".flame [tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        shown.keyboard.press(key)
    assert width(function(shown, "render")) == pytest.approx(1, abs=0.01)
    shown.keyboard.press("Escape")
    assert width(function(shown, "render")) == pytest.approx(0.6, abs=0.01)
    shown.get_by_role("button", name="Show in the flame graph").press("Enter")
    assert shown.locator(".flame .found").all_inner_texts() == ["▲ render"]
    assert shown.locator(".profile output").inner_text() == "60.0% of the samples match"


def test_causes_have_changed_lines_and_statements_of_both_versions(open_page: Open) -> None:
    shown = open_page(page(EXPLAINED, UNKNOWN))
    causes = shown.locator(".breach").first
    assert "in app/pages.py:85, changed in this branch" in causes.inner_text()
    assert "orders() in app/orders.py:12: on the stack in 30 samples" in causes.inner_text()
    assert shown.locator(".statements tbody tr").count() == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["candidate", "baseline"])
def test_text_can_be_read_in_both_themes(open_page: Open, theme: str, view: str) -> None:
    shown = open_page(page(EXPLAINED))
    if theme == "dark":
        shown.get_by_role("button", name="Switch to the dark theme").press("Enter")
    shown.get_by_label("Profile").select_option(f"Wall time of the {view}")
    ratios = shown.evaluate(CONTRAST)
    assert len(ratios) >= 6
    assert min(ratios) >= 4.5


@pytest.mark.parametrize("width", [400, 1280])
def test_hostile_texts_are_only_shown(open_page: Open, width: int) -> None:
    shown = open_page(hostile_page())
    shown.set_viewport_size({"width": width, "height": 900})
    assert shown.evaluate("document.querySelectorAll('script[src], img, iframe').length") == 0
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert HOSTILE[0] in shown.locator(".causes").inner_text()
    bar = shown.locator(".flame [role=treeitem]").filter(has_text=HOSTILE[1]).first
    bar.dispatch_event("mouseover")
    assert HOSTILE[1] in shown.locator(".tip").inner_text()
