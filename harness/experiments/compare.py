"""A comparison: pair after pair, until every budget is decided or there are enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from harness.budgets.model import Budget, OpenWorkload, Plan, Scenario, Target
from harness.errors import UnjudgedError, UsageError
from harness.experiments.pair import Load, Meeting, load_pair, read_pair
from harness.experiments.version import Version, Versions
from harness.experiments.versions import versions
from harness.judge.compare.compare import compare, compared
from harness.judge.compare.model import Comparison, Pair, Rules, Setting
from harness.judge.compare.sequential import FIRST_LOOK
from harness.load.fleet import workers_of
from harness.load.interleaving import GAP, TURN
from harness.observe.host import host_facts, usable_cpus
from harness.runner.signals import interruptible
from harness.units import Unit, format_quantity

CPUS_TO_SPARE = 4  # from which on both can be loaded at once: two versions, two generators
MOST_BUDGETS = 50  # that are compared; the sequential test has no smaller levels than theirs


@dataclass(frozen=True, slots=True)
class Compared:
    """How far a comparison came.

    Attributes:
        interrupted: By a signal; the pair that was under way does not count.
        error: Why no further pair could be measured; None when none was needed.
    """

    comparison: Comparison
    setting: Setting
    interrupted: bool = False
    error: UnjudgedError | None = None


async def compare_versions(
    plan: Plan,
    sides: tuple[Version, Version],
    load: Load,
    rules: Rules,
    folder: Path,
    *,
    tell: Callable[[str], None],
    show: Callable[[Comparison], None],
) -> Compared:
    """Measure pairs of two versions until they decide.

    Args:
        plan: The whole of budgets.yaml.
        sides: Baseline and candidate.
        load: What each pair asks of both; see `comparable`.
        rules: When the comparison ends.
        folder: Gets a folder for each pair, with a run folder for each version.
        tell: Called with a line for a person.
        show: Called after each pair.

    Raises:
        UsageError: The versions cannot be had.
        UnjudgedError: One of them cannot be set up, or the first pair could not be measured.
        KeyboardInterrupt: INT or TERM came before the first pair.
    """
    started = time.time()
    budgets = plan.budgets_of(load.scenario.name)
    target = plan.target or Target(url="")
    load = replace(load, scenario=with_workers(load.scenario, ours=sides[0].url is None))
    async with versions(target, *sides, folder, tell=tell) as both:
        for notice in _notices(both, load):
            tell(f"note: {notice}")
        tell(_announcement(both, load, rules))
        comparison, interrupted, error = compare(budgets, (), rules), False, None
        pairs: list[Pair] = []
        meetings: list[Meeting] = []
        try:
            async with interruptible(lambda: begun(meetings)) as signal:
                while not comparison.done:
                    meetings.append(Meeting(signal))
                    pair = await _pair(plan, both, load, meetings, folder)
                    if pair is None:
                        break
                    pairs.append(pair)
                    comparison = compare(budgets, pairs, rules)
                    show(comparison)
            interrupted = signal.is_set()
        except KeyboardInterrupt:
            interrupted = True
        except UnjudgedError as problem:
            interrupted = signal.is_set()
            if not pairs and not interrupted:
                raise
            error = None if interrupted else problem
    return Compared(comparison, _setting(plan, both, load, started), interrupted, error)


def comparable(scenario: Scenario, budgets: tuple[Budget, ...]) -> None:
    """Refuse what cannot be compared.

    Raises:
        UsageError: No budget asks for it, or the load is not one that can be cut into slices.
    """
    chosen = compared(budgets)
    if not chosen:
        raise UsageError(
            f"no budget of scenario {scenario.name!r} has a max_regression",
            "add `max_regression: 10%` to the budgets that must not get worse",
        )
    if len(chosen) > MOST_BUDGETS:
        raise UsageError(
            f"{len(chosen)} budgets of scenario {scenario.name!r} have a max_regression",
            f"so many tests would leave each too little; keep at most {MOST_BUDGETS}",
        )
    sliceable(scenario)


def sliceable(scenario: Scenario) -> None:
    """Refuse a load that cannot be cut into slices.

    Raises:
        UsageError: It cannot.
    """
    loads = scenario.loads
    if len(loads) > 1:
        names = ", ".join(load.name for load in loads)
        raise UsageError(
            f"a comparison needs one load, and scenario {scenario.name!r} has several: {names}",
            "compare with a scenario that has only one",
        )
    if scenario.auto_warm_up:
        raise UsageError(
            f"a comparison needs a fixed warm-up, and that of scenario {scenario.name!r} is auto",
            "give one with --warm-up; what `harness run` found for both versions is a good one",
        )
    workload = loads[0].workload
    if not isinstance(workload, OpenWorkload):
        raise UsageError(
            f"a comparison needs an open workload, and scenario {scenario.name!r} has users",
            "give arrivals with --rate, or compare with a scenario that has a rate",
        )
    if len(workload.stages) > 1 or workload.stages[0].start_rate is not None:
        raise UsageError(
            f"a comparison needs a constant rate, and scenario {scenario.name!r} has stages",
            "give one with --rate, or compare with a scenario that has one",
        )


async def _pair(
    plan: Plan, both: Versions, load: Load, meetings: list[Meeting], folder: Path
) -> Pair | None:
    """Measure the next pair; None when a signal came meanwhile."""
    number, meeting = len(meetings), meetings[-1]
    place = folder / f"pair-{number:02d}"
    await load_pair(plan, both, load, place, number=number, meeting=meeting)
    if meeting.interrupted.is_set():
        return None
    budgets = compared(plan.budgets_of(load.scenario.name))
    return read_pair(budgets, load, number, place)


def begun(meetings: list[Meeting]) -> bool:
    """Whether the latest pair's load has begun."""
    return bool(meetings) and meetings[-1].t0 is not None


