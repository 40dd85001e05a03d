"""The history of runs: its trends as values, its report against tests/golden/history."""

import re
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from harness.judge.model import Verdict
from harness.report.history.changes import with_changes
from harness.report.history.console import history_report
from harness.report.history.history import Trend, histories
from harness.report.history.words import bound_text
from harness.report.parts.sparkline import sparkline
from harness.runs.results import PastRun, StoredCost
from harness.units import Unit
from tests.unit.report.cases import BREACHED, ERRORS, HITS, MEMORY, P95
from tests.unit.report.golden import GOLDEN, check_golden, check_names
from tests.unit.report.history.cases import HISTORIES, at, past

FOLDER = GOLDEN / "history"
FORMATS = {
    "console-100.txt": (100, False),
    "console-60.txt": (60, False),
    "console-100.ansi": (100, True),
}
NAMES = [
    *(f"{case}.console-100.txt" for case in HISTORIES),
    "awkward.console-60.txt",
    "changed.console-60.txt",
    "month.console-100.ansi",
]


def report(case: str, width: int, *, color: bool) -> str:
    runs, left_out = HISTORIES[case]
    found = [with_changes(history) for history in histories(runs)]
    return history_report(found, left_out, width=width, color=color)


@pytest.mark.parametrize("name", NAMES)
def test_history_is_the_golden(name: str) -> None:
    case, form = name.split(".", 1)
    width, color = FORMATS[form]
    check_golden(FOLDER / name, report(case, width, color=color))


def test_goldens_all_belong_to_a_case() -> None:
    check_names(FOLDER, NAMES)


