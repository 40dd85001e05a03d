"""`harness lint`, without and with a running service."""

import os
import subprocess
import sys
import time

import pytest

from harness.errors import EXIT_INCONCLUSIVE
from tests.e2e.conftest import SERVICE, Project
from tests.servers import PATIENCE


def test_lint_valid_file_says_what_it_holds(project: Project) -> None:
    result = project.harness("lint")
    assert result.code == 0
    latency, errors = result.err.splitlines()
    assert latency.startswith("note: latency: about 120 samples in 3 s of scenario quick; ")
    assert latency.endswith("a pass needs 142")
    assert errors.startswith("note: errors: about 120 samples")
    *warnings, last = result.out.splitlines()
    assert last == "budgets.yaml: budgets: 3, scenarios: 1, errors: 0, warnings: 1"
    (warning,) = warnings
    assert "max_users is 100; raise it" in warning


def test_lint_all_problems_are_told_at_once_with_their_lines(project: Project) -> None:
    project.document["budgets"]["latency"]["max"] = "200"
    project.document["budgets"]["cache"]["indicator"] = "cache_hits"
    project.document["scenarios"]["quick"]["duraton"] = "3s"
    project.write()
    result = project.call("lint")
    assert result.code == 2
    lines = (project.path / "budgets.yaml").read_text().splitlines()
    for bad in ("max: '200'", "indicator: cache_hits", "duraton: 3s"):
        number = next(i for i, line in enumerate(lines, 1) if bad in line)
        assert f"budgets.yaml:{number}: " in result.err
    assert "did you mean `duration`?" in result.err
    assert "Traceback" not in result.err


def test_lint_missing_locustfile_is_an_error(project: Project) -> None:
    (project.path / "locustfile.py").unlink()
    result = project.call("lint")
    assert result.code == 2
    assert "locustfile.py does not exist" in result.err


@pytest.mark.parametrize(
    ("budget", "code", "expected"),
    [
        ({"indicator": "cache_hit_ratio", "min": "80%"}, 0, "errors: 0"),
        (
            {"indicator": {"kind": "mean", "metric": "cache_get"}, "max": "1s"},
            2,
            "cache_get",
        ),
        (
            {
                "indicator": {
                    "kind": "quantile",
                    "metric": "http_server_request_duration_seconds",
                    "quantile": 0.95,
                },
                "max": "150ms",
            },
            0,
            "100 ms",  # the nearest edges are named
        ),
    ],
    ids=["a metric that is there", "a metric that is not", "a bound between two buckets"],
)
def test_lint_running_service_is_compared(
    project: Project, budget: dict[str, object], code: int, expected: str
) -> None:
    project.document["budgets"] = {"only": budget}
    with subprocess.Popen(
        [sys.executable, str(SERVICE), "0"], env=dict(os.environ), stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        url = f"http://127.0.0.1:{service.stdout.readline().split()[-1]}"
        subprocess.run([sys.executable, "-c", _GET, url], check=True)
        patience_ends = time.monotonic() + PATIENCE
        result = project.call("lint", "--url", url)
        while result.code == EXIT_INCONCLUSIVE and time.monotonic() < patience_ends:
            result = project.call("lint", "--url", url)  # the machine was too busy for an answer
        service.terminate()
    assert result.code == code, result.out + result.err
    assert expected in result.out


_GET = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/items').read()"


def test_lint_service_that_does_not_run_is_inconclusive(project: Project) -> None:
    result = project.call("lint", "--url", "http://127.0.0.1:1")
    assert result.code == 4
    assert "http://127.0.0.1:1/metrics" in result.err