def with_workers(scenario: Scenario, *, ours: bool) -> Scenario:
    """The scenario with a number of processes for each version; both share the machine."""
    workers = workers_of(scenario, usable_cpus() / 2, service_too=ours)
    return replace(scenario, workers=workers)


def _setting(plan: Plan, both: Versions, load: Load, started: float) -> Setting:
    workload = load.scenario.loads[0].workload
    assert isinstance(workload, OpenWorkload)
    rate = format_quantity(workload.stages[0].rate, Unit.PER_SECOND)
    length, gap, warm_up = (
        format_quantity(seconds, Unit.SECONDS) for seconds in (TURN, GAP, load.scenario.warm_up)
    )
    whose = "of both at once" if load.simultaneous else "for each in turn"
    known = {
        "Load": f"{rate}; in each pair {warm_up} of warm-up for both at once, then {load.slices}"
        f" slices of {length} {whose}, with {gap} in between",
        "Seed": str(load.seed),
        "Host": _host(),
        "Locust": version("locust"),
    }
    if notices := _notices(both, load):
        known["Notes"] = "; ".join(notices)
    return Setting(
        service=plan.service,
        scenario=load.scenario.name,
        baseline=both.baseline.label,
        candidate=both.candidate.label,
        started=started,
        harness_version=version("harness"),
        facts=known,
    )


def _notices(both: Versions, load: Load) -> list[str]:
    """What the reader of a verdict should know of how it came about."""
    notices = list(both.notices)
    if load.simultaneous and (cpus := usable_cpus()) < CPUS_TO_SPARE:
        notices.append(
            f"both versions and their generators share {cpus:g} CPUs: each slows the other, and a"
            " difference may look smaller than it is; better compare in turn"
        )
    return notices


def _announcement(both: Versions, load: Load, rules: Rules) -> str:
    seconds = format_quantity(load.turns(1).loaded, Unit.SECONDS)
    return (
        f"{both.candidate.label} against {both.baseline.label}: pair after pair, {seconds} each,"
        f" at least {FIRST_LOOK} and at most {rules.most}"
    )


def _host() -> str:
    host = host_facts()
    cpus, memory = (
        format_quantity(float(str(host[name])), unit)
        for name, unit in (("cpus", Unit.COUNT), ("memory_bytes", Unit.BYTES))
    )
    return f"{cpus} CPUs, {memory} memory, {host['platform']}, Python {host['python']}"
