"""Breaches with a known cause: the report names it, from traces or from a profile alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from harness.runs.recording.moments import read_moments
from tests.e2e.conftest import Project
from tests.servers import free_port, wait_until
from tests.unit.report.run.test_diagnosis import VALIDATOR

SERVICE = Path(__file__).with_name("traced_service.py").resolve()
LOCUSTFILE = """\
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def slow(self):
        self.client.get("/slow/7", name="/slow/{item}")

    @task
    def broken(self):
        self.client.get("/broken")
"""


def document() -> dict[str, Any]:
    return {
        "version": 1,
        "service": "shop",
        "target": {
            "command": f"{sys.executable} {SERVICE} {{port}}",
            "url": "http://127.0.0.1:{port}",
            "ready": "/health",
        },
        "scenarios": {
            "quick": {"locustfile": "load.py", "rate": "6/s", "warm_up": "1s", "duration": "5s"}
        },
        "budgets": {
            "fast": {
                "indicator": {"kind": "latency", "quantile": 0.5, "request": "GET /slow/{item}"},
                "max": "2ms",
                "decide": "value",
            },
            "correct": {"indicator": "error_ratio", "max": "1%", "decide": "value"},
        },
    }


def explanations(project: Project) -> dict[str, dict[str, Any]]:
    found = json.loads((project.path / "out" / "diagnosis.json").read_text())
    VALIDATOR.validate(found)
    return {one["budget"]: one for one in found["breaches"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path, document())
    (tmp_path / "load.py").write_text(LOCUSTFILE)
    return found


def no_waits(causes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the wait for a CPU, which may come first on a busy machine."""
    return [cause for cause in causes if cause["kind"] not in {"wait", "machine"}]


def line_of(text: str) -> str:
    lines = SERVICE.read_text().splitlines()
    return str(next(number for number, line in enumerate(lines, 1) if text in line))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may profile another process")
def test_breaches_of_a_traced_service_are_explained(project: Project) -> None:
    result = project.harness("run", "--diagnose", "breach", "--diagnose-for", "6s", "--out", "out")
    assert result.code == 3, result.out + result.err
    assert "diagnosing: the load goes on for 6 s, which are not judged" in result.err
    found = explanations(project)
    others = no_waits(found["fast"]["causes"])
    slow, failed = others[0], found["correct"]["causes"][0]
    assert slow["what"] == "price_of()"
    assert slow["place"] == f"{SERVICE}:{line_of('the mistake of /slow')}"
    assert slow["share"] == max(cause["share"] for cause in others)
    assert failed["what"].startswith("GET /broken: 500 Internal Server Error, KeyError: 'missing'")
    assert failed["place"] == f"{SERVICE}:{line_of('the mistake of /broken')}"
    assert (failed["share"], found["correct"]["unexplained"]) == (1.0, 0.0)
    assert "price_of() in" in result.out
    # The window is as it was: the requests after it count for nothing.
    assert project.results()["run"]["window_seconds"] == pytest.approx(5.0)
    again = project.call("diagnose", "out", "--json", "again.json")
    assert again.code == 0, again.err
    assert json.loads((project.path / "again.json").read_text())["breaches"] == list(found.values())
    assert project.call("check", "out").code == 3
    profile = json.loads((project.path / "out" / "profile.speedscope.json").read_text())
    assert "price_of" in {frame["name"] for frame in profile["shared"]["frames"]}
    assert profile["profiles"][0]["name"] == "wall"
    moments = read_moments(project.path / "out" / "diagnosis" / "profile-times.json")
    assert moments
    assert moments.cpu_seconds
    assert moments.requests > 0
    assert any("MainThread" in stack for one in moments.processes for stack in one.stacks)
    routes = json.loads((project.path / "out" / "diagnosis.json").read_text())
    # On a busy machine it is not known, and the reason is told.
    assert any(one["cpu"] for one in routes["routes"]) != bool(routes["cpu_note"])
    assert project.call("report", "out", "--html", "again.html").code == 0
    pages = [(project.path / file).read_text() for file in ("out/report.html", "again.html")]
    assert all('id="why-1"' in page and 'id="flame-title"' in page for page in pages)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may profile another process")
def test_service_without_opentelemetry_is_explained_by_its_profile(project: Project) -> None:
    project.environment["UNTRACED"] = "1"
    result = project.harness("run", "--diagnose", "always", "--diagnose-for", "6s", "--out", "out")
    assert result.code == 3, result.out + result.err
    slow = no_waits(explanations(project)["fast"]["causes"])[0]
    assert slow["what"] == "price_of()"
    assert not (project.path / "out" / "traces.jsonl").exists()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def running_service(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """A service that the test starts; its URL."""
    port = free_port()
    command = [sys.executable, str(SERVICE), str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(f"{url}/health"), process, folder)
            yield url
        finally:
            process.terminate()


def test_service_that_runs_already_sends_its_traces_to_the_port_of_the_run(
    project: Project,
) -> None:
    port, callers = free_port(), project.path / "callers.txt"
    project.document["scenarios"]["quick"]["trace_ratio"] = "0%"
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "health",  # sent before the port is open
        "CALLERS": str(callers),
    }
    with running_service(environment, project.path) as url:
        result = project.harness(
            *("run", "--url", url, "--otlp", str(port), "--out", "out"),
            *("--diagnose", "breach", "--diagnose-for", "5s"),
        )
    assert result.code == 3, result.out + result.err
    assert "no profile: the harness has not started the service" in result.out
    found = explanations(project)
    # Without a profile nobody knows whether its code runs or waits: a part, and no cause.
    assert found["fast"]["causes"] == []
    slow = found["fast"]["parts"][0]
    assert (slow["kind"], slow["what"]) == ("span", "GET /slow/{item}")
    failed = found["correct"]["causes"][0]
    assert failed["what"].startswith("GET /broken: 500 Internal Server Error, KeyError: 'missing'")
    assert failed["place"] == f"{SERVICE}:{line_of('the mistake of /broken')}"
    assert 'class="waterfall"' in (project.path / "out" / "report.html").read_text()
    # The judged load asks for traces at the ratio of the scenario, the load after it always.
    flags = callers.read_text().split()
    judged = project.manifest()["requests"]["started"]
    assert flags[:judged] == ["00"] * judged
    assert set(flags[judged:]) == {"01"}


def test_run_without_breach_is_not_followed(project: Project) -> None:
    project.document["budgets"]["fast"]["max"] = "10s"
    project.document["budgets"]["correct"]["max"] = "90%"
    result = project.judged("run", "--diagnose", "breach")
    assert result.code == 0, result.out + result.err
    assert "diagnosing" not in result.err
    assert not (project.path / "out" / "diagnosis").exists()
    missing = project.call("diagnose", "out")
    assert missing.code == 2
    assert "run the scenario again with --diagnose always" in missing.err
