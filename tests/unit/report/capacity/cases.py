"""Capacities as the judge yields them, one for each way in which a report can differ."""

from dataclasses import replace
from math import isfinite

from hypothesis import strategies as st

from harness.judge.capacity.judge import judge_capacity
from harness.judge.capacity.model import (
    Capacity,
    CapacitySearch,
    CapacitySetting,
    CapacityStep,
    PastCapacity,
    UsageReading,
)
from harness.judge.capacity.search import SearchRange, StepResult
from harness.judge.capacity.usage import LABELS
from harness.judge.model import Outcome, Verdict
from harness.units import Unit
from tests.unit.report.strategies import NUMBERS, TEXTS, VERDICTS

RANGE = SearchRange(start=50, most=1_000_000, least=0.78)
SETTING = CapacitySetting(
    service="sample-app",
    scenario="smoke",
    started=1782907200.0,
    seconds=312.5,
    harness_version="0.1.0",
    commit="4f2a9c0",
    host={"cpus": 2, "platform": "Linux"},
    facts={"First rate": "50/s", "Wanted width": "5%"},
)
P95 = Verdict(
    name="api-latency-p95",
    description="API endpoints answer within 200 ms for 95% of requests",
    outcome="pass",
    severity="error",
    value=0.042,
    lower=0.038,
    upper=0.047,
    bound=0.2,
    direction="max",
    unit=Unit.SECONDS,
    margin=0.79,
    samples=1000,
    source="load generator",
    reason="p95 latency of all requests is 42 ms",
    request="",
)


def at(
    rate: float, result: StepResult, p95: float, cores: float, reason: str = "", guard: str = ""
) -> CapacityStep:
    outcomes: dict[StepResult, Outcome] = {"holds": "pass", "breaks": "fail"}
    outcome = outcomes.get(result, "inconclusive")
    verdict = replace(
        P95,
        outcome=outcome,
        value=p95,
        lower=0.9 * p95,
        upper=1.1 * p95,
        margin=1 - p95 / 0.2,
        reason=reason or P95.reason,
        guard=guard,
    )
    text = {"holds": "every budget holds"}.get(result, reason)
    return CapacityStep(
        *(rate, result, text, 10.0, f"step-{rate:g}", (verdict,)),
        answered=min(rate, 130.0),
        p95=p95,
        error_ratio=0.0,
        usage=(UsageReading("cpu", cores, Unit.COUNT, 2.0),),
        guard=guard,
    )


AWKWARD = "<b>café|☕</b> \x1b]0;title\x07 [bold red]x[/]\n@everyone größe-世界-👩‍🚀 `x`|y"
BROKE = "api-latency-p95 412 ms (max 200 ms)"
FOUND = (
    at(50, "holds", 0.031, 0.4),
    at(100, "holds", 0.042, 0.75),
    *[at(200, "breaks", 2.4, 0.99, "api-latency-p95 2.4 s (max 200 ms)")] * 2,
    *[at(141, "breaks", 0.412, 0.98, BROKE)] * 2,
    at(119, "holds", 0.061, 0.88),
    *[at(130, "holds", 0.12, 0.96)] * 2,
    *[at(135, "breaks", 0.251, 0.97, "api-latency-p95 251 ms (max 200 ms)")] * 2,
)
GENERATOR = "generator-cpu: the generator used up to 98% of a core; lower the rate"
DISTURBED = "cpu-contention: other processes and the host took 1.9 CPUs"


def searched(*steps: CapacityStep, end: str = "found") -> CapacitySearch:
    return CapacitySearch(steps, end)  # type: ignore[arg-type]


LIMITED = searched(
    *(at(50, "holds", 0.002, 0.2), *[at(700, "holds", 0.003, 0.9)] * 2),
    *[at(720, "generator", 0.02, 0.91, GENERATOR, "generator-cpu")] * 2,
    end="generator",
)
CASES: dict[str, tuple[Capacity, CapacitySetting, int]] = {
    "found": (judge_capacity([searched(*FOUND)], RANGE), SETTING, 0),
    "below-min": (judge_capacity([searched(*FOUND)], RANGE, 150.0), SETTING, 3),
    "repeated": (
        judge_capacity(
            [searched(*FOUND), searched(*FOUND[4:])],
            *(RANGE, 120.0, PastCapacity("runs/main", 120.0, 126.0, 0.1)),
        ),
        replace(SETTING, left_out=("throughput: a low rate has a low throughput",)),
        0,
    ),
    "generator": (judge_capacity([LIMITED], RANGE), SETTING, 4),
    "disturbed": (
        judge_capacity(
            [
                searched(
                    at(50, "holds", 0.031, 0.4),
                    *[at(100, "disturbed", 0.7, 0.75, DISTURBED, "cpu-contention")] * 2,
                    end="interrupted",
                )
            ],
            RANGE,
        ),
        SETTING,
        130,
    ),
    "awkward": (
        judge_capacity(
            [searched(*[replace(at(50, "breaks", 1.0, 0.1), reason=AWKWARD)] * 2, end="error")],
            *(RANGE, None, PastCapacity(AWKWARD, None, None, 0.1, AWKWARD)),
        ),
        replace(SETTING, service=AWKWARD, scenario=AWKWARD, facts={AWKWARD: AWKWARD}),
        4,
    ),
}

RATES = st.floats(0.001, 1e6).filter(isfinite)
STEPS = st.builds(
    CapacityStep,
    rate=RATES,
    result=st.sampled_from(["holds", "breaks", "undecided", "disturbed", "generator"]),
    reason=TEXTS,
    guard=st.sampled_from(["", "cpu-contention", "load-delivered"]),
    seconds=st.floats(0, 1e5),
    folder=TEXTS,
    verdicts=st.lists(VERDICTS, max_size=3).map(tuple),
    answered=NUMBERS,
    p95=NUMBERS,
    error_ratio=NUMBERS,
    usage=st.lists(
        st.builds(
            UsageReading,
            name=st.sampled_from(sorted(LABELS)),
            value=st.floats(0, 1e6),
            unit=st.sampled_from(Unit),
            limit=st.none() | st.floats(0.1, 100),
        ),
        max_size=3,
    ).map(tuple),
)
SEARCHES = st.builds(
    CapacitySearch,
    steps=st.lists(STEPS, max_size=5).map(tuple),
    end=st.sampled_from(
        ["found", "reached", "generator", "noise", "nothing-holds", "time", "interrupted", "error"]
    ),
    reason=TEXTS,
)
CAPACITIES = st.builds(
    judge_capacity,
    searches=st.lists(SEARCHES, min_size=1, max_size=2),
    limits=st.just(RANGE),
    least=st.none() | RATES,
    past=st.none()
    | st.builds(
        PastCapacity,
        name=TEXTS,
        lower=st.none() | RATES,
        upper=st.none() | RATES,
        max_regression=st.floats(0.001, 1),
        not_comparable=TEXTS,
    ),
)
SETTINGS = st.builds(
    CapacitySetting,
    service=TEXTS,
    scenario=TEXTS,
    started=st.floats(0, 4e9),
    seconds=st.floats(0, 1e6),
    harness_version=TEXTS,
    commit=TEXTS,
    left_out=st.lists(TEXTS, max_size=2).map(tuple),
    host=st.dictionaries(TEXTS, TEXTS, max_size=2),
    facts=st.dictionaries(TEXTS, TEXTS, max_size=2),
)
