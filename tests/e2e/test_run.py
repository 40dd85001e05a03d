"""`harness run` as its users run it: a real service, real load, every exit code."""

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.runs.metrics import read_metrics
from tests.e2e.conftest import SERVICE, WORK, Project, children
from tests.e2e.test_compare import wait_for_requests
from tests.recorded import read_counts

DURATION = "http_server_request_duration_seconds"


def counted_by_service(folder: Path) -> int:
    """How many requests the service itself counted between the first and the last scrape."""
    total = 0.0
    for series in read_metrics(folder / "metrics.om", {DURATION}):
        if series.name == f"{DURATION}_count":
            total += series.values[-1]
    return int(total)


def recorded(folder: Path) -> int:
    return sum(
        n for key, n in read_counts(folder / "latency.hlog").items() if key.what == "latency"
    )


def test_run_healthy_service_passes_and_its_stored_run_is_judged_alike(project: Project) -> None:
    summary = project.path / "step.md"
    project.environment["GITHUB_STEP_SUMMARY"] = str(summary)
    copies = ("--json", "copy/r.json", "--junit-xml", "j.xml", "--markdown", "s.md")
    result = project.judged("run", *copies, "--html", "p.html")
    assert result.code == 0, result.out + result.err
    assert "PASS: all 3 budgets met" in result.out
    assert "latency" in result.out
    assert "\x1b" not in result.out + result.err
    assert "measuring" in result.err
    folder = project.path / "out"
    assert project.outcomes() == {"latency": "pass", "errors": "pass", "cache": "pass"}
    manifest = project.manifest()
    assert manifest["status"] == "complete"
    requests = manifest["requests"]
    assert requests["started"] == requests["recorded"] == recorded(folder)
    assert requests["asked"] == requests["sent"] == requests["recorded"]
    assert recorded(folder) == counted_by_service(folder)
    assert requests["lost"] == requests["in_flight"] == 0
    assert json.loads((project.path / "copy/r.json").read_text()) == project.results()
    suite = ET.parse(project.path / "j.xml").getroot()
    assert len(list(suite.iter("testcase"))) == 3
    assert (project.path / "s.md").read_text() == summary.read_text()
    assert (project.path / "p.html").read_text() == (folder / "report.html").read_text()
    assert "listening on" in (folder / "target.log").read_text()
    again = project.call("check", "out", "--baseline", "copy/r.json", "--json", "again.json")
    assert (again.code, "the stored run copy/r.json" in again.out) == (0, True)
    again = json.loads((project.path / "again.json").read_text())
    assert [row["worse"] for row in again.pop("baseline")["differences"]] == [0, 0, 0]
    assert again == project.results()
    _costs_are_known(project)
    _judge_again(project)


def _costs_are_known(project: Project) -> None:
    """An answer has two bytes; the CPU time of the tree is there although the service tells its."""
    costs = {one["name"]: one for one in project.results()["costs"]}
    assert costs["response_bytes_per_request"]["value"] == 2
    # Which answers were before a scrape is not known exactly where a pause delays both.
    assert costs["cache_gets_per_request"]["value"] == pytest.approx(1, rel=0.5)
    cpu = costs["cpu_time_per_request"]
    assert 0 < cpu["value"] < 0.1
    assert cpu["source"] == "psutil"
    roles = project.manifest()["target"]["roles"]["roles"]
    assert roles["CPU of all processes"]["metric"] == "harness_service_cpu_seconds_total"
    assert roles["process CPU"]["dialect"] == "process"


def _judge_again(project: Project) -> None:
    """`report` writes the same page, and other budgets get another verdict."""
    page = (project.path / "out/report.html").read_text()
    told = project.call("report", "out", "--html", "again.html")
    assert (told.code, told.out) == (0, "pass again.html\n")
    assert (project.path / "again.html").read_text() == page
    project.document["budgets"]["answers"] = {"indicator": WORK, "max": 0.5}
    project.write()
    stricter = project.call("check", "out", "--budgets", "budgets.yaml")
    assert stricter.code == 3
    assert "FAIL answers" in " ".join(stricter.out.split())
    lenient = project.call("check", "out", "--budgets", "budgets.yaml", "--warn-only", "--quiet")
    assert lenient.code == 0
    assert lenient.out.splitlines() == ["fail (exit 0) out"]


