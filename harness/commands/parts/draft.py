"""The two files of `harness init`, before and after their bounds are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import recognise
from harness.budgets.dialects.told import request_names
from harness.commands.parts.outputs import print_line
from harness.errors import UsageError
from harness.units import Unit, format_quantity

if TYPE_CHECKING:
    from harness.budgets.lint.metrics import Family
    from harness.commands.parts.trial_run import TrialRun
    from harness.init.bounds import BudgetProposal
    from harness.init.budgets_file import TargetText
    from harness.init.load import LoadPlan
    from harness.init.model import Selection

_SHORT_WARM_UP: Final = 2
_WARM_UP: Final = 5
_FAILING: Final = 0.05  # share of failed requests with which a task is left out
_FASTER: Final = 1.5  # times the rate of the first short run, for a second one
_MOST_LINES: Final = 20


class Draft:
    """A budgets.yaml and a locustfile that are not written yet.

    Args:
        selection: What is called.
        target: The service.
        scenario: Name of the scenario.
        host: Base URL for the head of the locustfile.
        families: The metrics of the service, by name.
        seconds: Of a short run that are measured.
    """

    def __init__(
        self,
        selection: Selection,
        target: TargetText,
        scenario: str,
        *,
        host: str,
        families: Mapping[str, Family],
        seconds: int,
    ) -> None:
        self._seconds = seconds
        self._families = families
        self._found = recognise(families)
        self.selection = selection
        self.proposals: list[BudgetProposal] = []
        names = request_names(self._found)
        requests = {} if names is None else names.given
        self._target = replace(target, dialects=self.dialects, requests=requests)
        self._scenario = scenario
        self._host = host
        self._load: LoadPlan | None = None
        self._head: list[str] = []
        self.disturbed = ""  # how other processes disturbed the measuring, and what to do

    @property
    def dialects(self) -> tuple[str, ...]:
        """Names of the dialects of the metrics."""
        return self._found.dialects if self._families else ()

    @property
    def ambiguous(self) -> list[str]:
        """A sentence for each group of metrics for which several dialects fit."""
        roles = (next(r for r in MetricRole if r.group is one) for one in self._found.ambiguous)
        return [self._found.lacks(role) for role in roles]

    def locustfile(self) -> str:
        """The text of the locustfile."""
        from harness.init.locustfile import locustfile_text

        file = f"scenarios/{self._scenario}.py"
        return locustfile_text(self.selection, self._target.service, file, self._host)

    def budgets(self) -> str:
        """The text of budgets.yaml."""
        assert self._load is not None
        return self._text(self._load, self.proposals, _WARM_UP)

    def measure(self, path: Path, folder: Path) -> None:
        """Load the service for some seconds; propose the load and the bounds by that.

        Tasks that fail under load are left out. Where the proposed rate is much higher than the
        first one, the bounds are measured again, at the proposed rate.

        Args:
            path: Where budgets.yaml will be.
            folder: For the files of the short runs.

        Raises:
            UsageError: Every task fails.
            TargetError: The service cannot be loaded.
        """
        from harness.init.bounds import LEAST_CLIENT, ROOM, MeasuredValue, with_bound
        from harness.init.load import plan_load, trial_rate

        seconds = self.selection.mean_time
        rate = trial_rate(seconds)
        result = self._short_run(rate, path, folder)
        load = plan_load(self.selection, result.seconds or seconds)
        if load.rate > _FASTER * rate:
            rate = load.rate
            result = self._short_run(rate, path, folder)
            load = plan_load(self.selection, result.seconds or seconds, fastest=rate)
        self._load = load
        absent = MeasuredValue(None, problem="the short run had no data for it")
        self.proposals = [
            with_bound(one, result.values.get(one.name, absent)) for one in self._all(load)
        ]
        today = datetime.now(UTC).date().isoformat()
        measured = f"measured in {self._seconds} s at {rate}/s"
        least = format_quantity(LEAST_CLIENT, Unit.SECONDS)
        self._head = [
            f"`harness init` proposed these budgets on {today}, for you to keep and change.",
            f"Each bound leaves room for the value beside it, {measured}:",
            f"{ROOM:g} times the value for times, at least {least} for answers.",
            "Replace it with what your users need. `harness run` judges it.",
            *self.ambiguous,
        ]
        if result.disturbed:
            self.disturbed = (
                f"the machine was busy: {result.disturbed}, so the rate is low and the bounds are"
                " wide; run `harness init` again on a machine that nothing else uses"
            )
            self._head.append(f"Measured while {self.disturbed}.")

    def _short_run(self, rate: int, path: Path, folder: Path) -> TrialRun:
        """A run of some seconds, after which failing tasks are left out."""
        from harness.commands.parts.trial_run import trial_run
        from harness.init.bounds import draft
        from harness.init.load import LoadPlan, own_tasks
        from harness.init.select import without

        short = LoadPlan(rate, self._seconds, own_tasks(self.selection.tasks))
        print_line(f"measures {self._seconds} s at {rate}/s, to propose bounds")
        text = self._text(short, [draft(one) for one in self._all(short)], _SHORT_WARM_UP)
        url = None if self._target.command else self._target.url
        result = trial_run(text, path, self.locustfile(), folder, url)
        self.selection = without(self.selection, _failing(result.failed))
        if not self.selection.tasks:
            raise nothing_called(self.selection)
        return result

    def _all(self, load: LoadPlan) -> list[BudgetProposal]:
        """Every budget that may be proposed, without bounds."""
        from harness.init.bounds import name_apart, propose_client, propose_server

        server = propose_server(self._found, self._families, started=bool(self._target.command))
        return name_apart([*propose_client(load), *(server if self._target.metrics else [])])

    def _text(self, load: LoadPlan, proposals: Sequence[BudgetProposal], warm_up: int) -> str:
        from harness.init.budgets_file import ScenarioText, budgets_text

        file = f"scenarios/{self._scenario}.py"
        scenario = ScenarioText(self._scenario, file, warm_up)
        return budgets_text(self._target, scenario, load, proposals, head=self._head)


def _failing(failed: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """The requests that fail under load, with the reason to leave them out."""
    return {
        request: f"{bad} of {count} requests failed in the short run"
        for request, (bad, count) in failed.items()
        if bad > max(1, _FAILING * count)
    }


def nothing_called(selection: Selection, output: str = "") -> UsageError:
    """The error of a selection without a task: why each operation is skipped, and what to do.

    Args:
        selection: Without tasks.
        output: The last output of the service, which tells why it answers 5xx.
    """
    from harness.init.locustfile import skipped_lines
    from harness.init.reasons import NEEDS_LOGIN

    lines = skipped_lines(selection)
    shown = "".join(f"\n  {line}" for line in lines[:_MOST_LINES])
    more = "\n  ..." if len(lines) > _MOST_LINES else ""
    hint = "repair what these reasons name, or name paths that can be called with --path"
    reads = [one for one in selection.skipped if "--writes" not in one.reason]
    if reads and all(one.reason.startswith(NEEDS_LOGIN) for one in reads):
        hint = "set these environment variables to a user of the service, and run init again"
    if not any(one.reason.startswith("it answered 5") for one in selection.skipped):
        output = ""
    return UsageError(f"no operation can be called:{shown}{more}{output}", hint)
