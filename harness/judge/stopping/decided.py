"""Whether a run can end because every budget has its verdict, and why it goes on otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.budgets.model import Budget, ErrorRatio, Ratio, Scenario
from harness.judge.intervals.levels import later_looks, looks
from harness.judge.judge import judge
from harness.judge.model import Verdict
from harness.runs.model import Evidence
from harness.units import Unit


class Undecided(NamedTuple):
    """A budget for which a run goes on, with the reason of its verdict so far."""

    name: str
    reason: str


class DecisionWatch:
    """Looks at a run at certain moments, for a scenario with a planned end.

    At the planned end the run is over unless more data may decide a budget: a budget that fails
    ends it, and so does an outcome that is open only where more load does not help (`waits` of a
    verdict), such as after a tripped guard or without data.
    With `stop: decided` the run ends earlier or later as soon as each budget has its verdict.

    Before the planned end a verdict must be certain whatever the rest of the run brings. So an
    error ratio may fail early and never passes early, because a later outage would be missed; that
    holds for any share of the service's counters with a `max`, too. A value without an interval,
    such as the peak of a gauge, is not decided before the end, and neither is one of fewer samples
    than `min_samples`, whatever `on_no_data` makes of that.

    Attributes:
        moments: Seconds of the window after which `decided` is to be called, ascending.
        undecided: Why the run goes on, by the last look; empty before the planned end.
    """

    def __init__(self, budgets: Iterable[Budget], scenario: Scenario) -> None:
        """Decide budgets of a scenario whose `planned` is not None."""
        assert scenario.planned is not None
        self._budgets = {budget.name: budget for budget in budgets}
        self._planned = scenario.planned
        self._early = scenario.early
        self._states = tuple((name, "") for name in self._budgets)
        self.undecided: tuple[Undecided, ...] = ()
        if scenario.early:
            moments = {*looks(int(scenario.duration)), int(scenario.planned)}
            self.moments = sorted(second for second in moments if second < scenario.duration)
        else:
            self.moments = later_looks(scenario.planned, scenario.duration)

    def decided(self, evidence: Evidence, seconds: float) -> bool:
        """Whether the run may end here.

        Args:
            evidence: The run so far.
            seconds: Of its window.
        """
        found = judge(tuple(self._budgets.values()), evidence)
        early = seconds < self._planned
        self._states = tuple(
            (one.name, one.outcome if self._is_final(one, early=early) else "")
            for one in found.verdicts
        )
        if self._early:
            open_ones = [one for one in found.verdicts if one.outcome == "inconclusive"]
            ends = all(outcome for _, outcome in self._states)
        else:
            open_ones = [one for one in found.verdicts if _leaves_open(one) and one.waits]
            ends = found.outcome != "inconclusive" or not open_ones
        self.undecided = () if early else tuple(Undecided(v.name, v.reason) for v in open_ones)
        return ends

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
        budget = self._budgets[verdict.name]
        if verdict.samples < budget.min_samples:
            return False
        return verdict.outcome != "pass" or not _limits_failures(budget)


def _limits_failures(budget: Budget) -> bool:
    """Whether a budget limits a share of failures, as the client or the service counts them."""
    of_service = isinstance(budget.indicator, Ratio) and budget.unit is Unit.RATIO
    return isinstance(budget.indicator, ErrorRatio) or (of_service and budget.direction == "max")


def _leaves_open(verdict: Verdict) -> bool:
    """Whether a budget makes the run inconclusive."""
    return verdict.outcome == "inconclusive" and verdict.severity == "error"
