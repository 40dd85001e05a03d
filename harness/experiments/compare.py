"""A comparison: pair after pair, until every budget is decided or the most pairs are measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from harness.budgets.model import Budget, Plan, Promql, Scenario, Target
from harness.budgets.workload import OpenWorkload
from harness.errors import HarnessError, UsageError
from harness.experiments.diagnosis_pair import is_wanted, record_versions
from harness.experiments.pair import (
    PairDesign,
    PairStart,
    in_both,
    load_pair,
    pair_start,
    read_pair,
)
from harness.experiments.version import Version, Versions, unprepared_versions
from harness.experiments.versions import prepared_versions
from harness.judge.compare.compare import compare, compared
from harness.judge.compare.control import control_budget
from harness.judge.compare.model import Comparison, Pair, Rules, Setting
from harness.judge.compare.sequential import FIRST_LOOK
from harness.load.fleet import workers_of
from harness.load.interleaving import GAP, TURN
from harness.observe.host import host_facts, usable_cpus
from harness.runner.options import DiagnosisOptions
from harness.units import Unit, counted, format_quantity

CPUS_TO_SPARE = 4  # enough for two versions and two generators at once
MOST_BUDGETS = 50  # the levels of the sequential test suffice for so many


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison up to its end, or up to what ended it early.

    Attributes:
        interrupted: By a signal; the pair that was being measured does not count.
        error: Why no further pair could be measured; None when none was needed.
    """

    comparison: Comparison
    setting: Setting
    interrupted: bool = False
    error: HarnessError | None = None


async def compare_versions(
    plan: Plan,
    versions: tuple[Version, Version],
    design: PairDesign,
    rules: Rules,
    folder: Path,
    *,
    identical: Mapping[str, Sequence[float]] = MappingProxyType({}),
    tell: Callable[[str], None],
    show: Callable[[Comparison], None],
    diagnosis: DiagnosisOptions = DiagnosisOptions(),  # noqa: B008 - frozen
) -> Compared:
    """Measure pairs of two versions until every budget is decided.

    Args:
        plan: The whole of budgets.yaml.
        versions: Baseline and candidate.
        design: The load of each pair; see `check_comparable`.
        rules: When the comparison ends.
        folder: Gets a folder for each pair, with a run folder for each version.
        identical: Log ratios of identical pairs by the name of the budget, from the calibration.
        tell: Called with a line for a person.
        show: Called after each pair with the comparison so far.
        diagnosis: Whether both versions are loaded once more to find the cause of a regression.

    Raises:
        KeyboardInterrupt: INT or TERM came before the first pair.
    """
    started = time.time()
    target = plan.target or Target(url="")
    started_by_us = versions[0].url is None
    design = replace(design, scenario=with_workers(design.scenario, started_by_us=started_by_us))
    judged = partial(compare, rules=rules, control=plan.control, identical=identical)
    both = unprepared_versions(target, *versions)
    comparison = judged(plan.budgets_of(design.scenario.name), ())
    interrupted, error = False, None
    try:
        async with prepared_versions(target, *versions, folder, tell=tell) as both:
            for notice in _notices(both, design):
                tell(f"note: {notice}")
            tell(_announcement(both, design, rules))
            comparison, interrupted, error = await _pairs(
                plan, both, design, folder, judged, show=show
            )
            if not interrupted and error is None and is_wanted(comparison, diagnosis):
                await record_versions(plan, both, design, folder, diagnosis, tell)
    except HarnessError as problem:
        error = problem
    return Compared(comparison, _setting(plan, both, design, started), interrupted, error)


async def _pairs(
    plan: Plan,
    both: Versions,
    design: PairDesign,
    folder: Path,
    judged: Callable[[Iterable[Budget], Sequence[Pair]], Comparison],
    *,
    show: Callable[[Comparison], None],
) -> tuple[Comparison, bool, HarnessError | None]:
    """Measure pairs until the comparison is done.

    Returns:
        The comparison by the measured pairs, whether a signal interrupted them, and why no further
        pair could be measured.
    """
    budgets = plan.budgets_of(design.scenario.name)
    comparison = judged(budgets, ())
    pairs: list[Pair] = []
    try:
        async with pair_start() as start:
            while not comparison.done:
                number = len(pairs) + 1
                pair = await _pair(plan, both, design, folder, number=number, start=start)
                if pair is None:
                    break
                pairs.append(pair)
                budgets = in_both(budgets, folder / pair_name(number))
                comparison = judged(budgets, pairs)
                show(comparison)
        return comparison, start.interrupted.is_set(), None
    except KeyboardInterrupt:
        return comparison, True, None
    except HarnessError as problem:
        interrupted = start.interrupted.is_set()
        return comparison, interrupted, None if interrupted else problem


def check_comparable(scenario: Scenario, budgets: tuple[Budget, ...]) -> None:
    """Refuse a scenario that cannot be compared.

    Raises:
        UsageError: No budget, too many, or one that a Prometheus server measures has a
            max_regression, or the load cannot be cut into slices.
    """
    chosen = compared(budgets)
    if not chosen:
        raise UsageError(
            f"no budget of scenario {scenario.name!r} has a max_regression",
            "add `max_regression: 10%` to the budgets that must not get worse",
        )
    check_number(scenario, chosen)
    if asked := [one.name for one in chosen if isinstance(one.indicator, Promql)]:
        raise UsageError(
            f"{', '.join(asked)}: an answer of a Prometheus server is about both versions at once",
            "remove max_regression, or use another kind than promql, which reads /metrics",
        )
    check_sliceable(scenario)


