"""`--prometheus URL`: budgets measured by a real server, and bad responses."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.model import (
    Budget,
    Gauge,
    Indicator,
    Mean,
    Promql,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.errors import RunFolderError, UsageError
from harness.judge.judge import judge
from harness.judge.measure.measure import measure
from harness.judge.measure.observe import observe
from harness.judge.model import Guard, Measurement, Verdict
from harness.observe.prometheus import Prometheus
from harness.observe.promtool import create_blocks
from harness.runner.prometheus import query_server, with_answers
from harness.runs.folder import RunFolder, read_evidence, read_manifest
from harness.runs.prometheus_answers import read_answers, write_answers
from harness.units import Unit
from tests.integration.observe.conftest import Endpoint, Reply
from tests.integration.observe.stored import BORN, RESET, write
from tests.servers import PrometheusServer, free_port, prometheus_server
from tests.unit.judge.evidence import START

needs_prometheus = pytest.mark.needs_prometheus
WAIT, ASKS = Selector("wait_seconds"), Selector("asks_total")
USED, MOST = Selector("used", {"state": "used"}), Selector("most")


def of(indicator: Indicator, bound: float = 0.5) -> Budget:
    return Budget("b", indicator, Unit.COUNT, bound, "max")


def by(server: Prometheus, run: RunFolder, budget: Budget, **match: str) -> Measurement:
    """The budget's indicator by what a server answers."""
    answers = query_server(replace(server, matchers=match), (budget,), read_manifest(run).clock)
    return measure(budget, observe(budget, with_answers(read_evidence(run), (budget,), answers)))


SAME: dict[str, tuple[Indicator, str]] = {
    "a quantile of two instances": (Quantile(WAIT, 0.9), "extrapolated"),
    "a mean": (Mean(WAIT), "extrapolated"),
    "a ratio": (Ratio(Selector("hits_total", {"result": "hit"}), ASKS), "extrapolated"),
    "a rate": (Rate(ASKS), "extrapolated"),
    "a rate over a gauge": (Rate(ASKS, MOST), "extrapolated"),
    "the mean of a gauge": (Gauge(USED), "read"),
    "the peak of a gauge": (Gauge(USED, "max"), "read"),
    "the last of a gauge": (Gauge(USED, "last"), "read"),
    "the growth of a gauge": (Gauge(USED, "growth"), "read"),
    "a utilization": (Utilization(USED, MOST, "max"), "read"),
}


