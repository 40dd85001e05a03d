"""Services that do what no service should do to its clients: never green, and an exit code."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from harness.errors import EXIT_BREACH, EXIT_INCONCLUSIVE
from tests.e2e.conftest import Project
from tests.e2e.hostile import BEHAVIOURS

SERVICE = Path(__file__).with_name("hostile.py").resolve()
LOCUSTFILE = """\
from locust import FastHttpUser


class Visitor(FastHttpUser):
    network_timeout = 60  # longer than the run
    tasks = [lambda user, path=path: user.client.get(path) for path in {paths}]
"""


class Row(NamedTuple):
    """What a run against a service gets.

    Attributes:
        says: In the report.
        rate: Requests per second.
        duration: Seconds of the window.
        drain: Seconds that answers may take after it.
    """

    says: str = ""
    rate: int = 20
    duration: int = 3
    drain: int = 1


# docs/guards.md has this table for people.
ROWS: Final[Mapping[str, Row]] = {
    "frozen": Row("latency", duration=8),
    "floods": Row(rate=2),
    "silent": Row(),
    "late": Row(),
}
ERRORS: Final = ("garbage", "resets", "half-closes", "redirects")


def test_every_behaviour_is_tested() -> None:
    assert {*ROWS, *ERRORS} == BEHAVIOURS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ROWS)
def test_hostile_service_is_never_green(project: Project, behaviour: str) -> None:
    row = ROWS[behaviour]
    prepare(project, (behaviour,), row)
    result = project.harness("run", "--out", "out")
    assert "Traceback" not in result.out + result.err
    assert result.code in {EXIT_BREACH, EXIT_INCONCLUSIVE}, result.out + result.err
    assert row.says in " ".join(result.out.split())
    outcome = {EXIT_BREACH: "fail", EXIT_INCONCLUSIVE: "inconclusive"}[result.code]
    assert project.results()["outcome"] == outcome


@pytest.mark.slow
def test_answers_that_are_none_are_errors_and_a_breach(project: Project) -> None:
    prepare(project, ERRORS, Row(rate=30, drain=30))
    result = project.judged("run")
    assert "Traceback" not in result.out + result.err
    assert result.code == EXIT_BREACH, result.out + result.err
    assert "error ratio of all requests is 100%" in " ".join(result.out.split())
    results = project.results()
    assert all(one["count"] == one["errors"] > 0 for one in results["endpoints"])
    failed = {one["request"] for one in results["failures"] if one["total"]}
    assert failed == {f"GET /{behaviour}" for behaviour in ERRORS}


def prepare(project: Project, behaviours: tuple[str, ...], row: Row) -> None:
    """Plan the load of a service that does these to requests."""
    paths = [f"/{behaviour}" for behaviour in behaviours]
    (project.path / "locustfile.py").write_text(LOCUSTFILE.format(paths=paths))
    project.document["target"] = {
        "command": f"{sys.executable} {SERVICE} {{port}}",
        "url": "http://127.0.0.1:{port}",
        "ready": "/ready",
    }
    scenario = project.document["scenarios"]["quick"]
    scenario |= {"rate": f"{row.rate}/s", "duration": f"{row.duration}s", "drain": f"{row.drain}s"}
    scenario["max_duration"] = scenario["duration"]  # an open budget stays open
    project.document["budgets"] = {
        "latency": {"indicator": {"kind": "latency", "quantile": 0.95}, "max": "300ms"},
        "errors": {"indicator": "error_ratio", "max": "5%"},
    }
