"""The items of `pytest --budgets`: one for each budget of each scenario."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

import pytest

from harness import names
from harness.budgets.parse.parse import MOST_BYTES, decoded, parse_plan
from harness.errors import UsageError, why_unreadable
from harness.testing.result import BudgetResult, RunResult
from harness.testing.sessions import session_runs

WITHOUT_BUDGETS = "no budgets"


class BudgetWarning(pytest.PytestWarning):
    """A budget of severity `warn` is breached or inconclusive, or a breach is waived."""


class BudgetsFile(pytest.File):
    """budgets.yaml; collecting it loads nothing."""

    def collect(self) -> Iterator[BudgetItem]:
        """An item for each budget of each scenario, named `scenario[budget]`.

        Raises:
            CollectError: The file is wrong.
        """
        try:
            with self.path.open("rb") as file:
                text = decoded(file.read(MOST_BYTES + 1), self.path)
            plan = parse_plan(text, self.path.resolve(), os.environ, datetime.now(UTC).date())
        except OSError as error:
            message = f"cannot read {self.path}: {why_unreadable(error)}"
            raise self.CollectError(message) from None
        except UsageError as error:
            raise self.CollectError(error.text) from None
        lines = text.splitlines()
        for scenario in plan.scenarios:
            budgets = [budget.name for budget in plan.budgets_of(scenario)]
            for name in budgets or [WITHOUT_BUDGETS]:
                yield BudgetItem.from_parent(
                    self,
                    name=f"{scenario}[{name}]",
                    scenario=scenario,
                    budget=name,
                    known=frozenset(budgets),
                    line=_line_of(lines, name),
                )


def _line_of(lines: list[str], budget: str) -> int:
    """The line of a budget, from 0; 0 if it is not found."""
    pattern = re.compile(rf"""\s+["']?{re.escape(budget)}["']?\s*:""")
    return next((n for n, line in enumerate(lines) if pattern.match(line)), 0)


class BudgetItem(pytest.Item):
    """A budget of a scenario. The first item of a scenario that runs makes the run.

    `known` are the names of all budgets of the scenario, each of which has an item.
    """

    def __init__(
        self,
        name: str,
        parent: pytest.Collector,
        *,
        scenario: str,
        budget: str,
        known: frozenset[str],
        line: int,
    ) -> None:
        super().__init__(name, parent)
        self._scenario, self._budget, self._line = scenario, budget, line
        self._known = known
        self._run: RunResult | None = None
        self._result: BudgetResult | None = None

    def setup(self) -> None:
        """Get the verdict. A budget without a verdict is an error: it fails in the set-up."""
        run = session_runs(self.config).result(self.path.resolve(), self._scenario)
        result = run.budgets.get(self._budget)
        if result is not None:
            self._add_properties(run, result)
        if run.fault or result is None:
            pytest.fail(run.fault or self._missing(run), pytrace=False)
        if result.test == "error":
            pytest.fail(_text(run, result), pytrace=False)
        if result.test != "failed" and (gate := self._without_item(run)) is not None:
            pytest.fail(f"{gate.name}: {_text(run, gate)}", pytrace=False)
        self._run, self._result = run, result

    def _without_item(self, run: RunResult) -> BudgetResult | None:
        """What fails the run and has no item that would be red: the locustfile's exit code."""
        others = (one for name, one in run.budgets.items() if name not in self._known)
        return next((one for one in others if one.test in {"failed", "error"}), None)

    def _missing(self, run: RunResult) -> str:
        if self._budget == WITHOUT_BUDGETS:
            return f"scenario {self._scenario!r} has no budgets: nothing is judged"
        return f"the run did not judge this budget: budgets.yaml was changed\n{_report(run)}"

    def _add_properties(self, run: RunResult, result: BudgetResult) -> None:
        """Add the figures to the properties that `--junit-xml` writes."""
        facts = {
            "scenario": run.scenario,
            "outcome": result.outcome,
            "severity": result.severity,
            "value": result.value,
            "lower": result.lower,
            "upper": result.upper,
            "bound": result.bound,
            "direction": result.direction,
            "unit": result.unit,
            "reason": result.reason,
            "guard": result.guard,
            "run": str(run.folder),
        }
        self.user_properties += [
            (key, str(value)) for key, value in facts.items() if value not in {None, ""}
        ]

    def runtest(self) -> None:
        """Fail if the budget fails; warn if the verdict is a warning."""
        assert self._run is not None
        assert self._result is not None
        text = _text(self._run, self._result)
        match self._result.test:
            case "failed":
                pytest.fail(text, pytrace=False)
            case "warned":
                warning = BudgetWarning(f"{self.name}: {text}")
                warnings.warn_explicit(warning, None, str(self.path), self._line + 1)
            case "passed" | "error":  # an error failed in the set-up
                self.add_report_section("call", "harness", text)
            case _:
                assert_never(self._result.test)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The place of the budget, for editors."""
        return self.path, self._line, self.name


def _text(run: RunResult, result: BudgetResult) -> str:
    return f"{result.outcome}: {result.text}\n{_report(run)}"


def _report(run: RunResult) -> str:
    path = run.folder / names.REPORT_FILE
    return f"report: {os.path.relpath(path, Path.cwd())}"
