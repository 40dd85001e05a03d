"""`harness run` with several generators, and with a budget that stops the load."""

import re
import textwrap
from collections import Counter
from typing import Any

import pytest

from harness import names
from harness.runs.metrics import read_metrics
from tests.e2e.conftest import Project
from tests.recorded import read_counts

DURATION = "http_server_request_duration_seconds"
READINGS = frozenset({names.GENERATOR_ASKED, names.GENERATOR_STARTED})


def counted_by_service(project: Project) -> Counter[str]:
    """By the service itself, at the last scrape: "GET /items" -> how many."""
    counts: Counter[str] = Counter()
    for series in read_metrics(project.path / "out/metrics.om", {DURATION}):
        if series.name == f"{DURATION}_count":
            labels = series.labels
            request = f"{labels[names.HTTP_METHOD]} {labels[names.HTTP_ROUTE]}"
            counts[request] += int(series.values[-1])
    return counts


def recorded(project: Project) -> Counter[str]:
    counts: Counter[str] = Counter()
    for key, count in read_counts(project.path / "out/latency.hlog").items():
        if key.what == names.LATENCY:
            counts[key.request] += count
    return counts


def last_reading(project: Project, name: str) -> dict[str, float]:
    """By source, as in its last report."""
    series = read_metrics(project.path / "out/metrics.om", READINGS)
    return {one.labels.get(names.SOURCE, ""): one.values[-1] for one in series if one.name == name}


def of_visitor(body: str) -> str:
    return "from locust import FastHttpUser, task\n\nclass Visitor(FastHttpUser):\n" + (
        textwrap.indent(textwrap.dedent(body), "    ")
    )


BROWSE = "@task\ndef items(self): self.client.get('/items')\n"
ORDER = "@task\ndef order(self): self.client.post('/orders', json={})\n"
FAIL = "@task\ndef fail(self): self.client.get('/error')\n"


def test_run_two_loads_at_once_have_their_own_rates_and_starts(project: Project) -> None:
    (project.path / "browse.py").write_text(of_visitor(BROWSE))
    (project.path / "order.py").write_text(of_visitor(ORDER))
    even: dict[str, Any] = {"arrivals": "even", "max_users": 140}  # one for each request
    project.document["scenarios"]["quick"] = {
        "loads": {
            "browse": {"locustfile": "browse.py", "workload": {"rate": "30/s", **even}},
            "order": {
                "locustfile": "order.py",
                "start": "2s",
                "workload": {"rate": "10/s", **even},
            },
        },
        "warm_up": "1s",
        "duration": "3s",
        "max_duration": "3s",  # not a request more than the schedule has
    }
    result = project.judged("run")
    # Whether each guard held is up to the machine.
    assert project.manifest()["status"] == "complete", result.out + result.err
    expected = {"GET /items": 120, "POST /orders": 20}
    assert counted_by_service(project) == recorded(project) == expected
    assert last_reading(project, names.GENERATOR_ASKED) == {"browse": 120, "order": 20}
    assert last_reading(project, names.GENERATOR_STARTED) == {"browse": 120, "order": 20}
    requests = project.manifest()["requests"]
    assert (requests["asked"], requests["sent"], requests["dropped"]) == (140, 140, 0)
    assert "140 iterations scheduled, 140 sent" in result.out
    logs = {path.name for path in (project.path / "out").glob("generator*")}
    assert logs == {"generator-browse.log", "generator-order.log"}


