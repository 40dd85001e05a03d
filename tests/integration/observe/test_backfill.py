"""A stored run in a real Prometheus: it answers what the judge measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.arguments import parser
from harness.backfill import run_document
from harness.budgets.model import Latency
from harness.cli import COMMANDS
from harness.errors import UsageError
from harness.judge.decide import judge
from harness.judge.model import Judgement
from harness.report.results import results_json
from harness.runs.cells import Cell, bucket_of
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.latency import LatencyLog
from harness.runs.metrics import MetricsLog
from harness.runs.model import Clock, Manifest
from harness.runs.openmetrics import Sample, reading
from tests.prometheus import PrometheusServer, prometheus_server
from tests.unit.judge.evidence import APP, budget, manifest

START, SECONDS = 1_782_907_200.25, 20  # a window does not begin at a whole second
BUDGETS = (
    budget(Latency(0.95), 0.042, name="fast"),
    budget(Latency(0.95, "GET /never"), 1.0, name="never"),
)
pytestmark = pytest.mark.needs_prometheus


def about() -> Manifest:
    clock = Clock(
        created=START - 10,
        started=START - 5,
        window_start=START,
        window_end=START + SECONDS,
        drained=START + SECONDS + 1,
    )
    return manifest().model_copy(update={"clock": clock})


def times(second: int) -> dict[int, int]:
    """Ten requests a second; one in ten is slow after the first half of the window."""
    slow = 0.1 if second >= SECONDS / 2 else 0.03
    return {bucket_of(0.01): 9, bucket_of(slow): 1}


def write_run(folder: RunFolder, *, judged: bool = True) -> Judgement | None:
    folder.write_manifest(about())
    log = LatencyLog(folder.file("latency.hlog"))
    log.begin(START)
    log.write(
        Cell("latency", "ok", "GET", "/items", second, times(second))
        for second in range(-5, SECONDS)
    )
    log.close()
    with MetricsLog(folder.file("metrics.om")) as metrics:
        for second in range(-5, SECONDS + 2):
            served = Sample("served_total", {"instance": APP}, 7 * second + 50, "counter", "served")
            metrics.add([served], START + second)
            metrics.add([reading("harness_users", 3.0)], START + second)
    if not judged:
        return None
    evidence = read_evidence(folder)
    judgement = judge(BUDGETS, evidence)
    text = results_json(judgement, evidence, exit_code=judgement.exit_code)
    folder.write("results.json", text)
    return judgement


def backfill(run: Path, data: Path) -> None:
    options = parser(COMMANDS).parse_args(["backfill", str(run), str(data)])
    assert options.command(options) == 0


@dataclass(frozen=True)
class Loaded:
    """A run that was loaded into a Prometheus."""

    server: PrometheusServer
    judgement: Judgement


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("backfill")
    run = RunFolder(folder / "a-run")
    run.path.mkdir()
    judgement = write_run(run)
    assert judgement is not None
    for _ in range(2):  # twice is no harm
        backfill(run.path, folder / "data")
    with prometheus_server(folder / "data", folder) as server:
        yield Loaded(server, judgement)


def at(second: float) -> float:
    return START + second


def test_latency_over_the_window_is_what_was_judged(loaded: Loaded) -> None:
    def increase(series: str) -> float | None:
        return loaded.server.value(f"{series} - {series} offset {SECONDS}s", at(SECONDS))

    total = increase("harness_request_latency_seconds_count")
    assert total == loaded.judgement.verdicts[0].samples == 10 * SECONDS
    within = increase('harness_request_latency_seconds_bucket{le="0.042"}')
    assert within == 9 * SECONDS + SECONDS / 2


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ('harness_budget_limit{budget="fast"}', 0.042),
        ('harness_budget_outcome{budget="never", outcome="inconclusive"}', 1.0),
        ('harness_budget_outcome{budget="never", outcome="pass"}', 0.0),
        ('harness_budget_value{budget="never"}', None),
        ('harness_run_info{run="a-run", job="harness", scenario="smoke"}', 1.0),
        ("harness_window_start_time_seconds", START),
        ('harness_users{job="harness", service="sample-app"}', 3.0),
        (f'served_total{{job="sample-app", instance="{APP}"}}', 7 * SECONDS + 50.0),
        ("served_total - served_total offset 20s", 7.0 * SECONDS),
    ],
)
def test_run_in_prometheus_has_what_a_scrape_would_have_shown(
    loaded: Loaded, query: str, value: float | None
) -> None:
    assert loaded.server.value(query, at(SECONDS)) == value


def test_value_of_a_budget_is_that_of_the_verdict(loaded: Loaded) -> None:
    found = loaded.server.value('harness_budget_value{budget="fast"}', at(SECONDS))
    assert found == pytest.approx(loaded.judgement.verdicts[0].value, rel=1e-9)


@pytest.mark.parametrize("truncated", [False, True])
def test_run_that_was_not_judged_is_loaded_without_budgets(tmp_path: Path, truncated: bool) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_run(run, judged=False)
    if truncated:
        run.write("results.json", "")
    text = "".join(run_document(run))
    assert "harness_budget" not in text
    assert text.count("harness_request_latency_seconds_count") == 5 + SECONDS + 1
    assert text.endswith("# EOF\n")


def test_data_that_promtool_cannot_write_is_a_clear_error(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_run(run, judged=False)
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UsageError, match=r"promtool cannot write to .*data: "):
        backfill(run.path, tmp_path / "data")


def test_without_promtool_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_run(run, judged=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="promtool is not installed"):
        backfill(run.path, tmp_path / "data")
