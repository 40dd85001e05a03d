"""`pytest --budgets` and `harness_run`: each test runs a pytest of its own, on stored runs."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np  # noqa: F401
import pytest

# Here, so that the sessions of pytest in this process share these modules.
import harness.testing.fixture
import harness.testing.items  # noqa: F401
from harness import pytest_plugin
from harness.judge.locustfile import locustfile_verdict
from harness.judge.model import Outcome, Verdict
from harness.report.run.junit import junit_xml
from harness.report.run.results import results_json
from tests.unit.report.cases import BREACHED, HITS, INTERRUPTED, P95, UNKNOWN, WARNED, judged
from tests.unit.report.cases import evidence as evidence_of

pytest_plugins = ["pytester"]

# In the place of `harness run`, this copies a stored run.
CONFTEST = """
import shutil
from pathlib import Path
import pytest
from harness.testing.keys import FOLDER
from harness.testing.sessions import RUNS, SessionRuns

HERE = Path(__file__).parent

def run(arguments, directory, output):
    with (HERE / "calls").open("a") as calls:
        calls.write(" ".join((arguments[1], *arguments[7:])) + "\\n")
    stored = HERE / "stored" / arguments[1]
    if (stored / "interrupt").exists():
        raise KeyboardInterrupt
    output.write_text("error: the command says why")
    if not stored.exists():
        return 2
    shutil.copytree(stored, arguments[arguments.index("--out") + 1])
    return int((stored / "code").read_text())

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    shared = hasattr(config, "workerinput")
    config.stash[RUNS] = SessionRuns(config.stash[FOLDER], shared=shared, run=run)
    config.add_cleanup(config.stash[RUNS].close)
