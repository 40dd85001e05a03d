"""A stored run beside this one: what differs, and why that is for information only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from harness.judge.model import Judgement, Verdict
from harness.report.history.history import worsening
from harness.report.parts import words as wording
from harness.report.parts.console import NAME, TEXT, indented
from harness.report.parts.markdown import code, prose
from harness.report.parts.terminal import Column, table
from harness.report.parts.words import clean, value_text
from harness.report.run.results import number
from harness.runs.model import Manifest
from harness.runs.results import PastRun, StoredBudget
from harness.units import Unit, format_quantity

WHY = (
    "For information: it cannot gate. Two runs of one and the same version differ, too. In"
    " simulations a run held against a stored one with a tolerance of 10% raised a false alarm in"
    " 13 to 34% of the cases, and saw half of the regressions by 10%. `harness compare` measures"
    " both versions in turn and decides."
)
_HOST = ("platform", "python", "cpus", "memory_bytes")


@dataclass(frozen=True, slots=True)
class Difference:
    """A budget in both runs.

    Attributes:
        stored: The value in the stored run, in `unit`; None without data, or when a guard took
            its verdict away.
        worse: 0.1 is 10% worse and -0.1 is 10% better, whichever way the budget looks; None when
            it is not known.
        apart: Whether the intervals of both have nothing in common; None when one is not known.
    """

    name: str
    unit: Unit
    stored: float | None
    value: float | None
    worse: float | None
    apart: bool | None


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """A stored run beside this one.

    Attributes:
        run: Its folder or file.
        started: Seconds since the epoch.
        remarks: What else is different, and how much it is worth as a baseline.
    """

    run: str
    started: float
    outcome: str
    remarks: tuple[str, ...]
    differences: tuple[Difference, ...]


def beside(judgement: Judgement, manifest: Manifest, past: PastRun) -> BaselineComparison:
    """Hold a stored run beside one that was judged."""
    stored = {budget.name: budget for budget in past.results.budgets}
    return BaselineComparison(
        run=str(past.folder),
        started=past.results.started,
        outcome=past.results.outcome,
        remarks=tuple(_remarks(manifest, past)),
        differences=tuple(
            _difference(verdict, stored[verdict.name], past)
            for verdict in judgement.verdicts
            if verdict.name in stored and stored[verdict.name].unit is verdict.unit
        ),
    )


def _difference(verdict: Verdict, stored: StoredBudget, past: PastRun) -> Difference:
    before = past.results.trusted(stored)
    worse = worsening(before, verdict.value, verdict.direction)
    apart = None
    if before is not None and _is_interval(stored) and _is_interval(verdict):
        apart = _above(stored.lower, verdict.upper) or _above(verdict.lower, stored.upper)
    return Difference(verdict.name, verdict.unit, before, verdict.value, worse, apart)


def _is_interval(one: StoredBudget | Verdict) -> bool:
    return (one.lower, one.upper) != (None, None)


def _above(lower: float | None, upper: float | None) -> bool:
    return lower is not None and upper is not None and lower > upper


def _remarks(manifest: Manifest, past: PastRun) -> Iterator[str]:
    results, run = past.results, past.results.run
    if results.outcome in {"fail", "inconclusive"}:
        yield f"its own outcome was {results.outcome}, so it is no measure of what is good"
    if run.service != manifest.service:
        yield f"it is of another service, {run.service}"
    if results.scenario != wording.scenario_name(manifest):
        yield f"it is of another scenario, {results.scenario}"
    elif _load(run.scenario) != _load(manifest.scenario):
        yield "its load was another one"
    if other := [key for key in _HOST if run.host.get(key) != manifest.host.get(key)]:
        yield f"it ran on another machine ({', '.join(other)})"
    if results.commit and results.commit == manifest.git.get("commit"):
        yield "it is of the same commit: what differs is noise, or was not committed"


def _load(scenario: dict[str, Any]) -> tuple[Any, ...]:
    loads = [
        {key: value for key, value in load.items() if key != "locustfile"}
        for load in scenario.get("loads", ())
    ]
    return loads, scenario.get("warm_up"), scenario.get("duration")


def baseline_parts(
    found: BaselineComparison, *, width: int, color: bool
) -> Iterator[RenderableType]:
    """For a terminal."""
    yield Text(_title(found), "bold")
    if found.differences:
        yield table(_columns(found), name=0, width=width, color=color)
    for remark in found.remarks:
        yield indented(f"note: {clean(remark, TEXT)}")
    yield indented(WHY)
    yield ""


def baseline_markdown(found: BaselineComparison) -> Iterator[str]:
    """For the step summary."""
    yield f"### {prose(_title(found))}"
    yield ""
    if found.differences:
        yield "| budget | baseline | now | worse by | intervals |"
        yield "| --- | ---: | ---: | ---: | --- |"
    for one in found.differences:
        cells = (code(one.name), *_values(one), _worse(one), _apart(one))
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from (f"- {prose(clean(remark, TEXT))}" for remark in found.remarks)
    yield ""
    yield WHY
    yield ""


def baseline_fields(found: BaselineComparison) -> dict[str, Any]:
    """For results.json."""
    fields = asdict(found)
    for one in fields["differences"]:
        one |= {key: number(one[key]) for key in ("stored", "value", "worse")}
    return fields


def _title(found: BaselineComparison) -> str:
    when = datetime.fromtimestamp(found.started, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"beside {clean(found.run, NAME)} of {when}"


def _columns(found: BaselineComparison) -> list[Column]:
    values = [_values(one) for one in found.differences]
    return [
        Column("budget", [clean(one.name, NAME) for one in found.differences]),
        Column("baseline", [stored for stored, _ in values], right=True),
        Column("now", [now for _, now in values], right=True),
        Column("worse by", [_worse(one) for one in found.differences], right=True),
        Column("intervals", [_apart(one) for one in found.differences], gives_way=1),
    ]


def _values(one: Difference) -> tuple[str, str]:
    return value_text(one.stored, one.unit), value_text(one.value, one.unit)


def _worse(one: Difference) -> str:
    if one.worse is None:
        return wording.NO_DATA
    text = format_quantity(one.worse, Unit.RATIO)
    return f"+{text}" if one.worse > 0 else text


def _apart(one: Difference) -> str:
    return {None: "", True: "apart", False: "overlap"}[one.apart]
