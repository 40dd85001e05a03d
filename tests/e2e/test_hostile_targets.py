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
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    network_timeout = {timeout}

    @task
    def items(self):
        self.client.get("/items")
"""


class Row(NamedTuple):
    """What a run against a service gets.

    Attributes:
        codes: The exit codes that are right.
        says: In the report.
        rate: Requests per second.
        duration: Seconds of the window.
        timeout: Of a request, seconds; longer than the run unless said.
    """

    codes: tuple[int, ...]
    says: str
    rate: int = 20
    duration: int = 3
    timeout: float = 60.0


BREACH: Final = (EXIT_BREACH,)
NOT_GREEN: Final = (EXIT_BREACH, EXIT_INCONCLUSIVE)
# docs/guards.md has this table for people.
ROWS: Final[Mapping[str, Row]] = {
    "frozen": Row(NOT_GREEN, "latency", duration=8),
    "garbage": Row(BREACH, "error ratio of all requests is 100%"),
    "resets": Row(BREACH, "error ratio of all requests is 100%"),
    "half-closes": Row(BREACH, "error ratio of all requests is 100%"),
    "redirects": Row(BREACH, "error ratio of all requests is 100%"),
    "floods": Row(NOT_GREEN, "", rate=2),
    "silent": Row(NOT_GREEN, ""),
    "late": Row(NOT_GREEN, ""),
}


def test_every_behaviour_has_a_row() -> None:
    assert ROWS.keys() == BEHAVIOURS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ROWS)
def test_hostile_service_is_never_green(project: Project, behaviour: str) -> None:
    row = ROWS[behaviour]
    (project.path / "locustfile.py").write_text(LOCUSTFILE.format(timeout=row.timeout))
    project.document["target"] = {
        "command": f"{sys.executable} {SERVICE} {{port}} {behaviour}",
        "url": "http://127.0.0.1:{port}",
        "ready": "/ready",
    }
    scenario = project.document["scenarios"]["quick"]
    scenario |= {"rate": f"{row.rate}/s", "duration": f"{row.duration}s", "drain": "1s"}
    scenario["max_duration"] = scenario["duration"]  # an open budget stays open
    project.document["budgets"] = {
        "latency": {"indicator": {"kind": "latency", "quantile": 0.95}, "max": "300ms"},
        "errors": {"indicator": "error_ratio", "max": "5%"},
    }
    result = project.harness("run", "--out", "out")
    assert result.code in row.codes, result.out + result.err
    assert row.says in " ".join(result.out.split())
    assert "Traceback" not in result.out + result.err
    outcome = {EXIT_BREACH: "fail", EXIT_INCONCLUSIVE: "inconclusive"}[result.code]
    assert project.results()["outcome"] == outcome
