"""Comparisons as the judge yields them, one for each way in which a report can differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, inf

from hypothesis import strategies as st

from harness.budgets.model import Budget, Latency, Ratio, Selector, Throughput
from harness.judge.compare.compare import compare
from harness.judge.compare.control import control_budget
from harness.judge.compare.model import (
    BudgetChange,
    Comparison,
    Omission,
    Pair,
    Rules,
    Setting,
    ShareChange,
    SideMeasurements,
)
from harness.judge.model import Guard, Measurement, guard
from harness.units import Unit
from tests.unit.report.cases import AWKWARD
from tests.unit.report.strategies import COUNTS, NUMBERS, OUTCOMES, TEXTS, UNITS

P95 = Budget(
    "api-latency-p95",
    Latency(),
    Unit.SECONDS,
    0.2,
    "max",
    description="API endpoints answer within 200 ms for 95% of requests",
    max_regression=0.1,
    runbook="https://example.org/runbooks/api-latency?p=95",
)
QUERIES = Budget(
    "queries-per-request",
    Ratio(Selector("db_operations_total"), Selector("http_requests_total")),
    Unit.COUNT,
    3,
    "max",
    max_regression=0.05,
)
HITS = Budget(
    "cache-hit-ratio",
    Ratio(Selector("cache_hits_total"), Selector("cache_gets_total")),
    Unit.RATIO,
    0.8,
    "min",
    max_regression=0.5,
)
SPEED = Budget(
    "throughput",
    Throughput(),
    Unit.PER_SECOND,
    90,
    "min",
    max_regression=0.02,
    severity="warn",
)
BUDGETS = (P95, QUERIES, HITS, SPEED)
STEAL = guard("host-steal", "the host took 9% of the time; run it when it is idle.", tripped=True)

SETTING = Setting(
    service="sample-app",
    scenario="smoke",
    baseline="main (4f2a9c01)",
    candidate="working tree",
    started=1782907200.0,
    harness_version="0.1.0",
    facts={"Host": "2 CPUs, Linux", "Locust": "2.47.1"},
)
AWKWARD_SETTING = Setting(
    service="<b>café|☕</b>",
    scenario="[bold red]x[/]",
    baseline="main\x1b[31m\n@everyone",
    candidate="größe-世界-👩‍🚀 `x`|y",
    started=1782907200.0,
    harness_version="0.1.0",
    facts={"a|b <b>": "\x1b]0;title\x07 *x*"},
)

NO_SERVICE = (
    "the candidate, working tree, could not be loaded: the service ended with exit code 9 before it"
    " was ready; its last output:\n    cannot import <b>shop</b>\nhint: the whole output is in"
    " target.log"
)

_NOISE = (0.01, -0.012, 0.004, 0.008, -0.006, 0.011, -0.003, 0.002)


def pairs(
    values: Mapping[str, tuple[float, Sequence[float]]], spoilt: Mapping[int, Guard] | None = None
) -> list[Pair]:
    """By budget the baseline's value, and the candidate over it for each pair.

    A guard trips for the candidate of the pairs whose numbers `spoilt` has.
    """
    count = min(len(ratios) for _, ratios in values.values())

    def side(pair: int, *, candidate: bool) -> SideMeasurements:
        found = {
            name: Measurement(value * (ratios[pair] if candidate else 1.0), 500, "")
            for name, (value, ratios) in values.items()
        }
        tripped = (spoilt or {}).get(pair + 1)
        return SideMeasurements(found, (tripped,) if tripped and candidate else ())

    return [Pair(side(n, candidate=False), side(n, candidate=True), 21.5) for n in range(count)]


def noisy(factor: float, size: float = 1.0, count: int = 8) -> list[float]:
    """Ratios around a factor."""
    return [factor * exp(size * _NOISE[n % 8]) for n in range(count)]


def values(latency: Sequence[float], **others: float) -> dict[str, tuple[float, Sequence[float]]]:
    return {
        "api-latency-p95": (0.1834, latency),
        "queries-per-request": (2.25, [others.get("queries", 1.0)] * len(latency)),
        "cache-hit-ratio": (0.912, noisy(others.get("hits", 1.0), 0.1, len(latency))),
        "throughput": (98.0, noisy(others.get("speed", 1.0), 0.1, len(latency))),
    }


_PASS = pairs(values(noisy(1.013)[:4]))
_FAIL = pairs(values(noisy(1.15)[:4], queries=1.2, hits=0.8, speed=0.9))
_LOST = pairs(
    values([1.02, 0.99] * 3),
    {
        2: STEAL,
        4: STEAL,
        5: guard("load-delivered", "971 of 1000 iterations were sent.", tripped=True),
    },
)
_WILD = pairs(values([exp((-1) ** n * (0.2 + n / 100)) for n in range(12)]))


def _awkward() -> Comparison:
    budgets = tuple(
        replace(
            P95, name=name, runbook="javascript:alert(1)", severity="warn" if n % 2 else "error"
        )
        for n, name in enumerate(AWKWARD)
    )
    broken = guard("<guard>|x", "<img src=x onerror=alert(1)> & @everyone \x1b[31m", tripped=True)
    found = pairs({b.name: (0.1, noisy(1.2 - 0.1 * n)) for n, b in enumerate(budgets)}, {3: broken})
    return compare(budgets, found[:6], Rules())


def _control(change: float) -> Comparison:
    """A failure, with a control that got slower by a factor."""
    health = control_budget("GET /health").name
    found = pairs(values(noisy(1.15)[:4]) | {health: (0.002, noisy(change)[:4])})
    return compare(BUDGETS, found, Rules(), control="GET /health")


# Name of the case: what was decided, on what, and the exit code.
CASES: dict[str, tuple[Comparison, Setting, int]] = {
    "pass": (compare(BUDGETS, _PASS, Rules()), SETTING, 0),
    "fail": (compare(BUDGETS, _FAIL, Rules()), SETTING, 3),
    "left-out": (compare(BUDGETS, _LOST, Rules()), SETTING, 4),
    "noise": (compare(BUDGETS[:2], _WILD, Rules(most=12)), SETTING, 4),
    "interrupted": (compare(BUDGETS, _PASS[:3], Rules()), SETTING, 130),
    "awkward": (_awkward(), AWKWARD_SETTING, 3),
    "control": (_control(1.12), SETTING, 4),
    "never-began": (compare(BUDGETS, (), Rules()).ended_by(NO_SERVICE), SETTING, 4),
    "lost-service": (compare(BUDGETS, _PASS[:3], Rules()).ended_by(NO_SERVICE), SETTING, 4),
    "no-budgets": (compare((), _PASS, Rules()), SETTING, 4),
}

# Any comparison at all, for property tests.
ENDS = st.none() | st.floats(-1, 1)
CHANGES = st.builds(
    BudgetChange,
    name=TEXTS,
    description=TEXTS,
    outcome=OUTCOMES,
    decision=st.sampled_from(["pass", "fail", "continue", "inconclusive"]),
    severity=st.sampled_from(["error", "warn"]),
    tolerance=st.floats(0.001, 10),
    direction=st.sampled_from(["max", "min"]),
    unit=UNITS,
    baseline=NUMBERS,
    candidate=NUMBERS,
    estimate=st.none() | st.floats(-1, 1e6),
    lower=st.none() | st.floats(-1, 1e6),
    upper=st.none() | st.floats(-1, 1e6),
    detectable=st.none() | st.floats(0, 1e300) | st.just(inf),
    ratios=st.lists(st.none() | st.floats(-7, 7), max_size=5).map(tuple),
    decided_after=st.none() | st.integers(1, 64),
    seconds=st.floats(0, 1e6),
    reason=TEXTS,
    runbook=TEXTS,
    share_over=st.none() | st.builds(ShareChange, st.floats(0, 1e9), UNITS, ENDS, ENDS, ENDS),
)
OMISSIONS = st.builds(
    Omission,
    pair=st.integers(1, 64),
    reason=TEXTS,
    budgets=st.lists(TEXTS, max_size=5).map(tuple),
    guard=TEXTS,
)
COMPARISONS = st.builds(
    Comparison,
    outcome=OUTCOMES,
    done=st.booleans(),
    changes=st.lists(CHANGES, max_size=4).map(tuple),
    omissions=st.lists(OMISSIONS, max_size=4).map(tuple),
    pairs=COUNTS,
    seconds=st.floats(0, 1e6),
    rules=st.builds(Rules),
    error=st.just("") | TEXTS,
)
SETTINGS = st.builds(
    Setting,
    service=TEXTS,
    scenario=TEXTS,
    baseline=TEXTS,
    candidate=TEXTS,
    started=st.floats(0, 4e9),
    harness_version=TEXTS,
    facts=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
