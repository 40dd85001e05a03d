"""What the fixture `harness_run` returns."""

from __future__ import annotations

from pathlib import Path

from harness.testing.result import RunResult
from harness.testing.sessions import SessionRuns


class Loads:
    """Makes runs for the tests of a session."""

    def __init__(self, runs: SessionRuns, budgets: Path) -> None:
        self._runs = runs
        self._budgets = budgets

    def __call__(
        self, scenario: str, *options: str, budgets: Path | str | None = None
    ) -> RunResult:
        """Load a scenario, unless the session did so already with the same options.

        Args:
            scenario: Its name in budgets.yaml.
            options: Further options of `harness run`, such as `"--url", address`.
            budgets: The path of budgets.yaml; None is the file of `--budgets`, or budgets.yaml in
                the root folder of the tests.

        Raises:
            RunFaultError: The run has no verdicts: budgets.yaml or the scenario is wrong, or the
                harness failed.
        """
        file = Path(budgets or self._budgets).resolve()
        result = self._runs.result(file, scenario, options)
        if not result.budgets:
            raise RunFaultError(result.fault)
        return result


class RunFaultError(Exception):
    """A run without verdicts."""
