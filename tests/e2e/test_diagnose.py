"""Breaches with a known cause: the report names it, from traces or from a profile alone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Project

SERVICE = Path(__file__).with_name("traced_service.py").resolve()
LOCUSTFILE = """\
from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task(3)
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
            "quick": {"locustfile": "load.py", "rate": "20/s", "warm_up": "1s", "duration": "5s"}
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
    return {one["budget"]: one for one in found["breaches"]}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path, document())
    (tmp_path / "load.py").write_text(LOCUSTFILE)
    return found


def line_of(text: str) -> str:
    lines = SERVICE.read_text().splitlines()
    return str(next(number for number, line in enumerate(lines, 1) if text in line))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may profile another process")
def test_breaches_of_a_traced_service_are_explained(project: Project) -> None:
    result = project.harness("run", "--diagnose", "breach", "--diagnose-for", "6s", "--out", "out")
    assert result.code == 3, result.out + result.err
    assert "diagnosing: the load goes on for 6 s, which are not judged" in result.err
    found = explanations(project)
    slow, failed = found["fast"]["causes"][0], found["correct"]["causes"][0]
    assert slow["what"] == "price_of()"
    assert slow["place"] == f"{SERVICE}:{line_of('the mistake of /slow')}"
    assert slow["share"] == max(cause["share"] for cause in found["fast"]["causes"])
    assert failed["what"].startswith("GET /broken: 500 Internal Server Error, KeyError: 'missing'")
    assert failed["place"] == f"{SERVICE}:{line_of('the mistake of /broken')}"
    assert (failed["share"], found["correct"]["unexplained"]) == (1.0, 0.0)
    assert "price_of() in" in result.out
    # The window is as it was: the requests after it count for nothing.
    assert project.results()["run"]["window_seconds"] == pytest.approx(5.0)
    again = project.harness("diagnose", "out", "--json", "again.json")
    assert again.code == 0, again.err
    assert json.loads((project.path / "again.json").read_text())["breaches"] == list(found.values())
    assert project.harness("check", "out").code == 3
    profile = json.loads((project.path / "out" / "profile.speedscope.json").read_text())
    assert "price_of" in {frame["name"] for frame in profile["shared"]["frames"]}
    assert profile["profiles"][0]["name"] == "wall"
    assert project.harness("report", "out", "--html", "again.html").code == 0
    pages = [(project.path / file).read_text() for file in ("out/report.html", "again.html")]
    assert all('id="why-1"' in page and 'id="flame-title"' in page for page in pages)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may profile another process")
def test_service_without_opentelemetry_is_explained_by_its_profile(project: Project) -> None:
    project.environment["UNTRACED"] = "1"
    result = project.harness("run", "--diagnose", "always", "--diagnose-for", "6s", "--out", "out")
    assert result.code == 3, result.out + result.err
    slow = explanations(project)["fast"]["causes"][0]
    assert slow["what"] == "price_of()"
    assert not (project.path / "out" / "traces.jsonl").exists()


def test_run_without_breach_is_not_followed(project: Project) -> None:
    project.document["budgets"]["fast"]["max"] = "10s"
    project.document["budgets"]["correct"]["max"] = "50%"
    result = project.harness("run", "--diagnose", "breach", "--out", "out")
    assert result.code == 0, result.out + result.err
    assert "diagnosing" not in result.err
    assert not (project.path / "out" / "diagnosis").exists()
    missing = project.harness("diagnose", "out")
    assert missing.code == 2
    assert "run the scenario again with --diagnose always" in missing.err