"""
START = """
version: 1
service: shop
target: {url: "http://127.0.0.1:9"}
budgets:
"""
SCENARIO = "  {name}: {{locustfile: l.py, rate: 50/s, duration: 20s}}\n"
BUDGET = "  {name}: {{indicator: {{kind: error_ratio}}, max: 1%, scenarios: {scenarios}}}\n"
PLAIN = ("-p", "no:schemathesis", "-p", "no:locust", "-p", "no:cacheprovider", "-Wdefault")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with scenario `smoke` of one passing budget, and a test of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_own="def test_own(): pass")
    pytester.path.joinpath("l.py").write_text("")
    return pytester


def write(project: pytest.Pytester, **scenarios: tuple[Verdict, ...]) -> None:
    """Write budgets.yaml, and a stored run for each scenario."""
    lines: dict[str, list[str]] = {}
    for scenario, verdicts in scenarios.items():
        for verdict in verdicts:
            lines.setdefault(verdict.name, []).append(scenario)
        if verdicts:
            store(project, scenario, *verdicts)
    listed = "scenarios:\n" + "".join(SCENARIO.format(name=name) for name in scenarios)
    budgets = "".join(
        BUDGET.format(name=n, scenarios=f"[{', '.join(s)}]") for n, s in lines.items()
    )
    project.path.joinpath("budgets.yaml").write_text(START + budgets + listed)


def store(project: pytest.Pytester, scenario: str, *verdicts: Verdict, code: int = -1) -> None:
    outcomes = {verdict.outcome for verdict in verdicts}
    order: tuple[Outcome, ...] = ("fail", "inconclusive", "warn", "pass")
    judgement = judged(next(one for one in order if one in outcomes), *verdicts)
    folder = project.path / "stored" / scenario
    folder.mkdir(parents=True, exist_ok=True)
    evidence = evidence_of()
    code = judgement.exit_code if code < 0 else code
    (folder / "results.json").write_text(results_json(judgement, evidence, exit_code=code))
    (folder / "junit.xml").write_text(junit_xml(judgement, evidence.manifest))
    (folder / "code").write_text(str(code))


def pytest_run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*PLAIN, *arguments, plugins=[pytest_plugin])


def calls(project: pytest.Pytester) -> list[str]:
    path = project.path / "calls"
    return path.read_text().splitlines() if path.exists() else []


ALL = (P95, replace(BREACHED, name="breached"), replace(UNKNOWN, guard="load-delivered"), WARNED)


def test_without_the_option_nothing_is_collected(project: pytest.Pytester) -> None:
    write(project, smoke=ALL)
    result = pytest_run(project)
    result.assert_outcomes(passed=1)
    assert calls(project) == []


def test_each_outcome_of_a_budget_is_the_outcome_of_an_item(project: pytest.Pytester) -> None:
    write(project, smoke=ALL)
    result = pytest_run(project, "--budgets", "-v")
    result.assert_outcomes(passed=3, failed=1, errors=1, warnings=1)
    assert result.ret == 1
    text = result.stdout.str()
    for expected in (UNKNOWN.reason, BREACHED.reason, f"BudgetWarning: smoke[{WARNED.name}]: warn"):
        assert expected in text
    assert f"ERROR at setup of smoke[{UNKNOWN.name}]" in text
    assert "items.py" not in text  # no traceback
    assert calls(project) == ["smoke"]


def test_junit_has_value_and_bound_as_properties_and_an_inconclusive_budget_as_an_error(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=ALL)
    pytest_run(project, "--budgets", "--junit-xml=junit.xml")
    root = ET.fromstring((project.path / "junit.xml").read_text())
    cases = {case.get("name"): case for case in root.iter("testcase")}
    elements = {n: [e.tag for e in case if e.tag != "properties"] for n, case in cases.items()}
    assert elements == {
        "test_own": [],
        f"smoke[{P95.name}]": [],
        "smoke[breached]": ["failure"],
        f"smoke[{UNKNOWN.name}]": ["error"],
        f"smoke[{WARNED.name}]": [],
    }
    found = {one.get("name"): one.get("value") for one in cases["smoke[breached]"].iter("property")}
    assert str(found.pop("run")).startswith(str(project.path / "runs"))
    assert found == {
        "scenario": "smoke",
        "outcome": "fail",
        "severity": "error",
        "value": str(BREACHED.value),
        "lower": str(BREACHED.lower),
        "upper": str(BREACHED.upper),
        "bound": str(BREACHED.bound),
        "direction": "max",
        "unit": "s",
        "reason": BREACHED.reason,
    }
    inconclusive = cases[f"smoke[{UNKNOWN.name}]"].iter("property")
    assert [one.get("value") for one in inconclusive if one.get("name") == "guard"] == [
        "load-delivered"
    ]


def test_collection_loads_nothing_and_names_each_budget_once(project: pytest.Pytester) -> None:
    write(project, smoke=(P95, HITS), load=(P95,))
    result = pytest_run(project, "--budgets", "--collect-only", "-q", ".")
    names = [line for line in result.outlines if "::" in line]
    assert sorted(names) == [
        f"budgets.yaml::load[{P95.name}]",
        f"budgets.yaml::smoke[{P95.name}]",
        f"budgets.yaml::smoke[{HITS.name}]",
        "test_own.py::test_own",
    ]
    assert calls(project) == []


@pytest.mark.parametrize(
    ("arguments", "passed", "loaded"),
    [
        pytest.param(("--budgets",), 4, ["smoke", "load"], id="all, each scenario once"),
        pytest.param(("--budgets", "-k", "load"), 1, ["load"], id="by scenario"),
        pytest.param(("--budgets", "-k", HITS.name), 1, ["smoke"], id="by budget"),
        pytest.param(("budgets.yaml", "--budgets"), 3, ["smoke", "load"], id="only budgets"),
        pytest.param(("budgets.yaml::smoke", "--budgets"), 2, ["smoke"], id="by id of a scenario"),
        pytest.param(
            (f"budgets.yaml::smoke[{HITS.name}]", "--budgets"), 1, ["smoke"], id="by id of one"
        ),
        pytest.param(
            ("--budgets", f"--deselect=budgets.yaml::load[{P95.name}]"), 3, ["smoke"], id="deselect"
        ),
    ],
)
def test_only_selected_scenarios_are_loaded(
    project: pytest.Pytester, arguments: tuple[str, ...], passed: int, loaded: list[str]
) -> None:
    write(project, smoke=(P95, HITS), load=(P95,))
    result = pytest_run(project, *arguments)
    assert result.parseoutcomes()["passed"] == passed
    assert calls(project) == loaded


def test_first_failure_ends_the_session_before_the_next_load(project: pytest.Pytester) -> None:
    write(project, smoke=(BREACHED,), load=(P95,))
    result = pytest_run(project, "budgets.yaml", "--budgets", "-x")
    assert result.parseoutcomes()["failed"] == 1
    assert calls(project) == ["smoke"]


def test_interrupt_of_a_load_interrupts_the_session(project: pytest.Pytester) -> None:
    write(project, smoke=(P95,), load=(P95,))
    (project.path / "stored/smoke/interrupt").touch()
    result = project.inline_run(
        *(*PLAIN, "budgets.yaml", "--budgets"), plugins=[pytest_plugin], no_reraise_ctrlc=True
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert calls(project) == ["smoke"]


def test_run_that_is_refused_is_an_error_with_what_the_command_says(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=(P95,))
    (project.path / "stored").rename(project.path / "elsewhere")
    result = pytest_run(project, "--budgets")
    result.assert_outcomes(passed=1, errors=1)
    assert "error: the command says why" in result.stdout.str()


@pytest.mark.parametrize("code", [1, 2, 4, 130])
def test_exit_code_that_no_budget_explains_is_never_green(
    project: pytest.Pytester, code: int
) -> None:
    write(project, smoke=(P95,))
    store(project, "smoke", P95, code=code)
    result = pytest_run(project, "budgets.yaml", "--budgets")
    result.assert_outcomes(errors=1)


def test_exit_code_of_the_locustfile_is_never_green(project: pytest.Pytester) -> None:
    breached = replace(BREACHED, name="breached")
    write(project, smoke=(P95, breached, WARNED))
    failed = evidence_of().manifest.model_copy(update={"locustfile_exit_code": 7})
    gate = locustfile_verdict(failed)
    assert gate is not None
    store(project, "smoke", P95, breached, WARNED, gate)
    result = pytest_run(project, "budgets.yaml", "--budgets")
    result.assert_outcomes(failed=1, errors=2)
    text = result.stdout.str()
    assert "locustfile-exit-code: fail: " in text
    assert "the locustfile set exit code 7" in text


def test_breach_of_another_budget_fails_no_item_that_was_selected(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=(P95, replace(BREACHED, name="breached")))
    result = pytest_run(project, f"budgets.yaml::smoke[{P95.name}]", "--budgets")
    result.assert_outcomes(passed=1)


def test_last_failed_runs_without_the_budgets_that_passed(project: pytest.Pytester) -> None:
    write(project, smoke=(P95,))
    project.makepyfile(test_own="def test_own(): assert False")
    cached = (*PLAIN, "-p", "cacheprovider", "--budgets")
    for more in ((), ("--last-failed",)):
        result = project.runpytest_inprocess(*cached, *more, plugins=[pytest_plugin])
        result.assert_outcomes(passed=0 if more else 1, failed=1)
    assert calls(project) == ["smoke"]


def test_scenario_without_budgets_and_a_budget_that_was_not_judged_are_errors(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=(P95, HITS), load=())
    store(project, "smoke", P95)
    store(project, "load", P95)
    result = pytest_run(project, "budgets.yaml", "--budgets")
    result.assert_outcomes(passed=1, errors=2)
    text = result.stdout.str()
    assert "scenario 'load' has no budgets: nothing is judged" in text
    assert "the run did not judge this budget" in text


def test_run_that_was_interrupted_or_never_began_is_an_error_of_each_budget(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=(P95,))
    judgement = judged("pass", P95)
    folder = project.path / "stored/smoke"
    (folder / "junit.xml").write_text(junit_xml(judgement, INTERRUPTED))
    result = pytest_run(project, "budgets.yaml", "--budgets")
    result.assert_outcomes(errors=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--budgets=absent.yaml",), "absent.yaml does not exist", id="absent"),
        pytest.param(
            ("--budgets", "."), "is a folder", id="a folder that was meant as an argument"
        ),
        pytest.param(("--budgets", "test_own.py"), "is a test file", id="a test file"),
        pytest.param(
            ("--budgets", "--ignore=budgets.yaml"), "no item of", id="its file is ignored"
        ),
    ],
)
def test_unusable_file_is_a_usage_error_with_a_hint(
    project: pytest.Pytester, arguments: tuple[str, ...], message: str
) -> None:
    write(project, smoke=(P95,))
    result = pytest_run(project, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stderr.str() + result.stdout.str()
    assert message in text
    assert "hint: " in text


def test_wrong_budgets_are_errors_of_the_collection(project: pytest.Pytester) -> None:
    write(project, smoke=(P95,))
    path = project.path / "budgets.yaml"
    path.write_text(path.read_text().replace("max: 1%", "maxx: 1%"))
    result = pytest_run(project, "--budgets")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    text = result.stdout.str()
    assert "maxx" in text
    assert "parse.py" not in text


OWN = """
import pytest
def test_result(harness_run):
    result = harness_run("smoke")
    assert result.outcome == "fail"
    assert result.budgets["breached"].value == %r
    assert result.budgets["breached"].outcome == "fail"
    assert harness_run("smoke") is result
    with pytest.raises(AssertionError, match="breached: fail: [^#]*report: "):
        result.assert_passed()

