"""How a Prometheus server is asked, and what becomes of an answer that is none."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.budgets.model import Mean, Promql, Quantile, Ratio, Selector
from harness.errors import UsageError
from harness.judge.decide import judge
from harness.observe.fetch import NoAnswer
from harness.observe.prometheus import Found, PrometheusServer, server_at
from harness.questions import answered, ask_all
from harness.runs.answers import read_answers, write_answers
from harness.runs.folder import RunFolder
from harness.units import Unit
from tests.integration.observe.conftest import Endpoint, Reply
from tests.servers import free_port
from tests.unit.judge.evidence import END, budget, evidence, manifest


def said(*values: str, warnings: tuple[str, ...] = (), kind: str = "vector") -> Reply:
    result = [{"metric": {"n": str(n)}, "value": [1, v]} for n, v in enumerate(values)]
    document = {
        "status": "success",
        "data": {"resultType": kind, "result": result if kind == "vector" else [1, *values]},
        "infos": ["PromQL info: metric might not be a counter"],
        **({"warnings": list(warnings)} if warnings else {}),
    }
    return Reply(json.dumps(document))


def refused(error: str) -> Reply:
    document = {"status": "error", "errorType": "bad_data", "error": error}
    return Reply(json.dumps(document), 400)


FOUND = {
    "one series": (said("0.25"), Found(0.25)),
    "a scalar": (said("2", kind="scalar"), Found(2.0)),
    "no series": (said(), Found(None, "the query gives nothing")),
    "two series": (
        said("1", "2"),
        Found(None, "the query gives 2 series; sum over them, or take the max"),
    ),
    "no number": (said("NaN"), Found(None, "the query gives NaN: nothing happened in the window")),
    "a part, because a store did not answer": (
        said("1", warnings=("store-2: timeout",)),
        Found(None, "it answered with a warning: store-2: timeout"),
    ),
    "an error of the query": (
        refused("1:3: parse error: unexpected end of input"),
        Found(None, "it refused the query: 1:3: parse error: unexpected end of input"),
    ),
}


@pytest.mark.parametrize(("reply", "found"), FOUND.values(), ids=FOUND)
def test_prometheus_answer_is_a_number_or_says_why_not(
    endpoint: Endpoint, reply: Reply, found: Found
) -> None:
    endpoint.reply = reply
    assert PrometheusServer(endpoint.url).ask('up{job="a b"}', 1000.25) == found
    [(path, _)] = endpoint.requests
    asked = urlsplit(path)
    assert asked.path == "/api/v1/query"
    assert parse_qs(asked.query) == {"query": ['up{job="a b"}'], "time": ["1000.250"]}


NONE = {
    "a page": (Reply("<html>"), r"no JSON of Prometheus'; is it the address of a Prometheus\?"),
    "another JSON": (Reply("{}"), "no JSON of Prometheus'"),
    "an answer that is cut": (Reply('{"status": "success"}'), "no JSON of Prometheus'"),
    "not found": (Reply("no", 404), "status 404; is it the address"),
    "not allowed": (Reply("", 401), "status 401; authenticate with --prometheus-headers"),
    "a proxy's error": (Reply("bad gateway", 502), "status 502$"),
    "a way to a login": (Reply("", 302, {"Location": "/login"}), "status 302"),
}


@pytest.mark.parametrize(("reply", "reason"), NONE.values(), ids=NONE)
def test_what_is_no_prometheus_is_no_answer(endpoint: Endpoint, reply: Reply, reason: str) -> None:
    endpoint.reply = lambda path: reply if path != "/login" else Reply("<html>log in</html>")
    server = PrometheusServer(endpoint.url, {"Authorization": "Bearer x"})
    with pytest.raises(NoAnswer, match=reason):
        server.ask("up", END)
    # A secret goes to nobody else: with one, no redirect is followed.
    assert all(path != "/login" for path, _ in endpoint.requests)


def test_headers_come_from_a_file(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_text("Authorization: Bearer a:b=\n\n X-Scope-OrgID : team\n")
    endpoint.reply = said("1")
    server_at(endpoint.url, path, None, None).ask("up", END)
    [(_, headers)] = endpoint.requests
    found = {name.lower(): value for name, value in headers.items()}
    assert (found["authorization"], found["x-scope-orgid"]) == ("Bearer a:b=", "team")


def test_options_that_cannot_be_used_are_clear_errors(tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_text("Authorization: x\nsecret-token\n")
    with pytest.raises(UsageError, match="headers:2 is no header") as found:
        server_at("http://p", path, None, None)
    assert "secret-token" not in found.value.message
    with pytest.raises(UsageError, match="cannot read"):
        server_at("http://p", tmp_path / "absent", None, None)
    with pytest.raises(UsageError, match="cannot use the certificates"):
        server_at("https://p", None, path, None)
    with pytest.raises(UsageError, match="no user in the URL"):
        server_at("https://a:b@p", None, None, None)


def test_without_authority_the_usual_ones_are_trusted(tmp_path: Path) -> None:
    assert server_at("https://p", None, None, None).tls is None
    usual = ssl.get_default_verify_paths().cafile
    if usual is not None and Path(usual).exists():
        own = server_at("https://p", None, Path(usual), None).tls
        assert own is not None
        assert own.verify_mode is ssl.CERT_REQUIRED


MEAN = budget(Mean(Selector("h_seconds")), 0.2, name="mean")
WORK = budget(Promql("sum(x)"), 3, unit=Unit.COUNT, name="work")


def test_server_that_went_away_makes_every_budget_inconclusive_at_once() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    run = evidence()
    found = answered(
        run, [MEAN, WORK], ask_all(PrometheusServer(url), [MEAN, WORK], run.manifest.clock)
    )
    for verdict in judge((MEAN, WORK), found).verdicts:
        assert verdict.outcome == "inconclusive"
        assert verdict.reason == f"no data: {url} cannot be asked: connection refused"


def test_queries_are_about_the_window_and_the_matching_series(endpoint: Endpoint) -> None:
    endpoint.reply = said("4")
    clock = manifest(window=(1000.0, 1012.5)).clock
    ask_all(PrometheusServer(endpoint.url, matchers=('job="shop"',)), [MEAN], clock)
    asked = [parse_qs(urlsplit(path).query) for path, _ in endpoint.requests]
    count, total = 'h_seconds_count{job="shop"}', 'h_seconds_sum{job="shop"}'
    assert [one["query"][0] for one in asked] == [
        f"max(count_over_time({count}[12500ms]) and {count})",
        f"sum(rate({total}[12500ms])) / sum(rate({count}[12500ms]))",
        f"sum(increase({count}[12500ms]))",
    ]
    assert {one["time"][0] for one in asked} == {"1012.500"}


def test_answers_are_stored_and_judged_without_the_server(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.reply = said("0.5")
    half = budget(Quantile(Selector("q"), 0.5), 1, name="half")
    ratio = budget(Ratio(Selector("a"), Selector("b")), 1, unit=Unit.RATIO, name="ratio")
    run, budgets = evidence(), (MEAN, WORK, half, ratio)
    answers = ask_all(
        PrometheusServer(endpoint.url, matchers=('a="b"',)), budgets, run.manifest.clock
    )
    folder = RunFolder(tmp_path)
    assert read_answers(folder) is None
    write_answers(folder, answers)
    assert read_answers(folder) == answers
    first = judge(budgets, answered(run, budgets, answers))
    assert judge(budgets, answered(run, budgets, read_answers(folder))) == first
    assert [verdict.value for verdict in first.verdicts] == [0.5] * 4
    assert [verdict.outcome for verdict in first.verdicts][:2] == ["fail", "pass"]