def test_run_hopeless_is_aborted_long_before_its_planned_end(project: Project) -> None:
    (project.path / "locustfile.py").write_text(of_visitor(FAIL))
    project.document["scenarios"]["quick"]["duration"] = "40s"
    project.document["budgets"]["errors"] |= {"abort": True, "abort_after": "1s"}
    result = project.judged("run", "--workers", "2")
    assert result.code == 3, result.out + result.err
    manifest = project.manifest()
    assert (manifest["status"], manifest["aborted_by"]) == ("aborted", "errors")
    clock = manifest["clock"]
    seconds = clock["window_end"] - clock["window_start"]
    assert 1 <= seconds < 20
    assert seconds == pytest.approx(round(seconds), abs=1e-3)  # whole: all of it was reported
    assert clock["drained"] - clock["started"] < 30
    assert project.outcomes() == {
        "latency": "inconclusive",
        "errors": "fail",
        "cache": "inconclusive",
    }
    # Those that a busy machine had not answered at the end of the drain are counted at most.
    unanswered = manifest["requests"]["in_flight"]
    missing = counted_by_service(project) - recorded(project)
    assert missing.total() <= unanswered
    assert not recorded(project) - counted_by_service(project)
    assert manifest["requests"]["recorded"] == recorded(project).total() > 0
    expected = ["worker-1", "worker-2"]
    assert [worker["name"] for worker in manifest["workers"]] == expected
    assert [worker["lost"] for worker in manifest["workers"]] == ["", ""]
    started = last_reading(project, names.GENERATOR_STARTED)
    assert set(started) == set(expected)
    assert sum(started.values()) == recorded(project).total() + unanswered
    assert "the breach of errors was certain after" in result.out
    assert project.call("check", "out", "--warn-only").code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--workers", "2", "--expect-workers", "2"), "exclude each other"),
        (("--bind", "127.0.0.1"), "--expect-workers"),
        (("--run-id", "nightly"), "--expect-workers"),
        (("--expect-workers", "2", "--bind", "0.0.0.0"), "openssl rand -hex 32"),
        (("--on-worker-loss", "continue"), "--expect-workers"),
        (("several", "--expect-workers", "2"), "serve one load"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage_of_workers_says_what_to_do(
    project: Project, arguments: tuple[str, ...], expected: str
) -> None:
    project.document["scenarios"]["several"] = {
        "loads": {
            "browse": {"locustfile": "locustfile.py", "rate": "5/s"},
            "order": {"locustfile": "locustfile.py", "rate": "5/s"},
        },
        "duration": "3s",
    }
    result = project.call("run", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert "Traceback" not in result.err
    assert not (project.path / "runs").exists()


@pytest.mark.slow
def test_run_whose_service_is_cold_at_first_is_judged_from_where_it_has_settled(
    project: Project,
) -> None:
    project.document["target"]["environment"] = {"COLD": "3"}
    project.document["scenarios"]["quick"] |= {"duration": "12s", "warm_up": "auto"}
    project.document["budgets"]["latency"]["max"] = "1900ms"  # which no cold answer keeps
    result = project.judged("run")
    manifest = project.manifest()
    clock = manifest["clock"]
    if manifest["settled"]["cut"] is None:  # the machine was too busy for anything to settle
        assert result.code == 4
        assert "the latency did not settle" in result.out
        return
    assert 3 <= manifest["settled"]["cut"] <= 9, result.out + result.err
    assert manifest["settled"]["limit"] < 2
    began = clock["window_start"] - clock["started"]
    series = read_metrics(project.path / "out/metrics.om", {names.UP})
    (up,) = [one for one in series if one.name == names.UP]
    times = [t - clock["started"] for t, v in zip(up.times, up.values, strict=True) if v == 1]
    scraped = min(t for t in times if t >= manifest["settled"]["cut"])
    assert manifest["settled"]["cut"] <= began + 0.1 <= scraped + 1.1
    assert clock["window_end"] - clock["started"] == pytest.approx(18, abs=0.01)
    results = project.results()
    assert {"name": "settled", "outcome": "ok"}.items() <= next(
        guard for guard in results["guards"] if guard["name"] == "settled"
    ).items()
    budget = next(budget for budget in results["budgets"] if budget["name"] == "latency")
    assert budget["value"] < 2
    again = project.call("check", "out", "--json", "again.json")
    assert again.code == result.code


def test_run_that_may_end_early_does_so_once_every_budget_is_decided(project: Project) -> None:
    scenario = project.document["scenarios"]["quick"]
    scenario |= {"duration": "30s", "stop": "decided"}
    for name in ("errors", "cache"):  # errors never pass early
        del project.document["budgets"][name]
    result = project.judged("run")
    run = project.results()["run"]
    # At the first look, which is at 10 s, unless answers were late just then.
    seconds = run["window_seconds"]
    assert 10 <= round(seconds) < 30, result.out + result.err
    assert seconds == pytest.approx(round(seconds), abs=0.01)
    assert project.outcomes() == {"latency": "pass"}
    asked = project.manifest()["requests"]["asked"]
    # A busy machine goes on for some seconds before it stops; the whole load would ask 1240 times.
    assert 40 * (seconds + 1) * 0.7 < asked < 40 * (seconds + 8) * 1.3
    again = project.call("check", "out")
    assert again.code == result.code == 0
    assert project.results()["budgets"][0]["upper"] < 5


def test_run_goes_on_beyond_its_planned_end_while_a_budget_is_undecided(project: Project) -> None:
    budgets = project.document["budgets"]
    del budgets["cache"], budgets["latency"]
    # Without a failure it takes 183 requests at the planned end, and 204 at each later look.
    budgets["errors"]["max"] = "2%"
    scenario = project.document["scenarios"]["quick"]
    scenario |= {
        "workload": {"rate": "72/s", "arrivals": "even", "max_users": 600},  # all that may be sent
        "duration": "2s",
    }
    del scenario["rate"]
    result = project.judged("run")
    run = project.results()["run"]
    facts = run["scenario"]
    assert (facts["planned"], facts["duration"], facts["early"]) == (2, 6, False)
    assert "measures 2 s, up to 6 s while a budget is undecided" in result.err
    # Its value, or the answers that were still missing.
    why = r"(error ratio of all requests is 0%|\w.* requests were unanswered)"
    assert re.search(f"undecided after 2 s, so the run goes on: errors: {why}", result.err)
    # At the first look with enough answers, which is at 3 s unless the machine answers late.
    seconds = run["window_seconds"]
    assert 3 <= round(seconds) <= 6, result.out + result.err
    assert seconds == pytest.approx(round(seconds), abs=0.01)
    assert project.outcomes() == {"errors": "pass"}
    assert project.results()["budgets"][0]["samples"] == 72 * round(seconds)
    assert project.call("check", "out").code == 0
