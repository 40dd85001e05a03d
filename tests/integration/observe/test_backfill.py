"""`harness backfill`: a stored run in a real Prometheus equals one that it has scraped."""

import json
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from harness.budgets.model import (
    Budget,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.cli import main
from harness.commands.backfill import run_document
from harness.judge.measure.measure import measure
from harness.judge.measure.observe import observe
from harness.judge.model import Measurement
from harness.promql.expression import QueryScope, share_over, value
from harness.runs.folder import RunFolder, read_evidence
from harness.units import Unit
from tests.integration.observe.stored import BORN, RESET
from tests.servers import PrometheusServer
from tests.unit.judge.evidence import END, START

pytestmark = pytest.mark.needs_prometheus

# A millisecond more than the window: Prometheus 3 leaves out what lies at a range's start.
WINDOW = QueryScope("10001ms", step="1s")


def ask(server: PrometheusServer, query: str, at: float = END) -> dict[str, float]:
    """The value of each series by its labels that are not on all of the harness's."""
    parameters = urllib.parse.urlencode({"query": query, "time": at})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{parameters}", timeout=60) as answer:
        result = json.load(answer)["data"]["result"]
    common = {"__name__", "job", "service", "scenario"}
    return {
        ",".join(f"{k}={v}" for k, v in sorted(one["metric"].items()) if k not in common): float(
            one["value"][1]
        )
        for one in result
    }


def only(server: PrometheusServer, query: str, at: float = END) -> float:
    found = ask(server, query, at)
    assert len(found) == 1, (query, found)
    return found.popitem()[1]


def exact(stored_run: RunFolder, indicator: Indicator, bound: float = 0.5) -> Measurement:
    budget = Budget("b", indicator, Unit.COUNT, bound, "max")
    return measure(budget, observe(budget, read_evidence(stored_run)))


WAIT = Selector("wait_seconds")
USED = Selector("used", {"state": "used"})
SAME: dict[str, Indicator] = {
    "a quantile of a histogram, of two instances": Quantile(WAIT, 0.9),
    "its mean": Mean(WAIT),
    "a ratio of counters": Ratio(Selector("hits_total"), Selector("asks_total")),
    "a ratio with a label": Ratio(
        Selector("hits_total", {"result": "hit"}), Selector("asks_total")
    ),
    "a rate": Rate(Selector("asks_total")),
    "a rate over a gauge": Rate(Selector("asks_total"), Selector("most")),
    "the mean of a gauge": Gauge(USED),
    "the peak of a gauge": Gauge(USED, "max"),
    "the last value of a gauge": Gauge(USED, "last"),
    "the mean utilization of the worst instance": Utilization(USED, Selector("most")),
    "the peak utilization of the worst instance": Utilization(USED, Selector("most"), "max"),
    "a counter that was reset, whose guard trips": Rate(Selector(RESET)),
    "the mean latency of what succeeded": Latency(None),
    "the mean latency of a request": Latency(None, "POST /orders"),
    "the mean service time": Latency(None, of="service_time"),
    "the error ratio of a request": ErrorRatio("GET /items"),
    "throughput": Throughput(),
}


@pytest.mark.parametrize("name", SAME)
def test_prometheus_and_the_harness_agree_on(
    name: str, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    exact_value = exact(stored_run, SAME[name])
    assert exact_value.value is not None, exact_value.reason
    assert only(prometheus, value(SAME[name], WINDOW)) == pytest.approx(exact_value.value, rel=1e-6)


@pytest.mark.parametrize("indicator", [Latency(0.95), Latency(0.95, "POST /orders")])
def test_share_over_the_bound_of_a_latency_budget_is_exact(
    indicator: Latency, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    exact_value = exact(stored_run, indicator, 0.42).share_over
    queried = only(prometheus, share_over(indicator, 0.42, WINDOW))
    assert exact_value is not None
    assert queried == pytest.approx(exact_value, rel=1e-3)  # it extrapolates over milliseconds
    assert queried > 0


def test_quantile_of_latency_is_interpolated_within_its_bucket(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """The harness knows times to a thousandth, Prometheus between two edges."""
    exact_value = exact(stored_run, Latency(0.9)).value
    assert exact_value == pytest.approx(0.015, rel=1e-3)
    queried = only(prometheus, value(Latency(0.9), WINDOW))
    assert queried != pytest.approx(exact_value, rel=1e-6)
    assert 0.015 < queried <= 0.02


def test_first_increase_of_a_new_series_counts_only_for_the_harness(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """6 errors: 3 when the series appears, 3 later. `rate` starts at the first value it sees."""
    assert exact(stored_run, Rate(Selector(BORN))).value == pytest.approx(0.6, rel=1e-6)
    assert only(prometheus, value(Rate(Selector(BORN)), WINDOW)) < 0.4
    # What the harness stores of its own requests begins at 0, so that none is lost.
    exact_value = exact(stored_run, ErrorRatio("POST /orders")).value
    assert exact_value == pytest.approx(2 / 27, rel=1e-6)
    queried = only(prometheus, value(ErrorRatio("POST /orders"), WINDOW))
    assert queried == pytest.approx(exact_value, rel=1e-3)  # it extrapolates over milliseconds


def test_window_whose_edges_were_not_scraped_is_extrapolated(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """Half a second later: ten scrapes lie within, nine intervals, taken for the whole window."""
    asks = next(one for one in read_evidence(stored_run).series if one.name == "asks_total")
    counted = dict(zip(asks.times, asks.values, strict=True))
    late = only(prometheus, value(Rate(Selector("asks_total")), QueryScope("10s")), END + 0.5)
    assert late == pytest.approx((counted[END] - counted[START + 1]) / 9, rel=1e-6)
    exact_value = exact(stored_run, Rate(Selector("asks_total"))).value
    assert exact_value == pytest.approx((counted[END] - counted[START]) / 10, rel=1e-6)
    assert late != pytest.approx(exact_value, rel=0.01)


def test_growth_is_over_the_window_for_the_harness_and_over_the_range_for_prometheus(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """A range that ends a millisecond before the window's start reads the sample before it."""
    growth = Gauge(USED, "growth")
    exact_value = exact(stored_run, growth).value
    at_edges = only(prometheus, value(growth, QueryScope("10s", step="1s")))
    assert (exact_value, at_edges) == (1.0, 1.0)


def test_prometheus_has_the_run_its_budgets_and_its_verdict(
    prometheus: PrometheusServer,
) -> None:
    assert ask(prometheus, "harness_run_info") == {"run=a-run,version=0.1.0": 1.0}
    moments = "harness_window_end_time_seconds - harness_window_start_time_seconds"
    assert only(prometheus, moments) == 10.0
    assert ask(prometheus, "harness_budget_limit") == {
        "budget=slow,direction=max,severity=error": 0.42,
        "budget=errors,direction=max,severity=warn": 0.5,
    }
    assert ask(prometheus, 'harness_budget_outcome{budget="slow"} == 1').keys() == {
        "budget=slow,outcome=inconclusive"  # ten seconds are too few for a quantile
    }
    assert ask(prometheus, "harness_budget_value", END - 1) == {}
    assert ask(prometheus, "harness_budget_value").keys() == {"budget=slow", "budget=errors"}
    assert only(prometheus, 'count(asks_total{job="sample-app"})') == 1.0
    assert only(prometheus, 'count(harness_requests_total{job="harness", scenario="smoke"})') == 4.0


def test_run_without_results_has_no_limits(stored_run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "unjudged"
    shutil.copytree(stored_run.path, path)
    RunFolder(path).write("results.json", "")
    text = "".join(run_document(RunFolder(path)))
    assert "harness_run_info" in text
    assert "harness_budget" not in text
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "promtool is not installed"), (None, "name a folder that can be written")],
    ids=["promtool is absent", "the folder is a file"],
)
def test_impossible_backfill_is_an_error(
    path: str | None,
    message: str,
    stored_run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "data").touch()
    if path is not None:
        monkeypatch.setenv("PATH", path)
    with pytest.raises(SystemExit) as ended:
        main(["backfill", str(stored_run.path), str(tmp_path / "data")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_case_3c_series_that_differ_in_their_own_job_stay_apart(
    stored_run: RunFolder, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(stored_run.path, folder.path)
    with folder.file("metrics.om").open("a") as file:
        file.writelines(f'x{{instance="i",job="{job}"}} {job} 1005.000\n' for job in "12")
    lines = [line for line in run_document(folder) if line.startswith("x{")]
    service = json.loads(folder.file("run.json").read_text())["service"]
    assert lines == [
        f'x{{exported_job="{job}",instance="i",job="{service}"}} {job}.0 1005.000\n' for job in "12"
    ]
