"""The law over comparisons: pairs that show a regression never pass with less evidence.

The evidence of one side is damaged, in one pair or in several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Final, NamedTuple

from harness.budgets.model import (
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Over,
    PerRequest,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Throughput,
    Utilization,
)
from harness.judge.compare.compare import compare
from harness.judge.compare.model import Pair, Rules, SideMeasurements
from harness.judge.compare.served import served_share
from harness.judge.guards.all import guards
from harness.judge.measure.measure import measure_budgets
from harness.names import DECLARED, DECLARED_METRIC
from harness.runs.model import Distribution, Evidence, LatencyKey, Series
from harness.units import Unit
from tests.law.case import REPLICAS, run_of
from tests.law.damage import EVERY, Damage
from tests.law.law import GREEN, Violation
from tests.unit.judge.evidence import START, TIMES, buckets, budget, counter, requests, series

PAIRS: Final = 6
RULES: Final = Rules()
_WORSE: Final = 1.4
_NOISE: Final = (1.0, 1.02, 0.99, 1.01, 0.98, 1.0)
_ROUTES: Final = ({"route": "/a"}, {"route": "/b"})


class Comparison(NamedTuple):
    """Pairs of a candidate that is 40% worse than its baseline.

    Attributes:
        name: What is worse, in words.
        budget: With a `max_regression`.
        sides: Baseline and candidate of each pair.
    """

    name: str
    budget: Budget
    sides: tuple[tuple[Evidence, Evidence], ...]


@cache
def comparisons() -> tuple[Comparison, ...]:
    """All of them."""
    return tuple(_all())


def violations(count: int, seed: int, damages: Sequence[Damage] = EVERY) -> Iterator[Violation]:
    """The comparisons that passed, with the damages that were done to each.

    Args:
        count: How many comparisons are damaged.
        seed: Makes the same ones again.
        damages: The ways to damage a side.
    """
    chance = Random(seed)
    for _ in range(count):
        case = chance.choice(comparisons())
        side = chance.choice([0, 1])
        done = chance.sample(damages, chance.choice([1, 1, 2]))
        hit = chance.sample(range(PAIRS), chance.choice([1, 2, PAIRS, PAIRS]))
        sides = list(case.sides)
        same = chance.randrange(2**31) if chance.random() < 0.7 else None
        for number in hit:
            pair = list(sides[number])
            own = chance if same is None else Random(same)  # what is missing is often missing again
            for damage in done:
                if pair[side].series and pair[side].batches:
                    pair[side] = damage(own, pair[side])
            sides[number] = pair[0], pair[1]
        if outcome(case.budget, sides) in GREEN:
            where = f"{('baseline', 'candidate')[side]} of {len(hit)} pairs"
            names = tuple(damage.__name__ for damage in done)
            yield Violation(f"{case.name}, {where}", names, "passed")


def outcome(compared: Budget, sides: Sequence[tuple[Evidence, Evidence]]) -> str:
    """The outcome of a comparison."""
    pairs = [Pair(measured(compared, a), measured(compared, b), 10.0) for a, b in sides]
    return compare([compared], pairs, RULES).outcome


def measured(compared: Budget, run: Evidence) -> SideMeasurements:
    """What one side showed."""
    found = measure_budgets((compared,), run)
    measurements = {one.name: one.measurement for one in found}
    return SideMeasurements(measurements, guards(run, found), served_share(run))


def _all() -> Iterator[Comparison]:
    one = Unit.COUNT
    yield _of(
        "p95", Latency(0.95), 1.0, latency=lambda x: requests(ok=[0.1] * 300 + [0.3 * x] * 100)
    )
    yield _of("mean latency", Latency(None), 1.0, latency=lambda x: requests(ok=[0.1 * x] * 400))
    yield _of(
        "failures",
        ErrorRatio(),
        0.5,
        unit=Unit.RATIO,
        latency=lambda x: requests(ok=[0.1] * (400 - round(80 * x)), failed=[0.1] * round(80 * x)),
    )
    yield _of(
        "throughput",
        Throughput(),
        1.0,
        "min",
        latency=lambda x: requests(ok=[0.1] * round(400 / x)),
    )
    per_request = Ratio(Selector("queries_total"), Selector("answers_total"))
    yield _of(
        "queries",
        per_request,
        9.0,
        unit=one,
        more=lambda x: [*_counters("queries_total", 400 * x), *_counters("answers_total", 200)],
    )
    mean = Mean(Selector("h_seconds"))
    yield _of(
        "mean of a histogram",
        mean,
        9.0,
        more=lambda x: [*_counters("h_seconds_sum", 40 * x), *_counters("h_seconds_count", 200)],
    )
    yield _of(
        "rate",
        Rate(Selector("cpu_seconds_total")),
        9.0,
        more=lambda x: _counters("cpu_seconds_total", 4 * x),
    )
    share = Quantile(Selector("h_seconds"), 0.8)
    yield _of("share over a bound", share, 0.25, more=_slow)
    yield _of("share over a bound, with births", share, 0.25, more=_slow_births)
    yield from _of_births()
    overs: tuple[Over, ...] = ("mean", "max", "last")
    for over in overs:
        yield _of(
            f"{over} of a gauge",
            Gauge(Selector("used"), over),
            900.0,
            unit=one,
            more=lambda x: _gauges("used", 10 * x),
        )
    yield _of(
        "utilization",
        Utilization(Selector("used"), Selector("size")),
        1.0,
        unit=Unit.RATIO,
        more=lambda x: [*_gauges("used", 10 * x), *_gauges("size", 50.0)],
    )


def _of_births() -> Iterator[Comparison]:
    """Counters of failures, of which some are declared until they are born in the window."""
    failed, answers = Selector("e_total", {"code": "500"}), Selector("e_total")
    yield _of(
        "share of failures",
        Ratio(failed, answers),
        0.5,
        unit=Unit.RATIO,
        more=lambda x: [
            counter("e_total", count, {"code": code}, replica)
            for replica in REPLICAS
            for code, count in (("500", 40 * x), ("200", 400 - 40 * x))
        ],
    )
    queries = PerRequest(Selector("queries_total"))
    yield _of(
        "queries per request",
        queries,
        9.0,
        unit=Unit.COUNT,
        more=lambda x: _counters("queries_total", 400 * x),
    )
    yield _of("rate of births", Rate(Selector("f_total")), 900.0, more=_born)
    of_answers = Ratio(Selector("f_total"), Selector("answers_total"))
    yield _of(
        "failures that are born",
        of_answers,
        9.0,
        unit=Unit.COUNT,
        more=lambda x: [*_born(x), *_counters("answers_total", 200)],
    )


def _born(x: float) -> list[Series]:
    """A counter that is declared until it is born in the second second of the window."""
    labels = {DECLARED_METRIC: "f_total"}
    born = TIMES.index(START + 1)
    return [
        one
        for replica in REPLICAS
        for one in (
            series(DECLARED, lambda _: 1.0, labels, replica, TIMES[:born]),
            series("f_total", lambda t: x * (0.1 + 40 * (t - 1)), {}, replica, TIMES[born:]),
        )
    ]


def _slow(x: float) -> list[Series]:
    """A histogram of which a tenth, or x times as much, is over 0.25 s."""
    slow = 40 * x
    counts = {"0.1": 300.0, "0.25": 400 - slow, "1.0": 400.0, "+Inf": 400.0}
    return [
        one
        for replica in REPLICAS
        for route in _ROUTES
        for one in buckets("h_seconds", counts, replica, **route)
    ]


def _slow_births(x: float) -> list[Series]:
    """The same, and one route more that is born in the second second of the window."""
    born = TIMES.index(START + 1)
    per_second = {"0.1": 6.0, "0.25": 20 - 2 * x, "1.0": 20.0, "+Inf": 20.0}
    return [
        *_slow(x),
        *(
            series(
                "h_seconds_bucket",
                [count * (at - START) for at in TIMES[born:]],
                {"route": "/c", "le": le},
                replica,
                TIMES[born:],
            )
            for replica in REPLICAS
            for le, count in per_second.items()
        ),
    ]


_Latency = Callable[[float], Mapping[LatencyKey, Distribution]]


def _of(
    name: str,
    indicator: Indicator,
    bound: float,
    direction: Direction = "max",
    *,
    unit: Unit = Unit.SECONDS,
    latency: _Latency | None = None,
    more: Callable[[float], Sequence[Series]] = lambda _: (),
) -> Comparison:
    """Pairs of an indicator; what is measured is a function of how bad it is, 1 being usual."""
    compared = budget(indicator, bound, direction, unit, max_regression=0.1)
    sides = tuple(
        (
            run_of(latency and latency(noise), more(noise)),
            run_of(latency and latency(_WORSE / noise), more(_WORSE / noise)),
        )
        for noise in _NOISE
    )
    return Comparison(name, compared, sides)


def _counters(name: str, increase: float) -> list[Series]:
    return [counter(name, increase, route, r) for r in REPLICAS for route in _ROUTES]


def _gauges(name: str, value: float) -> list[Series]:
    return [
        series(name, lambda _: value, route, replica) for replica in REPLICAS for route in _ROUTES
    ]