@needs_prometheus
@pytest.mark.parametrize("name", SAME)
def test_server_and_own_scrapes_agree_on_the_value_the_verdict_and_the_samples(
    name: str, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    indicator, verb = SAME[name]
    own = measure(of(indicator), observe(of(indicator), read_evidence(stored_run)))
    queried = by(Prometheus(prometheus.url), stored_run, of(indicator), job="sample-app")
    assert queried.value == pytest.approx(own.value, rel=1e-6)
    assert (queried.meets, queried.source) == (own.meets, "Prometheus server")
    if name != "a utilization":  # which counts each instance for itself
        assert queried.samples == own.samples
    same = "the same as by the harness's own scrapes"
    assert queried.note == f"{verb} by Prometheus from 11 scrapes, {same}"


@needs_prometheus
@pytest.mark.parametrize("bound", [0.5, 0.7], ids=["at an edge", "between two edges"])
def test_quantile_is_judged_at_the_edges_of_the_buckets(
    bound: float, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    budget = of(Quantile(WAIT, 0.9), bound)
    queried = by(Prometheus(prometheus.url), stored_run, budget)
    own = measure(budget, observe(budget, read_evidence(stored_run)))
    assert (queried.meets, queried.undecided) == (own.meets, own.undecided)
    assert (queried.meets is None) is (bound == 0.7)


@needs_prometheus
def test_difference_from_the_exact_value_is_explained(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    found = by(Prometheus(prometheus.url), stored_run, of(Rate(Selector(BORN))))
    assert found.note.endswith("% under the 0.6 of the harness's own scrapes")
    alone = measure_without_own(prometheus, stored_run, of(Rate(ASKS)))
    assert alone.note == "extrapolated by Prometheus from 11 scrapes"
    assert alone.value == pytest.approx(5.0, rel=0.2)


def measure_without_own(
    prometheus: PrometheusServer, run: RunFolder, budget: Budget
) -> Measurement:
    answers = query_server(Prometheus(prometheus.url), (budget,), read_manifest(run).clock)
    evidence = with_answers(read_evidence(run), (budget,), answers)
    return measure(budget, observe(budget, replace(evidence, series=())))


LACKS: dict[str, tuple[Indicator, dict[str, str], str]] = {
    "a counter that fell": (Rate(Selector(RESET)), {}, "a counter fell 1 times"),
    "instances with different buckets": (
        Quantile(Selector("mixed_seconds"), 0.9),
        {},
        "have different buckets",
    ),
    "a series that is not there": (Rate(Selector("never_total")), {}, "no sample within"),
    "another job": (Rate(ASKS), {"job": "other"}, "no sample within"),
    "a gauge that is not there": (Gauge(Selector("never")), {}, "no sample within"),
    "an expression without result": (Promql("never"), {}, "no result at the window's end"),
    "an expression with several series": (Promql("used"), {}, "the query yields 2 series"),
    "an expression that is NaN": (Promql("0 * sum(most) / 0"), {}, "the result is NaN"),
    "an expression that is infinite": (Promql("sum(most) / 0"), {}, "the result is infinite"),
    "no expression": (Promql("sum("), {}, "400: invalid parameter"),
    "a range": (Promql("most[5m]"), {}, "it answered 200, but not as Prometheus does"),
}


@needs_prometheus
@pytest.mark.parametrize("name", LACKS)
def test_no_value_with_a_reason_for(
    name: str, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    indicator, match, reason = LACKS[name]
    found = by(Prometheus(prometheus.url), stored_run, of(indicator), **match)
    assert (found.value, found.source) == (None, "Prometheus server")
    assert reason in found.reason


@needs_prometheus
def test_expression_is_evaluated_at_the_windows_end_over_its_length(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    own = measure(of(Gauge(MOST)), observe(of(Gauge(MOST)), read_evidence(stored_run))).value
    query = 'sum(avg_over_time(most{job="sample-app"}[{window}]))'
    found = by(Prometheus(prometheus.url), stored_run, of(Promql(query)))
    assert (found.value, found.note) == (own, "evaluated by Prometheus")


@needs_prometheus
def test_expression_without_a_time_is_inconclusive_and_says_what_to_leave_out(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    query = 'scalar(sum(most{job="sample-app"}))'
    found = by(Prometheus(prometheus.url), stored_run, of(Promql(query)))
    assert found.value is None
    assert found.reason.endswith("the query has a value without a time: leave out scalar()")


# --- answers that a real server gives only in need ------------------------------------------------


def vector(*values: float, at: float = 1010.0, **also: object) -> Callable[[str], Reply]:
    """Answers every query alike, `timestamp` apart; `also` stands beside the data."""

    def reply(path: str) -> Reply:
        own = [at] if "timestamp" in path else values
        result = [{"metric": {}, "value": [1010.0, str(value)]} for value in own]
        data = {"resultType": "vector", "result": result}
        return Reply(json.dumps({"status": "success", "data": data, **also}))

    return reply


def timeless(path: str) -> Reply:
    """A value, and the error that Prometheus gives when it has no time."""
    if "timestamp" in path:
        error = 'expected type instant vector in call to function "timestamp", got scalar'
        return Reply(json.dumps({"status": "error", "error": error}), 400)
    data = {"resultType": "scalar", "result": [1010.0, "3"]}
    return Reply(json.dumps({"status": "success", "data": data}))


INFO = "PromQL info: metric might not be a counter"
BAD: dict[str, tuple[Callable[[str], Reply] | Reply, str]] = {
    "an error with a reason": (
        Reply(json.dumps({"status": "error", "error": "query timed out"}), 503),
        "503: query timed out",
    ),
    "an error without a reason": (Reply("", 502), "it answered 502, without a reason"),
    "a refusal": (Reply("<html>", 401), "it answered 401"),
    "a redirect": (Reply("", 302, {"Location": "http://127.0.0.1:9/"}), "it answered 302"),
    "something else": (Reply("<html>Welcome"), "it answered 200, but not as Prometheus does"),
    "half an answer": (Reply("{", 200, {"Content-Length": "99"}), "ended after 1 of 99 bytes"),
    "a store that is down": (
        vector(3.0, warnings=[INFO, "receive series from store-2: unavailable"]),
        "the answer may be incomplete: receive series from store-2: unavailable",
    ),
    "a part of the data": (vector(3.0, isPartial=True), "the answer may be incomplete"),
    "a scalar": (timeless, "got scalar; the query has a value without a time: leave out scalar()"),
    "an old sample": (vector(3.0, at=900.0), "its last sample is 1.83 min older than the window"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_answer_is_inconclusive(name: str, endpoint: Endpoint, stored_run: RunFolder) -> None:
    endpoint.reply, reason = BAD[name]
    budget = of(Promql("up"))
    server = Prometheus(endpoint.url, {"X-Scope-OrgID": "team"})
    answers = query_server(server, (budget,), read_manifest(stored_run).clock)
    evidence = with_answers(read_evidence(stored_run), (budget,), answers)
    verdict = judge((budget,), evidence).verdicts[0]
    assert verdict.outcome == "inconclusive"
    assert reason in verdict.reason


def test_advice_on_a_query_is_no_doubt(endpoint: Endpoint, stored_run: RunFolder) -> None:
    endpoint.reply = vector(3.0, warnings=[INFO], infos=[INFO], isPartial=False)
    assert by(Prometheus(endpoint.url), stored_run, of(Promql("up"))).value == 3.0


def test_edges_are_compared_as_numbers(endpoint: Endpoint, stored_run: RunFolder) -> None:
    """Two replicas of different client libraries: le="1" and le="1.0"."""
    series = [({"le": "1"}, 2.0), ({"le": "1.0"}, 3.0), ({"le": "+Inf"}, 10.0)]
    buckets = [{"metric": labels, "value": [1010.0, str(value)]} for labels, value in series]
    data = {"resultType": "vector", "result": buckets}

    def reply(path: str) -> Reply:
        if "resets" in path:
            return vector(0.0)(path)
        if "rate" in path and "by" in path:
            return Reply(json.dumps({"status": "success", "data": data}))
        return vector()(path) if "by" in path else vector(7.0)(path)

    endpoint.reply = reply
    found = by(Prometheus(endpoint.url), stored_run, of(Quantile(WAIT, 0.25), 1.0))
    assert (found.value, found.share_over, found.samples) == (0.5, 0.5, 100)


def test_one_sample_is_too_few_for_an_increase(endpoint: Endpoint, stored_run: RunFolder) -> None:
    endpoint.reply = lambda path: (
        vector()(path) if "resets" in path else vector(1.0)(path)  # a rate needs two as well
    )
    found = by(Prometheus(endpoint.url), stored_run, of(Rate(ASKS)))
    assert "one sample within a window of 10 s is too few" in found.reason


def test_unreachable_server_is_queried_once(stored_run: RunFolder) -> None:
    budgets = (of(Rate(ASKS)), replace(of(Gauge(USED)), name="c"))
    server = Prometheus(f"http://127.0.0.1:{free_port()}")
    answers = query_server(server, budgets, read_manifest(stored_run).clock)
    assert {one.problem for one in answers.asked.values()} == {"connection refused"}
    with pytest.raises(UsageError, match="connection refused"):
        server.probe()


def test_headers_are_sent_and_never_stored(
    endpoint: Endpoint, stored_run: RunFolder, tmp_path: Path
) -> None:
    endpoint.reply = vector(float("nan"))
    server = Prometheus(endpoint.url, {"Authorization": "Bearer s3cret"})
    answers = query_server(server, (of(Promql("up")),), read_manifest(stored_run).clock)
    assert all(headers["Authorization"] == "Bearer s3cret" for _, headers in endpoint.requests)
    folder = RunFolder(tmp_path)
    folder.write_manifest(read_manifest(stored_run))
    write_answers(folder, answers)
    assert "s3cret" not in (tmp_path / "prometheus.json").read_text() + repr(server)
    assert str(read_answers(folder)) == str(answers)  # NaN is not equal to itself
    folder.write("prometheus.json", '{"schema": 2}')
    with pytest.raises(RunFolderError, match="not of this version"):
        read_answers(folder)


# --- a server that scrapes rarely, or something else ----------------------------------------------


def judged(
    server: Prometheus, run: RunFolder, budget: Budget, *, own: bool = True
) -> tuple[Verdict, dict[str, Guard]]:
    answers = query_server(server, (budget,), read_manifest(run).clock)
    evidence = with_answers(read_evidence(run), (budget,), answers)
    judgement = judge((budget,), evidence if own else replace(evidence, series=()))
    guards = {guard.name: guard for guard in judgement.guards}
    return judgement.verdicts[0], guards


COVERED: dict[str, Indicator] = {name: indicator for name, (indicator, _) in SAME.items()}


@needs_prometheus
@pytest.mark.parametrize("own", [True, False], ids=["and own scrapes", "alone"])
@pytest.mark.parametrize("indicator", COVERED.values(), ids=COVERED)
def test_case_3f_server_that_scraped_each_second_covers_the_window(
    indicator: Indicator, own: bool, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    _, guards = judged(Prometheus(prometheus.url), stored_run, of(indicator, 1e9), own=own)
    assert (guards["server-coverage"].outcome, guards["server-coverage"].value) == ("ok", 1.0)
    if own:
        assert guards["server-agrees"].outcome == "ok", guards["server-agrees"].reason


@needs_prometheus
@pytest.mark.parametrize("name", ["a quantile of two instances", "a mean", "a ratio", "a rate"])
def test_case_3f_interval_of_a_server_alone_is_that_of_the_own_scrapes(
    name: str, prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """Both have parts of two seconds, and the server's samples lie at their ends."""
    budget = of(COVERED[name])
    own = judge((budget,), read_evidence(stored_run)).verdicts[0]
    alone, _ = judged(Prometheus(prometheus.url), stored_run, budget, own=False)
    for mine, theirs in ((own.lower, alone.lower), (own.upper, alone.upper)):
        assert theirs == (None if mine is None else pytest.approx(mine, rel=0.02))


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A server that scraped twice within the window, three and seven seconds after its start."""
    folder = tmp_path_factory.mktemp("rare")
    kept = (START - 5, START + 3, START + 7, START + 11)
    own = write(folder / "run")
    lines = own.file("metrics.om").read_text().splitlines(keepends=True)
    rows = (line for line in lines if line[0] == "#" or float(line.split()[-1]) in kept)
    (folder / "rare.om").write_text("".join(rows))
    create_blocks(folder / "rare.om", folder / "data")
    with prometheus_server(folder) as server:
        yield server


@needs_prometheus
@pytest.mark.parametrize("indicator", COVERED.values(), ids=COVERED)
def test_case_3f_two_points_of_a_server_are_no_verdict(
    indicator: Indicator, rare: PrometheusServer, stored_run: RunFolder
) -> None:
    verdict, guards = judged(Prometheus(rare.url), stored_run, of(indicator, 1e9), own=False)
    assert verdict.outcome == "inconclusive"
    if "server-coverage" in guards:
        assert guards["server-coverage"].value == pytest.approx(0.4, abs=0.01)
        assert "cover 40% of the window, and 90% are needed" in verdict.reason


@needs_prometheus
def test_case_3f_server_that_contradicts_the_own_scrapes_is_inconclusive(
    prometheus: PrometheusServer, stored_run: RunFolder
) -> None:
    """Half of the errors were there at the first scrape that showed any, and do not count."""
    verdict, guards = judged(Prometheus(prometheus.url), stored_run, of(Rate(Selector(BORN)), 0.5))
    assert verdict.outcome == "inconclusive"
    assert guards["server-agrees"].outcome == guards["server-coverage"].outcome == "tripped"
    assert "0.6 by the harness's own scrapes, which contradict" in guards["server-agrees"].reason
