"""How fast a report is: its first paint, and each chart from coming into view until it is drawn.

    uv run python -m benchmarks.page [REPORT.html ...]

Chromium opens each page, waits until the charting library is there, and scrolls down by one window
at a time. The times are those of the browser's performance clock; a page with one word is what the
browser itself takes. The CPU times are those of the page's thread (`Performance.getMetrics` in
thread ticks) and depend less on other load. Without an argument, the page of a run of 30 minutes
with 50 endpoints is written and measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from benchmarks.figures import in_turn, machine, table
from harness.budgets.model import Budget, Gauge, Selector
from harness.report.html.run_page import run_page
from harness.runs.model import Series
from harness.units import Unit
from tests.browser import PATIENCE, chromium, ready
from tests.unit.report.html import page_cases

REPEATS = 5
# Notes when a chart comes into view, and when Plotly has drawn it.
OBSERVE = """
(() => {
  const times = window.pageTimes = { seen: {}, drawn: {} };
  const note = (kind, i) => { times[kind][i] ??= performance.now(); };
  addEventListener("DOMContentLoaded", () => {
    times.parsed = performance.now();
    const figures = [...document.querySelectorAll("figure.chart")];
    const place = (node) => figures.indexOf(node.closest("figure.chart"));
    const views = new IntersectionObserver((entries) => {
      for (const one of entries) if (one.isIntersecting) note("seen", place(one.target));
    });
    const changes = new MutationObserver(() => {
      if (window.Plotly) times.library ??= performance.now();
      for (const plot of document.querySelectorAll(".plot.js-plotly-plot"))
        if (plot.querySelector(".main-svg")) note("drawn", place(plot));
    });
    for (const figure of figures) views.observe(figure.querySelector(".plot"));
    changes.observe(document.documentElement, { subtree: true, childList: true });
  });
})();
"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
LIBRARY = "() => window.Plotly"
WAITING = "() => Object.keys(pageTimes.seen).every((i) => i in pageTimes.drawn)"
AT_END = "scrollY + innerHeight >= document.body.scrollHeight - 1"


@dataclass(frozen=True, slots=True)
class Times:
    """Of one page, in milliseconds since its navigation.

    Attributes:
        paint: The first paint with content.
        library: When the charting library was there; None without charts.
        waits: Of each chart from coming into view until it was drawn, or from the library on.
        at_first: Charts that were drawn before any scrolling.
        cpu: CPU time.
    """

    paint: float
    library: float | None
    waits: tuple[float, ...]
    at_first: int
    cpu: CpuTimes


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Of the thread of one page, in milliseconds since its navigation.

    Attributes:
        text: Until the text was there.
        library: Until the charting library was there, too; None without charts.
        ready: Until the charts near the window were drawn.
        chart: Of each chart that was drawn later, a mean; None without one.
    """

    text: float
    library: float | None
    ready: float
    chart: float | None


def measure(browser: Browser, path: Path) -> Times:
    """Open a page and scroll to its end; then open it again for its CPU times."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(OBSERVE)
    page.goto(path.resolve().as_uri(), timeout=PATIENCE)
    page.wait_for_function(PAINT, timeout=PATIENCE)
    charts = page.locator("figure.chart").count()
    if charts:
        page.wait_for_function("() => pageTimes.library", timeout=PATIENCE)
    _wait(page)
    first = page.locator(".plot .main-svg:first-child").count()
    while not page.evaluate(AT_END):
        page.evaluate("scrollBy(0, innerHeight)")
        _wait(page)
    found: dict[str, Any] = page.evaluate("pageTimes")
    paint = page.evaluate(PAINT)
    page.close()
    library = found.get("library")
    waits = (
        max(0.0, found["drawn"][place] - max(seen, library or 0.0))
        for place, seen in found["seen"].items()
    )
    return Times(paint, library, tuple(waits), min(first, charts), cpu_times(browser, path))