def test_passed(harness_run):
    harness_run("load", "--duration", "5s").assert_passed()

def test_refused(harness_run):
    with pytest.raises(Exception, match="the command says why"):
        harness_run("absent")
"""


def test_fixture_makes_each_run_once_and_shares_it_with_the_items(
    project: pytest.Pytester,
) -> None:
    write(project, smoke=ALL, load=(P95, WARNED))
    project.makepyfile(test_own=OWN % BREACHED.value)
    pytest_run(project).assert_outcomes(passed=3)
    assert calls(project) == ["smoke", "load --duration 5s", "absent"]
    (project.path / "calls").unlink()
    pytest_run(project, "--budgets", "-k", "smoke or result").assert_outcomes(
        passed=3, failed=1, errors=1, warnings=1, deselected=4
    )
    assert calls(project) == ["smoke"]


def test_workers_of_xdist_make_each_run_once(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, smoke=ALL, load=(P95, HITS))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    result = project.runpytest_subprocess(
        *(*PLAIN, "-p", "harness.pytest_plugin", "-p", "xdist", "-n2"),
        *("--budgets", "--junit-xml=junit.xml"),
    )
    result.assert_outcomes(passed=5, failed=1, errors=1, warnings=1)
    assert sorted(calls(project)) == ["load", "smoke"]
    root = ET.fromstring((project.path / "junit.xml").read_text())
    assert sum(one.get("name") == "value" for one in root.iter("property")) == 5