@pytest.mark.slow
def test_run_closed_model_counts_exactly_what_the_service_counted(project: Project) -> None:
    result = project.judged("run", "--users", "5")
    assert result.code == 0, result.out + result.err
    folder = project.path / "out"
    assert recorded(folder) == counted_by_service(folder) > 0
    assert project.manifest()["scenario"]["loads"][0]["workload"]["stages"][0]["users"] == 5


def test_run_typo_in_budgets_names_its_line(project: Project) -> None:
    project.document["budgets"]["latency"]["maxx"] = project.document["budgets"]["latency"].pop(
        "max"
    )
    project.write()
    lines = (project.path / "budgets.yaml").read_text().splitlines()
    line = next(i for i, text in enumerate(lines, 1) if "maxx" in text)
    result = project.harness("run")
    assert result.code == 2
    assert f"budgets.yaml:{line}:" in result.err
    assert "max" in result.err
    assert "Traceback" not in result.err


def test_run_target_killed_during_the_load_is_inconclusive(project: Project) -> None:
    project.document["scenarios"]["quick"]["duration"] = "30s"
    with project.start("run", "--out", "out") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "measuring" in line:
                break
        for child in children(project.path):
            if str(SERVICE) in child.cmdline() and "supervisor" not in " ".join(child.cmdline()):
                child.kill()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 4, out + err
    assert "Traceback" not in err
    assert project.manifest()["target"]["exit_code"] == -signal.SIGKILL
    lines = out.splitlines()
    reason = lines.index("the service ended during the load: signal SIGKILL")
    assert lines[reason + 1] == "Its last output:"
    assert lines[reason + 2].startswith("    listening on ")


def test_run_interrupted_drains_and_keeps_the_partial_run(project: Project) -> None:
    """By Ctrl-C; test_kill_matrix.py has the other signals."""
    project.document["scenarios"]["quick"]["duration"] = "60s"
    project.document["target"]["environment"] = {"DELAY": "0.3"}
    with project.start("run", "--out", "out") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "measuring" in line:
                break
        wait_for_requests(process, project.path / "out/latency.hlog")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    folder = project.path / "out"
    manifest = project.manifest()
    assert manifest["status"] == "interrupted"
    assert manifest["requests"]["in_flight"] == 0
    assert recorded(folder) > 0
    if project.has_final_counts():
        assert recorded(folder) == counted_by_service(folder)
    assert project.results()["exit_code"] == 130
    assert project.call("check", "out").code == 130


def test_run_killed_leaves_no_process_and_a_readable_run(project: Project) -> None:
    project.document["scenarios"]["quick"]["duration"] = "60s"
    with project.start("run", "--out", "out") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "measuring" in line:
                break
        wait_for_requests(process, project.path / "out/latency.hlog")
        ours = children(project.path)
        process.kill()
    assert len(ours) == 5  # the harness, and two commands with a supervisor each
    _, left = psutil.wait_procs(ours, timeout=30)
    assert not [child.cmdline() for child in left]
    assert project.manifest()["status"] == "running"
    assert recorded(project.path / "out") > 0
    result = project.call("check", "out", "--json", "r.json")
    assert result.code == 4, result.out + result.err
    budgets = json.loads((project.path / "r.json").read_text())["budgets"]
    assert {budget["outcome"] for budget in budgets} == {"inconclusive"}


def test_run_unusable_locustfile_is_bad_input(project: Project) -> None:
    """Other reasons: tests/integration/commands/test_never_began.py."""
    (project.path / "locustfile.py").write_text("from locust import task\n\ndef broken(:\n")
    result = project.harness("run")
    assert result.code == 2, result.out + result.err
    assert "locustfile.py:3" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("out", ["/sys/harness-run", "locustfile.py/run"])
def test_run_folder_that_cannot_be_written_is_bad_usage(project: Project, out: str) -> None:
    result = project.call("run", "--out", out)
    assert result.code == 2
    assert "--out" in result.err
    assert "Traceback" not in result.err


def test_run_folder_with_files_is_refused(project: Project) -> None:
    result = project.call("run", "--out", ".")
    assert result.code == 2
    assert "holds files already" in result.err