def check_number(scenario: Scenario, budgets: Iterable[Budget]) -> None:
    """Refuse more budgets with a `max_regression` than the sequential test has levels for.

    Raises:
        UsageError: There are too many.
    """
    count = len(compared(budgets))
    if count > MOST_BUDGETS:
        raise UsageError(
            f"{count} budgets of scenario {scenario.name!r} have a max_regression",
            f"so many tests leave too small an error rate for each; keep at most {MOST_BUDGETS}",
        )


def check_sliceable(scenario: Scenario) -> None:
    """Refuse a load that cannot be cut into slices.

    Raises:
        UsageError: There are several loads, the warm-up is automatic, or the rate is not constant.
    """
    loads = scenario.loads
    if len(loads) > 1:
        names = ", ".join(load.name for load in loads)
        raise UsageError(
            f"a comparison needs one load, and scenario {scenario.name!r} has several: {names}",
            "compare with a scenario that has only one load",
        )
    if scenario.auto_warm_up:
        raise UsageError(
            f"a comparison needs a fixed warm-up; scenario {scenario.name!r} has warm-up auto",
            "give one with --warm-up, e.g. the longer of those that `harness run` finds for both",
        )
    workload = loads[0].workload
    if not isinstance(workload, OpenWorkload):
        raise UsageError(
            f"a comparison needs an open workload, and scenario {scenario.name!r} has users",
            "give a rate with --rate, or compare with a scenario that has a rate",
        )
    if len(workload.stages) > 1 or workload.stages[0].start_rate is not None:
        raise UsageError(
            f"a comparison needs a constant rate, and scenario {scenario.name!r} has stages",
            "give a rate with --rate, or compare with a scenario that has a constant rate",
        )


async def _pair(
    plan: Plan,
    both: Versions,
    design: PairDesign,
    folder: Path,
    *,
    number: int,
    start: PairStart,
) -> Pair | None:
    """Load and measure a pair; None when a signal interrupted it."""
    place = folder / pair_name(number)
    await load_pair(plan, both, design, place, number=number, start=start)
    if start.interrupted.is_set():
        return None
    measured = compared(plan.budgets_of(design.scenario.name))
    if plan.control is not None:
        measured += (control_budget(plan.control),)
    budgets = in_both(measured, place)
    return read_pair(budgets, design, number, place)


def pair_name(number: int) -> str:
    """The folder of a pair, by its number from 1."""
    return f"pair-{number:02d}"


def with_workers(scenario: Scenario, *, started_by_us: bool) -> Scenario:
    """The scenario with a number of processes for each version; both versions share the machine."""
    workers = workers_of(scenario, usable_cpus() / 2, service_too=started_by_us)
    return replace(scenario, workers=workers)


def _setting(plan: Plan, both: Versions, design: PairDesign, started: float) -> Setting:
    workload = design.scenario.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    rate = format_quantity(workload.stages[0].rate, Unit.PER_SECOND)
    length, gap, warm_up = (
        format_quantity(seconds, Unit.SECONDS) for seconds in (TURN, GAP, design.scenario.warm_up)
    )
    order = "for both at once" if design.simultaneous else "for each version in turn"
    known = {
        "Load": f"{rate}; in each pair {warm_up} of warm-up for both at once, then {design.slices}"
        f" slices of {length} {order}, with gaps of {gap}",
        "Seed": str(design.seed),
        "Host": _host(),
        "Locust": version("locust"),
    }
    if notices := _notices(both, design):
        known["Notes"] = "; ".join(notices)
    return Setting(
        service=plan.service,
        scenario=design.scenario.name,
        baseline=both.baseline.label,
        candidate=both.candidate.label,
        started=started,
        harness_version=version("harness"),
        facts=known,
    )


def _notices(both: Versions, design: PairDesign) -> list[str]:
    """Limits of the comparison that the reader of its outcome should know."""
    notices = list(both.notices)
    if design.simultaneous and (cpus := usable_cpus()) < CPUS_TO_SPARE:
        notices.append(
            f"both versions and their generators share {counted(cpus, 'CPU')}: each slows the"
            " other, so a difference may look smaller than it is; compare in turn, without"
            " --simultaneous"
        )
    return notices


def _announcement(both: Versions, design: PairDesign, rules: Rules) -> str:
    seconds = format_quantity(design.turns(1).loaded, Unit.SECONDS)
    return (
        f"{both.candidate.label} against {both.baseline.label}: at least {FIRST_LOOK} and at most"
        f" {rules.most} pairs of {seconds} each"
    )


def _host() -> str:
    host = host_facts()
    cpus = counted(float(str(host["cpus"])), "CPU")
    memory = format_quantity(float(str(host["memory_bytes"])), Unit.BYTES)
    return f"{cpus}, {memory} memory, {host['platform']}, Python {host['python']}"
