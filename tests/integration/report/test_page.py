"""report.html in a real browser: nothing is loaded, nothing complains, all of it is there."""

import gzip
import json
import re
from base64 import b85encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.mark import ParameterSet
from playwright.sync_api import Browser, Page

from harness.report.compare.results import compare_json
from harness.report.history.changes import with_changes
from harness.report.history.history import histories
from harness.report.html.axis import axis_of
from harness.report.html.capacity_page import capacity_page
from harness.report.html.compare_page import compare_page
from harness.report.html.document import NAME
from harness.report.html.history_page import MOST_CHARTS, history_page
from harness.report.html.run_page import run_page
from harness.report.parts.words import clean
from harness.report.run.results import results_json
from harness.runs.capacity import read_capacities
from tests.browser import PATIENCE, ready
from tests.integration.report.conftest import Open
from tests.unit.report.capacity import cases as capacity_cases
from tests.unit.report.capacity.test_history import store
from tests.unit.report.cases import AWKWARD, CASES, P95
from tests.unit.report.compare import cases as compare_cases
from tests.unit.report.history.cases import HISTORIES
from tests.unit.report.html import page_cases

pytestmark = pytest.mark.needs_chromium
REQUESTS = ("GET /contacts", "<script>alert(1)</script>", "x" * 2000, "GET /größe-世界")


def page_of(*requests: str, seconds: int = 20) -> str:
    run = page_cases.run(*requests, seconds=seconds)
    return run_page(*run, exit_code=run[0].exit_code)


def chart(page: Page, title: str) -> list[dict[str, Any]]:
    """The lines that Plotly drew below a title: name, x, y, and whether it is visible."""
    found = page.evaluate(
        """title => [...document.querySelectorAll("figure")]
            .find(figure => figure.querySelector("h3").textContent === title)
            .querySelector(".plot").data
            .map(({name, x, y, visible}) => ({name, x, y, visible}))""",
        title,
    )
    return cast("list[dict[str, Any]]", found)


def ranges(page: Page) -> list[list[float]]:
    found = page.evaluate(
        """() => [...document.querySelectorAll("figure[data-kind=time] .plot")]
            .map(plot => plot._fullLayout.xaxis.range)"""
    )
    return cast("list[list[float]]", found)


def cells(page: Page, table: str, row: str) -> list[tuple[str, list[float | None]]]:
    """Of each row the name it was made for, and the values behind its cells, to 12 digits."""
    found = page.evaluate(
        """([table, row]) => [...document.querySelectorAll(`.${table} tr[data-${row}]`)].map(tr =>
            [tr.dataset[row], [...tr.querySelectorAll("[data-value]")].map(td => td.dataset.value)])
        """,
        [table, row],
    )
    return [
        (name, [float(f"{float(v):.12g}") if v else None for v in values]) for name, values in found
    ]


