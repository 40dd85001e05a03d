"""The difference of a run to a stored run, for information only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import isinf
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from harness.judge.model import Judgement, Verdict
from harness.report.history.history import relative_regression
from harness.report.parts import words as wording
from harness.report.parts.console import NAME, TEXT, indented
from harness.report.parts.safe import code, prose
from harness.report.parts.terminal import Column, table
from harness.report.parts.words import clean, value_text
from harness.report.run.results import number
from harness.runs.model import Manifest
from harness.runs.results import PastRun, StoredBudget
from harness.units import Unit, format_quantity

WHY = (
    "For information only; it does not change the outcome. Two runs of the same version differ,"
    " too. In simulations with a tolerance of 10%, a comparison of two single runs raised a false"
    " alarm in 13 to 34% of the cases and found half of the regressions of 10%. `harness compare`"
    " measures both versions alternately and decides."
)
_HOST = ("platform", "python", "cpus", "memory_bytes")


@dataclass(frozen=True, slots=True)
class Difference:
    """A budget in both runs.

    Attributes:
        stored: The value in the stored run, in `unit`; None without data, or if a guard made the
            budget inconclusive.
        regression: 0.1 is 10% worse and -0.1 is 10% better, for a `max` and a `min`; None if
            unknown.
        disjoint: Whether the intervals of both runs do not overlap; None if one is unknown.
        wholes: What each value is a share of, such as "2 cores"; empty where the name says it.
    """

    name: str
    unit: Unit
    stored: float | None
    value: float | None
    regression: float | None
    disjoint: bool | None
    wholes: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """The difference of a run to a stored run.

    Attributes:
        run: The folder or file of the stored run.
        started: Its start, in seconds since the epoch.
        remarks: Other differences, such as another machine, that limit the comparison.
    """

    run: str
    started: float
    outcome: str
    remarks: tuple[str, ...]
    differences: tuple[Difference, ...]


def compare_to_baseline(
    judgement: Judgement, manifest: Manifest, past: PastRun
) -> BaselineComparison:
    """Compare a judged run with a stored run."""
    stored = {budget.name: budget for budget in past.results.budgets}
    return BaselineComparison(
        run=str(past.folder),
        started=past.results.started,
        outcome=past.results.outcome,
        remarks=tuple(_remarks(manifest, past)),
        differences=tuple(
            _difference(verdict, stored[verdict.name], past)
            for verdict in judgement.verdicts
            if verdict.name in stored and _comparable(stored[verdict.name], verdict)
        ),
    )


def _difference(verdict: Verdict, stored: StoredBudget, past: PastRun) -> Difference:
    before, after, unit = past.results.trusted(stored), verdict.value, verdict.unit
    if stored.share_allowed is not None and verdict.share_over is not None:
        after, unit = verdict.share_over, Unit.RATIO
    regression = relative_regression(before, after, verdict.direction)
    disjoint = None
    (low, high), (lower, upper) = _ends(stored), _ends(verdict)
    if before is not None and (low, high) != (None, None) != (lower, upper):
        disjoint = _above(low, upper) or _above(lower, high)
    wholes = (stored.whole, verdict.whole)
    return Difference(verdict.name, unit, before, after, regression, disjoint, wholes)


def _comparable(stored: StoredBudget, verdict: Verdict) -> bool:
    """Whether both are in one unit, and shares over a bound of one bound."""
    shares = (stored.share_allowed is None, verdict.share_allowed is None)
    same = shares == (True, True) or (shares == (False, False) and stored.bound == verdict.bound)
    return stored.unit is verdict.unit and same


def _ends(one: StoredBudget | Verdict) -> tuple[float | None, float | None]:
    """The interval of the value, or of the share that is compared in its place."""
    if one.share_allowed is not None:
        return one.share_lower, one.share_upper
    return one.lower, one.upper


def _above(lower: float | None, upper: float | None) -> bool:
    return lower is not None and upper is not None and lower > upper


def _remarks(manifest: Manifest, past: PastRun) -> Iterator[str]:
    results, run = past.results, past.results.run
    if results.outcome in {"fail", "inconclusive"}:
        yield f"the outcome of the baseline was {results.outcome}: it is not a good reference"
    if changed := past.changed:
        yield f"files of the baseline changed since its run ended: {'; '.join(changed)}"
    if run.service != manifest.service:
        yield f"the baseline is of another service: {run.service}"
    if results.scenario != wording.scenario_name(manifest):
        yield f"the baseline is of another scenario: {results.scenario}"
    elif _load(run.scenario) != _load(manifest.scenario):
        yield "the baseline had another load"
    if other := [key for key in _HOST if run.host.get(key) != manifest.host.get(key)]:
        yield f"the baseline ran on another machine (differences: {', '.join(other)})"
    if results.commit and results.commit == manifest.git.get("commit"):
        yield "the baseline is of the same commit: differences are noise or uncommitted changes"


def _load(scenario: dict[str, Any]) -> tuple[Any, ...]:
    loads = [
        {key: value for key, value in load.items() if key != "locustfile"}
        for load in scenario.get("loads", ())
    ]
    return loads, scenario.get("warm_up"), scenario.get("duration")


def baseline_parts(
    baseline: BaselineComparison, *, width: int, color: bool
) -> Iterator[RenderableType]:
    """The comparison for a terminal."""
    yield Text(_title(baseline), "bold")
    if baseline.differences:
        yield table(_columns(baseline), name=0, width=width, color=color)
    for remark in baseline.remarks:
        yield indented(f"note: {remark}")
    yield indented(WHY)
    yield ""


def baseline_markdown(baseline: BaselineComparison) -> Iterator[str]:
    """The comparison for the step summary."""
    yield f"### {prose(_title(baseline))}"
    yield ""
    if baseline.differences:
        yield "| budget | baseline | this run | regression | intervals |"
        yield "| --- | ---: | ---: | ---: | --- |"
    for one in baseline.differences:
        cells = (code(one.name), *_values(one), _regression(one), _intervals(one))
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from (f"- {prose(clean(remark, TEXT))}" for remark in baseline.remarks)
    yield ""
    yield WHY
    yield ""


def baseline_fields(baseline: BaselineComparison) -> dict[str, Any]:
    """The comparison for results.json."""
    return asdict(baseline) | {
        "differences": [_difference_fields(one) for one in baseline.differences]
    }


def _difference_fields(one: Difference) -> dict[str, Any]:
    return {
        "name": one.name,
        "unit": one.unit,
        "stored": number(one.stored),
        "value": number(one.value),
        "worse": number(one.regression),
        "apart": one.disjoint,
    }


def _title(baseline: BaselineComparison) -> str:
    when = datetime.fromtimestamp(baseline.started, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Compared with the stored run {clean(baseline.run, NAME)} of {when}"


def _columns(baseline: BaselineComparison) -> list[Column]:
    values = [_values(one) for one in baseline.differences]
    return [
        Column("budget", [clean(one.name, NAME) for one in baseline.differences]),
        Column("baseline", [stored for stored, _ in values], right=True),
        Column("this run", [value for _, value in values], right=True),
        Column("regression", [_regression(one) for one in baseline.differences], right=True),
        Column("intervals", [_intervals(one) for one in baseline.differences], gives_way=1),
    ]


def _values(one: Difference) -> tuple[str, str]:
    stored, value = one.wholes
    return value_text(one.stored, one.unit, stored), value_text(one.value, one.unit, value)


def _regression(one: Difference) -> str:
    if one.regression is None:
        return wording.NO_DATA
    if isinf(one.regression):  # from or to zero
        return "over +1000%" if one.regression > 0 else "under -1000%"
    text = format_quantity(one.regression, Unit.RATIO)
    return f"+{text}" if one.regression > 0 else text


def _intervals(one: Difference) -> str:
    return {None: "", True: "disjoint", False: "overlap"}[one.disjoint]