@pytest.mark.slow
@contextmanager
def service_without_metrics() -> Iterator[str]:
    """The URL of a service that the harness does not start."""
    environment = {**os.environ, "METRICS": ""}
    command = [sys.executable, str(SERVICE), "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        port = service.stdout.readline().split()[-1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            service.terminate()


def test_run_whose_load_goes_to_another_service_has_no_verdict(project: Project) -> None:
    with service_without_metrics() as other:
        locustfile = project.path / "locustfile.py"
        locustfile.write_text(locustfile.read_text().replace('("/', f'("{other}/'))
        project.document["budgets"]["memory"] = {"indicator": "memory_utilization", "max": "99%"}
        result = project.harness("run", "--out", "out")
    assert result.code == 4, result.out + result.err
    assert set(project.outcomes().values()) == {"inconclusive"}
    manifest = project.manifest()
    started = manifest["requests"]["started"]
    (notice,) = (one for one in manifest["notices"] if "requests went to" in one)
    text = f"{started} of {started} requests went to {other}, not to the target "
    assert notice.startswith(text + manifest["target"]["url"])
    assert f"requests went to {other}" in result.out
    assert "so the service had no load" in result.out
    assert f"requests went to {other}" in (project.path / "out" / "report.html").read_text()


def test_run_url_of_a_running_service_without_metrics_judges_what_it_can(project: Project) -> None:
    """tests/integration/services/ has the services with metrics."""
    with service_without_metrics() as url:
        expected = {"latency": "pass", "errors": "pass", "cache": "inconclusive"}
        for out in ("out", "again", "once-more"):  # the machine may be too busy for a verdict
            result = project.harness("run", "--url", url, "--out", out)
            if project.outcomes(out) == expected:
                break
    assert project.outcomes(out) == expected, result.out + result.err
    assert result.code == 4
    (cache,) = (one for one in project.results(out)["budgets"] if one["name"] == "cache")
    assert "/metrics" in cache["reason"]


def test_run_service_that_hangs_breaches_the_latency_budget(project: Project) -> None:
    project.environment["HANG"] = "2"
    scenario = project.document["scenarios"]["quick"]
    # As many users as requests, also of a run that goes on: all of the load is delivered.
    scenario |= {"workload": {"rate": scenario.pop("rate"), "max_users": 500}, "drain": "1s"}
    project.document["budgets"] = {
        "latency": {"indicator": {"kind": "latency", "quantile": 0.95}, "max": "500ms"}
    }
    result = project.judged("run")
    assert result.code == 3, result.out + result.err
    (budget,) = project.results()["budgets"]
    assert (budget["outcome"], budget["at_least"], budget["upper"]) == ("fail", True, None)
    assert 1.0 < budget["value"] < 30.0
    unanswered = project.manifest()["requests"]["in_flight"]
    # Of those in the window; a request of the warm-up may reach a busy service as late.
    (of_window,) = re.findall(r"(\d+) of \d+ requests unanswered after", budget["reason"])
    assert 0 < int(of_window) <= unanswered
    assert ">= " in result.out
    stored = project.call("check", "out")
    assert stored.code == 3


def test_run_exceptions_after_failed_answers_do_not_hide_the_outage(project: Project) -> None:
    code = (project.path / "locustfile.py").read_text()
    code = code.replace('self.client.get("/items")', 'self.client.get("/error").json()["id"]')
    (project.path / "locustfile.py").write_text(code)
    result = project.judged("run")
    assert result.code == 3, result.out + result.err
    errors: dict[str, Any] = next(b for b in project.results()["budgets"] if b["name"] == "errors")
    assert errors["outcome"] == "fail"
    assert 0.5 < errors["value"] < 0.95
    assert "as a consequence of failed requests" in result.out
    (text,) = project.manifest()["consequences"]
    assert text.endswith("after GET /error answered 500")
    assert project.manifest()["user_errors"] == [text]
    assert project.manifest()["requests"]["cut"] > 50


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "other"], "choose one of: quick"),
        (["run", "--rate", "5/s", "--users", "3"], "exclude each other"),
        (["run", "--rate", "fast"], "is not a quantity"),
        (["run", "--duration", "0s"], "not above zero"),
        (["run", "--budgets", "absent.yaml"], "absent.yaml does not exist"),
        (["run", "--url", "localhost:80"], "is not a URL"),
        (["check", "nowhere"], "is not a folder"),
        (["check", "."], "holds no run.json"),
        (["walk"], "there is no command 'walk'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_says_what_to_do(project: Project, arguments: list[str], expected: str) -> None:
    result = project.call(*arguments)
    assert result.code == 2
    assert expected in result.err
    assert "Traceback" not in result.err
