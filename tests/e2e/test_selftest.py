"""`harness selftest` as its users run it: mistakes that are missed, or not judged.

test_planted.py has those that are detected.
"""

import json
import signal

import pytest

from tests.e2e.conftest import Project

SHORT = ("--duration", "1500ms", "--warm-up", "500ms")


@pytest.fixture
def planted(project: Project) -> Project:
    project.document["budgets"]["latency"]["max"] = "1s"
    project.document["selftest"] = {
        "slow": {
            "description": "Answers take two seconds",
            "environment": {"DELAY": "2"},
            "breaks": ["latency"],
        },
        "no-metrics": {"environment": {"METRICS": ""}, "expect": "unjudged", "unjudged": ["cache"]},
        "harmless": {"environment": {"DELAY": "0.006"}, "breaks": ["latency", "errors"]},
    }
    return project


@pytest.mark.slow
def test_selftest_mistake_that_breaks_no_budget_exits_3(planted: Project) -> None:
    del planted.document["selftest"]["slow"]
    planted.document["budgets"]["latency"]["max"] = "30s"  # whatever a busy machine does
    planted.document["selftest"]["harmless"]["description"] = "A millisecond more"
    result = planted.judged("selftest", "--markdown", "docs/table.md", *SHORT)
    assert result.code == 3, result.out + result.err
    assert "missed: harmless: not breached: latency, errors" in result.out
    assert "detected: no-metrics: outcome of the run: inconclusive" in result.out
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (planted.path / "docs/table.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    told = {row[0].strip("`"): (row[1], row[-1]) for row in rows}
    assert told["nothing planted"] == ("-", "✅ passed")
    assert told["no-metrics"] == ("-", "✅ detected")
    assert told["harmless"] == ("A millisecond more", "❌ missed not breached: latency, errors")


@pytest.mark.slow
def test_selftest_service_that_breaches_without_a_mistake_ends_the_selftest(
    planted: Project,
) -> None:
    planted.document["budgets"]["latency"]["max"] = "1us"
    planted.document["target"]["environment"] = {"DELAY": "1"}
    result = planted.judged("selftest", *SHORT)
    assert result.code == 3
    assert "breached with nothing planted: latency" in result.out
    assert [folder.name for folder in (planted.path / "out").iterdir()] == ["clean-quick"]


@pytest.mark.slow
def test_selftest_interrupted_reports_the_finished_runs(planted: Project) -> None:
    planted.document["target"]["stop_timeout"] = "5s"
    # Without a mistake it passes whatever a busy machine does: then the second run begins.
    planted.document["budgets"]["latency"]["max"] = "30s"
    del planted.document["budgets"]["cache"], planted.document["selftest"]["no-metrics"]
    arguments = ("selftest", "slow", "--out", "out", "--markdown", "table.md")
    with planted.start(*arguments, "--duration", "3s", "--warm-up", "1s") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "measuring" in line and _second(planted):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    assert "nothing planted" in (planted.path / "table.md").read_text()
    assert json.loads((planted.path / "out/slow/run.json").read_text())["status"] == "interrupted"


def _second(project: Project) -> bool:
    return (project.path / "out/slow").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sloww"], "did you mean `slow`? known: slow, no-metrics, harmless"),
        (["--rate", "5/s", "--users", "3"], "exclude each other"),
        (["--budgets", "absent.yaml"], "absent.yaml does not exist"),
        (["--out", "locustfile.py/run"], "--out"),
    ],
    ids=["unknown case", "contradiction", "no file", "no folder"],
)
def test_selftest_bad_usage_exits_2_with_a_hint(
    planted: Project, arguments: list[str], expected: str
) -> None:
    result = planted.call("selftest", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert "Traceback" not in result.err


def test_selftest_without_cases_has_a_hint(project: Project) -> None:
    result = project.call("selftest")
    assert result.code == 2
    assert "add a `selftest:` section" in result.err