@pytest.mark.parametrize("case", HISTORIES)
@pytest.mark.parametrize("width", range(40, 161, 20))
def test_history_fits_and_steers_no_terminal(case: str, width: int) -> None:
    text = report(case, width, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert max(cell_len(line) for line in text.split("\n")) <= width


def test_runs_show_what_a_request_cost_where_it_was_measured() -> None:
    runs = [past(day, P95) for day in range(3)]
    cost = StoredCost(name="cpu_time_per_request", value=0.0125, unit=Unit.SECONDS)
    measured = runs[1].results.model_copy(update={"costs": (cost,)})
    shown = [runs[0], PastRun(runs[1].folder, measured), runs[2]]
    text = history_report(histories(shown), (), width=120, color=False)
    header, _, *rows = text.splitlines()[2:7]
    at = header.index("CPU/request")
    assert [row[at : at + 11].strip() for row in rows] == ["-", "12.5 ms", "-"]
    assert "CPU/request" not in history_report(histories(runs), (), width=120, color=False)


# --- trends ---------------------------------------------------------------------------------------


def trend(*values: float | None, of: Verdict = P95) -> Trend:
    (history,) = histories([past(day, at(value, of)) for day, value in enumerate(values)])
    (found,) = history.trends
    return found


@pytest.mark.parametrize(
    ("found", "usual", "worse"),
    [
        pytest.param(trend(0.1), None, None, id="a first run has no usual value"),
        pytest.param(trend(0.1, 0.1), 0.1, 0.0, id="the same again"),
        pytest.param(trend(0.1, 0.3, 0.2, 0.22), 0.2, 0.1, id="10% over the median of a max"),
        pytest.param(trend(0.2, 0.18), 0.2, -0.1, id="10% better"),
        pytest.param(trend(0.9, 0.75, of=HITS), 0.9, 0.2, id="a min that falls is worse"),
        pytest.param(trend(0.8, 0.9, of=HITS), 0.8, -1 / 9, id="a min that rises is better"),
        pytest.param(trend(0.0, 0.5, of=ERRORS), 0.0, inf, id="from zero is worse by any measure"),
        pytest.param(trend(0.5, 0.0, of=ERRORS), 0.5, -1.0, id="to zero is all better"),
        pytest.param(trend(0.5, 0.0, of=HITS), 0.5, inf, id="a min that falls to zero"),
        pytest.param(trend(0.0, 0.0, of=ERRORS), 0.0, 0.0, id="zero again"),
        pytest.param(trend(-5.0, 5.0, of=MEMORY), -5.0, None, id="growth that changed its sign"),
        pytest.param(trend(-5.0, -3.0, of=MEMORY), -5.0, 0.4, id="growth below zero that rises"),
        pytest.param(trend(-5.0, -10.0, of=MEMORY), -5.0, -1.0, id="growth below zero that falls"),
        pytest.param(trend(-5.0, -10.0, of=HITS), -5.0, 0.5, id="a min below zero that falls"),
        pytest.param(trend(0.0, -5.0, of=MEMORY), 0.0, -inf, id="growth that falls below zero"),
        pytest.param(trend(-5.0, 0.0, of=MEMORY), -5.0, 1.0, id="growth that rises to zero"),
        pytest.param(trend(0.1, None), 0.1, None, id="no latest value"),
        pytest.param(trend(None, 0.1), None, None, id="no value before"),
    ],
)
def test_trend_says_how_much_worse_than_usual_the_latest_is(
    found: Trend, usual: float | None, worse: float | None
) -> None:
    assert found.earlier_median == (usual if usual is None else pytest.approx(usual))
    assert found.regression == (worse if worse is None else pytest.approx(worse))


def test_trend_leaves_out_what_a_guard_took_away_but_not_what_is_too_close_to_its_bound() -> None:
    runs = [
        past(0, at(0.1), distrust=True),
        past(1, replace(at(0.199), outcome="inconclusive", reason="too close")),
    ]
    assert histories(runs)[0].trends[0].values == (None, 0.199)


def test_trend_of_a_budget_that_changed_its_unit_has_only_the_values_of_the_latest() -> None:
    runs = [past(0, at(0.5, HITS)), past(1, replace(P95, name=HITS.name))]
    found = histories(runs)[0].trends[0]
    assert (found.unit, found.values) == (Unit.SECONDS, (None, P95.value))
    assert found.outcomes == ("pass", "pass")


def test_budgets_stand_in_the_order_of_the_latest_run_then_those_it_lacks() -> None:
    (history,) = histories([past(0, P95, MEMORY), past(1, BREACHED), past(2, HITS, P95)])
    assert [trend.name for trend in history.trends] == [
        *("cache-hit-ratio", "api-latency-p95"),
        "process-memory-of-the-whole-service",
    ]
    assert [trend.outcomes for trend in history.trends] == [
        *((None, None, "pass"), ("pass", "fail", "pass")),
        ("pass", None, None),
    ]
    assert [trend.breaches for trend in history.trends] == [0, 1, 0]


def test_runs_of_other_scenarios_are_another_history() -> None:
    runs = [past(0, P95), past(1, P95, scenario="soak"), past(2, P95)]
    found = histories(runs)
    assert [(h.service, h.scenario, len(h.runs)) for h in found] == [
        ("sample-app", "smoke", 2),
        ("sample-app", "soak", 1),
    ]


# --- sparklines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "low", "high", "line"),
    [
        pytest.param([0, 1, 2, 3, 4, 5, 6, 7], 0, None, "▁▂▃▄▅▆▇█", id="from zero to the largest"),
        pytest.param([1.0, None, 2.0], None, None, "▁ █", id="a gap where there is no value"),
        pytest.param([5.0, 20.0], 0, 10, "▅█", id="what is over the top stays there"),
        pytest.param([0.0, 0.0], 0, None, "▁▁", id="all zero"),
        pytest.param([inf, 3.0], 0, None, " █", id="what is not finite is a gap"),
        pytest.param([None, None], 0, None, "  ", id="nothing known"),
        pytest.param([], 0, None, "", id="nothing at all"),
    ],
)
def test_sparkline(
    values: list[float | None], low: float | None, high: float | None, line: str
) -> None:
    assert sparkline(values, low=low, high=high) == line


@given(st.lists(st.none() | st.floats(), max_size=40))
def test_sparkline_of_anything_has_one_character_a_value(values: list[float | None]) -> None:
    assert len(sparkline(values)) == len(sparkline(values, low=None)) == len(values)


def of_a_histogram(share: float | None, bound: float = 0.2) -> Verdict:
    allowed = None if share is None else 0.05
    bucket = (0.1, 0.25)
    found = replace(P95, value=0.17, bound=bound, bucket=bucket)
    return replace(found, share_over=share, share_allowed=allowed)


def test_quantile_of_a_histogram_is_compared_by_its_share_over_the_bound() -> None:
    runs = [past(day, of_a_histogram(share)) for day, share in enumerate((0.01, 0.02, 0.04))]
    trend = histories(runs)[0].trends[0]
    assert trend.values == (0.01, 0.02, 0.04)
    assert trend.unit is Unit.RATIO
    assert trend.bound == 0.05
    assert bound_text(trend) == "max 5% over 200 ms"


def test_shares_over_other_bounds_are_not_compared() -> None:
    runs = [
        past(0, of_a_histogram(0.3, 0.1)),
        past(1, of_a_histogram(None)),
        past(2, of_a_histogram(0.02)),
    ]
    assert histories(runs)[0].trends[0].values == (None, None, 0.02)


def test_value_within_a_bucket_is_not_compared() -> None:
    """An earlier version stored an interpolated value there."""
    runs = [past(day, of_a_histogram(None)) for day in range(2)]
    assert histories(runs)[0].trends[0].values == (None, None)
