"""The result of a run, as tests see it: the outcome of each budget, from the run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

from harness import names
from harness.errors import EXIT_BREACH, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS

TestOutcome = Literal["passed", "warned", "failed", "error"]
_JUDGED = (EXIT_PASS, EXIT_BREACH, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED)


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """A budget of a run.

    Attributes:
        outcome: "pass", "warn", "fail" or "inconclusive".
        value: In base units; None without data.
        lower: Lower end of the interval.
        upper: Upper end of the interval.
        unit: Of the values: "s", "ratio", "bytes", "1/s" or "1".
        guard: Name of the guard that makes the budget inconclusive; empty otherwise.
        test: The outcome as a test: "warned" is a passed test with a warning, "error" an error.
        text: The figures, the reason and what failed, for people.
    """

    name: str
    outcome: str
    severity: str
    value: float | None
    lower: float | None
    upper: float | None
    bound: float | None
    direction: str
    unit: str
    reason: str
    guard: str
    test: TestOutcome
    text: str


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run.

    Attributes:
        outcome: "pass", "warn", "fail" or "inconclusive".
        exit_code: Of `harness run`.
        folder: The run folder.
        budgets: By name.
        fault: Why the run has no verdicts, for people; empty if it has.
    """

    scenario: str
    outcome: str
    exit_code: int
    folder: Path
    budgets: Mapping[str, BudgetResult]
    fault: str = ""

    def assert_passed(self) -> None:
        """Raise AssertionError unless no budget fails or is inconclusive; warnings pass.

        A budget of severity `warn` that is inconclusive passes, as in `harness run`.
        """
        assert not self.fault, self.fault
        red = [one for one in self.budgets.values() if one.test in {"failed", "error"}]
        lines = [f"{one.name}: {one.outcome}: {one.text}" for one in red]
        assert not red, "\n".join([f"{self.scenario}: {self.outcome}", *lines, self._report])
        assert self.exit_code == EXIT_PASS, f"{self.scenario}: exit code {self.exit_code}"

    @property
    def _report(self) -> str:
        return f"report: {self.folder / names.REPORT_FILE}"


def read_result(scenario: str, folder: Path, exit_code: int, output: str) -> RunResult:
    """The result of a run that ended.

    Args:
        scenario: Its name.
        folder: Its run folder; there is none when the run was refused.
        exit_code: Of `harness run`.
        output: What the command printed.
    """
    try:
        results = json.loads((folder / names.RESULTS_FILE).read_text(encoding="utf-8"))
        cases = _testcases(folder / names.JUNIT_FILE)
    except (OSError, ValueError, ET.ParseError) as error:
        why = output.strip() or f"no results: {error}"
        return RunResult(scenario, "inconclusive", exit_code, folder, {}, why)
    budgets = {one["name"]: _budget(one, cases.get(one["name"])) for one in results["budgets"]}
    fault = ""
    if exit_code not in _JUDGED:
        fault = output.strip() or f"exit code {exit_code}"
    elif "run" in cases.keys() - budgets.keys():  # a run that failed without a red budget
        fault = cases["run"][1]
    elif exit_code != EXIT_PASS and not _any_red(budgets):
        fault = f"exit code {exit_code} without a failed budget"
    return RunResult(scenario, results["outcome"], exit_code, folder, budgets, fault)


def _any_red(budgets: Mapping[str, BudgetResult]) -> bool:
    return any(one.test in {"failed", "error"} for one in budgets.values())


def _testcases(path: Path) -> dict[str, tuple[str, str]]:
    """For each testcase of junit.xml the name of its element, such as "failure", and its text."""
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  written by the harness
    return {
        case.get("name", ""): (case[0].tag, case[0].text or "") if len(case) else ("", "")
        for case in root.iter("testcase")
    }


def _budget(fields: Mapping[str, Any], case: tuple[str, str] | None) -> BudgetResult:
    tag, text = case or ("error", "the run did not judge this budget")
    outcome = str(fields["outcome"])
    test: TestOutcome
    if tag == "failure":
        test = "failed"
    elif tag == "system-out":
        test = "passed" if outcome == "pass" else "warned"
    else:
        test = "error"
    keys = ("severity", "value", "lower", "upper", "bound", "direction", "unit", "reason", "guard")
    return BudgetResult(
        name=str(fields["name"]),
        outcome=outcome,
        test=test,
        text=text.removeprefix(f"{outcome}: "),
        **{key: fields[key] for key in keys},
    )
