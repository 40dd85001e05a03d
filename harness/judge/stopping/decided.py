"""Whether a run can end because every budget has its verdict."""

from __future__ import annotations

from collections.abc import Iterable

from harness.budgets.model import Budget, ErrorRatio, Scenario
from harness.judge.intervals.levels import looks
from harness.judge.judge import judge
from harness.judge.model import Verdict
from harness.runs.model import Evidence


class DecisionWatch:
    """Looks at a run from time to time, for a scenario with a planned end.

    Before that end a verdict must be certain whatever the rest of the run brings. So an error ratio
    may fail early and never passes early, because a later outage would be missed. A value without
    an interval, such as the peak of a gauge, is not decided before the end.

    Attributes:
        moments: Seconds of the window after which `decided` is to be called, ascending.
    """

    def __init__(self, budgets: Iterable[Budget], scenario: Scenario) -> None:
        """Decide budgets of a scenario whose `planned` is not None."""
        assert scenario.planned is not None
        self._budgets = {budget.name: budget for budget in budgets}
        self._planned = scenario.planned
        self._states = tuple((name, "") for name in self._budgets)
        moments = {*looks(int(scenario.duration)), int(scenario.planned)}
        self.moments = sorted(second for second in moments if second < scenario.duration)

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        """Whether the run may end here.

        Args:
            evidence: The run so far.
            seconds: Of its window.
        """
        verdicts = judge(tuple(self._budgets.values()), evidence).verdicts
        early = seconds < self._planned
        self._states = tuple(
            (one.name, one.outcome if self._is_final(one, early=early) else "") for one in verdicts
        )
        return all(outcome for _, outcome in self._states)

    def states(self) -> tuple[tuple[str, str], ...]:
        """The budgets by name, with their outcome at the last look; empty while undecided."""
        return self._states

    def _is_final(self, verdict: Verdict, *, early: bool) -> bool:
        if verdict.outcome == "inconclusive":
            return False
        if not early:
            return True
        if (verdict.lower, verdict.upper) == (None, None):
            return False
        errors = isinstance(self._budgets[verdict.name].indicator, ErrorRatio)
        return verdict.outcome != "pass" or not errors