def test_run_charts_have_a_point_for_each_interval_and_its_values(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    lines = {line["name"]: line for line in chart(page, "Latency")}
    expected = [page_cases.latency_of(second, 0) * 1000 for second in range(25)]
    assert lines["p50"]["x"] == [second + 0.5 for second in range(-5, 20)]
    assert lines["p50"]["y"] == pytest.approx(expected, rel=1e-3)
    assert lines["p95"]["y"] == pytest.approx([2 * value for value in expected], rel=1e-3)
    assert lines["p95 service time"]["y"] == pytest.approx(expected, rel=1e-3)
    assert lines["p95 service time"]["visible"] == "legendonly"
    assert lines["latency-p95: max 200 ms"]["y"] == [200, 200]
    (errors,) = chart(page, "Error ratio")
    assert errors["y"] == [5] * 25  # per cent: 1 of 20
    cpu = {line["name"]: line for line in chart(page, "CPU")}
    assert cpu["cpu"]["y"] == pytest.approx([30] * 25)
    rate = {line["name"]: line for line in chart(page, "Request rate")}
    assert (rate["requests succeeded"]["y"], rate["requests failed"]["y"]) == ([19] * 25, [1] * 25)
    (histogram,) = (
        line for line in chart(page, "Latency histogram") if line["name"] == "succeeded"
    )
    assert sum(histogram["y"][:-1]) == 19 * 20


def drawn(page: Page) -> list[bool]:
    """Whether each chart is drawn, in the order of the page."""
    found = page.locator(".plot").evaluate_all(
        "plots => plots.map(plot => plot.querySelector('.main-svg') !== null)"
    )
    return cast("list[bool]", found)


def test_run_charts_are_drawn_when_they_come_near_the_window(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"), charts=False, small=True)
    ready(page)
    before = drawn(page)
    assert not any(before)
    last = page.locator(".plot").last
    assert "requests by latency" in last.inner_text()
    last.scroll_into_view_if_needed(timeout=PATIENCE)
    last.locator(".main-svg").first.wait_for(state="attached", timeout=PATIENCE)
    assert last.locator("p.note").count() == 0
    after = drawn(page)
    assert after[-1]
    assert not any(after[: len(after) // 2])


def test_run_prints_all_charts_though_none_was_in_the_window(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"), charts=False, small=True)
    page.wait_for_function("() => window.Plotly", timeout=PATIENCE)
    now = page.evaluate(
        """() => { dispatchEvent(new Event("beforeprint"));
            return [...document.querySelectorAll(".plot")]
                .map(plot => plot.querySelector(".main-svg") !== null); }"""
    )
    assert now == [True] * 6
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_run_is_dark_again_after_printing(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    page.get_by_role("button", name="Switch to the dark theme").press("Enter")
    themes = page.evaluate(
        """() => ["beforeprint", "afterprint"].map((name) => {
            dispatchEvent(new Event(name));
            return document.documentElement.dataset.theme; })"""
    )
    assert themes == ["light", "dark"]


def test_run_without_javascript_says_what_its_charts_show(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.set_content(page_of("GET /contacts"))
    assert "The charts need JavaScript" in page.locator("noscript").first.inner_text()
    latency = page.locator("figure", has_text="Latency").first.locator(".plot")
    assert "p50 10 ms to 70 ms, p95 20 ms to 140 ms" in latency.inner_text()
    context.close()


def test_run_charts_keep_their_texts_when_the_library_does_not_start(browser: Browser) -> None:
    empty = gzip.compress(b"void 0;")
    library = f'id="library">{len(empty)}:{b85encode(empty).decode()}</script>'
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    with page.expect_event("pageerror", timeout=PATIENCE) as found:
        page.set_content(re.sub(r'id="library">.*?</script>', lambda _: library, page_of("a")))
    assert found.value.message == "the charting library did not start"
    assert "p50 10 ms to 70 ms" in page.locator("figure", has_text="Latency").first.inner_text()
    page.close()


def test_run_tool_bar_is_above_the_chart(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    figure = page.locator("figure", has_text="Latency").first
    figure.locator(".nsewdrag").hover()
    bar, chart_area = (
        figure.locator(one).first.bounding_box() for one in (".modebar", ".nsewdrag")
    )
    assert bar is not None
    assert chart_area is not None
    assert bar["y"] + bar["height"] <= chart_area["y"]
    tools = figure.locator(".modebar-btn").evaluate_all("found => found.map(a => a.dataset.title)")
    assert tools == ["Download plot as a PNG", "Zoom", "Zoom in", "Zoom out", "Reset axes"]


def test_run_hover_shows_values(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    page.locator("figure", has_text="Latency").first.locator(".nsewdrag").hover()
    hover = page.locator("figure .hoverlayer").filter(has_text="p95").first
    hover.wait_for(timeout=PATIENCE)
    assert "ms" in (hover.text_content() or "")


def test_run_zoom_is_of_all_charts_and_ends(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    whole = ranges(page)
    assert len(whole) == 4
    assert whole == [[-5, 20]] * 4
    plot = page.locator("figure", has_text="Error ratio").first.locator(".nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x, y, middle = box["x"], box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    page.mouse.move(x + 5, y)
    page.mouse.down()
    page.mouse.move(middle, y, steps=5)
    page.mouse.up()
    page.wait_for_function(
        """() => [...document.querySelectorAll("figure[data-kind=time] .plot")]
            .every(plot => plot._fullLayout.xaxis.range[1] < 9)""",
        timeout=PATIENCE,
    )
    zoomed = ranges(page)
    assert zoomed == [zoomed[0]] * 4
    assert zoomed[0][1] == pytest.approx(7.5, abs=0.5)
    page.get_by_role("button", name="Whole run").press("Enter")
    assert ranges(page) == whole
    page.get_by_role("button", name="Measurement window").press("Enter")
    assert ranges(page) == [[0, 20]] * 4


def test_run_theme_switches_by_keyboard_with_the_charts(open_page: Open) -> None:
    page = open_page(page_of("GET /contacts"))
    look = """() => [getComputedStyle(document.body).backgroundColor,
        document.querySelector(".plot").layout.font.color]"""
    assert page.evaluate(look) == ["rgb(255, 255, 255)", "#1b2027"]
    page.get_by_role("button", name="Switch to the dark theme").press("Enter")
    assert page.evaluate(look) == ["rgb(20, 23, 28)", "#e7eaee"]
    page.get_by_role("button", name="Switch to the light theme").press("Enter")
    assert page.evaluate(look) == ["rgb(255, 255, 255)", "#1b2027"]


def test_run_of_a_request_is_chosen_and_hostile_names_are_only_shown(open_page: Open) -> None:
    page = open_page(page_of(*REQUESTS))
    figure = page.locator("figure", has_text="Latency").first
    labels = figure.locator("option").all_inner_texts()
    assert set(labels) == {"all requests", *(clean(request, 120) for request in REQUESTS)}
    figure.locator("select").select_option(label="<script>alert(1)</script>")
    p50 = next(line for line in chart(page, "Latency") if line["name"] == "p50")
    expected = [page_cases.latency_of(second, 1) * 1000 for second in range(25)]
    assert p50["y"] == pytest.approx(expected, rel=1e-3)
    shown = page.locator(".endpoints .name").all_inner_texts()
    assert shown == ["all requests", *sorted(clean(request, NAME) for request in REQUESTS)]
    assert page.evaluate("document.querySelectorAll('script[src], img, iframe').length") == 0


def some(cases: Iterable[str], *names: str) -> list[ParameterSet]:
    """The cases, of which all but those with these names are slow."""
    return [pytest.param(c, marks=[] if c in names else [pytest.mark.slow]) for c in cases]


@pytest.mark.parametrize("case", some(CASES, "fail", "inconclusive", "awkward"))
def test_run_values_are_those_of_results_json(open_page: Open, case: str) -> None:
    judgement, evidence, code = CASES[case]
    results = json.loads(results_json(judgement, evidence, exit_code=code))
    page = open_page(run_page(judgement, evidence, (), axis_of(evidence), {}, exit_code=code))
    assert page.locator("header .badge").inner_text().lower() == results["outcome"]
    assert f"exit code {results['exit_code']}" in page.locator("header").inner_text()
    if evidence.manifest.never_began:
        assert not cells(page, "budgets", "budget")  # the error stands in their place
        return
    assert sorted(cells(page, "budgets", "budget"), key=str) == sorted(
        [(clean(one["name"], NAME), [one["value"]]) for one in results["budgets"]], key=str
    )
    rows = dict(cells(page, "endpoints", "request"))
    for one in results["endpoints"]:
        p50, _, p95, p99, _, most, service_time = rows[clean(one["request"], NAME)]
        expected = [one[key] for key in ("p50", "p95", "p99", "max", "service_time_p95")]
        assert [p50, p95, p99, most, service_time] == pytest.approx(expected)
    assert len(rows) == len(results["endpoints"]) + (len(results["endpoints"]) > 1)
    if case == "awkward":
        shown = page.locator(".budgets").inner_text()
        assert all(clean(name, NAME) in shown for name in AWKWARD)


@pytest.mark.parametrize(
    ("endpoints", "seconds", "points"),
    [
        pytest.param(1, 5, 10, id="one endpoint, five seconds"),
        pytest.param(40, 1800, 602, id="40 endpoints, half an hour", marks=pytest.mark.slow),
    ],
)
def test_run_of_any_size_fits_a_page(
    open_page: Open, endpoints: int, seconds: int, points: int
) -> None:
    requests = [f"GET /resources/{number}" for number in range(endpoints)]
    page = open_page(page_of(*requests, seconds=seconds))
    p50 = next(line for line in chart(page, "Latency") if line["name"] == "p50")
    assert len(p50["y"]) == points
    assert None not in p50["y"]
    total = 1 if endpoints > 1 else 0
    assert page.locator(".endpoints tbody tr").count() == endpoints + total


@pytest.mark.parametrize("width", [400, 1280])
def test_run_page_is_not_wider_than_its_window(open_page: Open, width: int) -> None:
    page = open_page(page_of(*REQUESTS))
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("case", some(compare_cases.CASES, "fail", "awkward", "no-budgets"))
def test_compare_charts_have_the_pairs_and_the_interval_of_compare_json(
    open_page: Open, case: str
) -> None:
    comparison, setting, code = compare_cases.CASES[case]
    document = json.loads(compare_json(comparison, setting, exit_code=code))
    page = open_page(compare_page(comparison, setting, exit_code=code))
    assert page.locator("header .badge").inner_text().lower() == document["outcome"]
    listed = [] if comparison.never_began else document["budgets"]
    assert sorted(cells(page, "budgets", "budget"), key=str) == sorted(
        [(clean(one["name"], NAME), [one["estimate"]]) for one in listed], key=str
    )
    charted = [one for one in document["budgets"] if one["pairs"]]
    assert page.locator("figure").count() == len(charted)
    for one in charted:
        lines = {line["name"]: line for line in chart(page, clean(one["name"], NAME))}
        assert len(lines["pair"]["y"]) == one["pairs"]
        assert lines["estimate"]["y"][-1] == pytest.approx(100 * one["estimate"], rel=1e-3)
        if one["lower"] is not None and one["upper"] is not None:
            last = lines["interval"]["y"][-1], lines["upper"]["y"][-1]
            # What the table shows also contains the estimate.
            assert last == pytest.approx((100 * one["lower"], 100 * one["upper"]), rel=1e-3)


@pytest.mark.parametrize("case", some(HISTORIES, "month", "awkward"))
def test_history_charts_have_each_run_of_each_trend(open_page: Open, case: str) -> None:
    runs, left_out = HISTORIES[case]
    found = histories(runs)
    page = open_page(history_page(found, left_out))
    shown = page.evaluate(
        "() => [...document.querySelectorAll('.plot')].map(plot => plot.data[0].y.length)"
    )
    known = [len(t.values) for h in found for t in h.trends if set(t.values) != {None}]
    assert shown == known[:MOST_CHARTS]
    cells_of = """rows => rows.map(
        row => [row.dataset.budget, row.querySelector("[data-value]").dataset.value])"""
    rows = page.locator(".trends tr[data-budget]").evaluate_all(cells_of)
    values = sorted((name, float(value) if value else -1) for name, value in rows)
    trends = [trend for history in found for trend in history.trends]
    latest = [(clean(t.name, NAME), -1 if t.latest is None else t.latest) for t in trends]
    assert values == sorted(latest)


def test_history_marks_the_changes_in_the_chart_and_links_to_the_runs(open_page: Open) -> None:
    runs, left_out = HISTORIES["changed"]
    page = open_page(history_page([with_changes(one) for one in histories(runs)], left_out))
    (_, change, _) = chart(page, P95.name)
    assert change["name"] == "change"
    assert change["x"] == [12.5, 12.5, None, 20.5, 20.5, None]
    assert change["y"] == [100, 130, None, 130, 160, None]
    links = page.locator(".changes a").evaluate_all("found => found.map(a => a.textContent)")
    assert len(links) == 6
    assert links[:2] == [runs[12].folder.name, runs[11].folder.name]


def test_history_shows_the_interval_of_each_capacity(open_page: Open, tmp_path: Path) -> None:
    store(tmp_path, 0, 100, 105)
    store(tmp_path, 1, 110, None)
    page = open_page(history_page([], [], searches=read_capacities(tmp_path)[0]))
    (shown,) = page.evaluate(
        """() => document.querySelector(".plot").data
            .map(({y, error_y, marker}) => [y, error_y.array, marker.symbol])"""
    )
    assert shown == [[100, 110], [5, 0], ["line-ew-open", "triangle-up"]]


@pytest.mark.parametrize("case", some(capacity_cases.CASES, "repeated", "disturbed", "awkward"))
def test_capacity_charts_have_each_step_and_the_bound(open_page: Open, case: str) -> None:
    capacity, setting, code = capacity_cases.CASES[case]
    page = open_page(capacity_page(capacity, setting, exit_code=code))
    assert page.locator("header .badge").inner_text().lower() == capacity.outcome
    steps, bound = chart(page, "api-latency-p95")
    ordered = sorted(capacity.steps, key=lambda step: step.rate)
    assert steps["x"] == pytest.approx([step.rate for step in ordered])
    assert [y > bound["y"][0] for y in steps["y"]] == [(step.p95 or 0) > 0.2 for step in ordered]
    assert bound["name"] == "max 200 ms"
    assert page.locator("tr[data-rate]").count() == len(ordered)