def cpu_times(browser: Browser, path: Path) -> CpuTimes:
    """Open a page without an observer in it, and draw all of its charts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.resolve().as_uri(), timeout=PATIENCE, wait_until="domcontentloaded")
    text, library, chart = _cpu(session), None, None
    plots = page.locator(".plot").all()
    if plots:
        page.wait_for_function(LIBRARY, timeout=PATIENCE, polling=100)  # a frame's would cost more
        library = _cpu(session)
        ready(page)
    ready_at = _cpu(session)
    later = len(plots) - page.locator(".plot.js-plotly-plot").count()
    for plot in plots:
        plot.scroll_into_view_if_needed(timeout=PATIENCE)
        plot.locator(".main-svg").first.wait_for(state="attached", timeout=PATIENCE)
    if later:
        chart = (_cpu(session) - ready_at) / later
    page.close()
    return CpuTimes(text, library, ready_at, chart)


def _cpu(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def _wait(page: Page) -> None:
    page.wait_for_timeout(150)  # an observer reports with the next frame
    page.wait_for_function(WAITING, timeout=PATIENCE)


def row(name: str, runs: Sequence[Times], size: int) -> list[str]:
    """A row of the table: medians over the repeats, and the slowest chart of all."""
    waits = [wait for one in runs for wait in one.waits]
    libraries = [one.library for one in runs if one.library is not None]
    return [
        name,
        f"{size / 1e6:.2f} MB",
        f"{median(one.paint for one in runs):.0f} ms",
        f"{median(libraries):.0f} ms" if libraries else "-",
        f"{runs[0].at_first} of {len(runs[0].waits)}",
        f"{median(waits):.0f} ms" if waits else "-",
        f"{max(waits):.0f} ms" if waits else "-",
        *_cpu_cells([one.cpu for one in runs]),
    ]


def _cpu_cells(runs: Sequence[CpuTimes]) -> list[str]:
    columns = (
        [one.text for one in runs],
        [one.library - one.text for one in runs if one.library is not None],
        [one.ready for one in runs],
        [one.chart for one in runs if one.chart is not None],
    )
    return [f"{median(column):.0f} ms" if column else "-" for column in columns]


def _written(folder: Path) -> Path:
    """The page of a run of half an hour with 50 endpoints and 20 more charts."""
    judgement, evidence, budgets, axis, intervals = page_cases.run(
        *(f"GET /resources/{number}" for number in range(50)), seconds=1800
    )
    gauges = [f"gauge_{number}" for number in range(20)]
    times = evidence.series[0].times
    waves = tuple(float(5 + int(at) % 7) for at in times)
    more = tuple(Series(name, {"instance": "a"}, times, waves) for name in gauges)
    also = tuple(Budget(name, Gauge(Selector(name)), Unit.COUNT, 20, "max") for name in gauges)
    path = folder / "half-an-hour.html"
    evidence = replace(evidence, series=(*evidence.series, *more))
    text = run_page(judgement, evidence, (*budgets, *also), axis, intervals, exit_code=0)
    path.write_text(text, encoding="utf-8")
    return path


def main(arguments: Sequence[str]) -> None:
    """Measure each page, or one that is written for it."""
    head = ["page", "size", "first paint", "library", "drawn at first", "chart, median", "slowest"]
    head += ["CPU: text", "library", "ready", "a chart"]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        blank = Path(folder) / "one-word.html"
        blank.write_text("<!doctype html><p>word")
        paths = [blank, *([Path(one) for one in arguments] or [_written(Path(folder))])]
        places = {f"{number} {path.name}": path for number, path in enumerate(paths)}
        runs = in_turn({name: partial(measure, browser, p) for name, p in places.items()}, REPEATS)
        print(f"{REPEATS} times each in turn; {machine()}\n")
        print(table(head, [row(n, runs[n], p.stat().st_size) for n, p in places.items()]))


if __name__ == "__main__":
    main(sys.argv[1:])
