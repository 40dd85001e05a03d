# Copyright The Prometheus Authors
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use the values below
# except in compliance with the License. You may obtain a copy of the License at
#     http://www.apache.org/licenses/LICENSE-2.0
"""The measurements against values that Prometheus publishes for its own tests.

The series and the expected values are those of `promql/promqltest/testdata/histograms.test` and
`functions.test`; a step of five minutes there is a second here.
"""

from __future__ import annotations

import pytest

from harness.budgets.model import Quantile, Rate, Selector
from harness.judge.measure.deltas import deltas
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import START, buckets, budget, evidence, measure, series, up

STEP = 300.0  # seconds there

HISTOGRAMS: tuple[Series, ...] = (
    *buckets("a", {"0.1": 5, ".2": 7, "1e0": 11, "+Inf": 12}, "ins1", start="positive"),
    *buckets("a", {"-.2": 1, "-0.1": 2, "0.3": 2, "+Inf": 3}, "ins1", start="negative"),
    *buckets("b", {"0": 0, "2": 1, "4": 2, "6": 3, "+Inf": 3}, "ins1"),
    *buckets("c", {"0": 0, "0.1": 5, ".2": 7, "1e0": 11, "+Inf": 11}, "ins1", start="positive"),
    *buckets("c", {"-.25": 0, "-.2": 1, "-0.1": 2, "0.3": 2, "+Inf": 2}, "ins1", start="negative"),
    *buckets("request", {"0.1": 1, "0.2": 3, "+Inf": 4}, "ins1", job="job1"),
    *buckets("request", {"0.1": 2, "0.2": 5, "+Inf": 6}, "ins2", job="job1"),
    *buckets("request", {"0.1": 3, "0.2": 4, "+Inf": 6}, "ins1", job="job2"),
    *buckets("request", {"0.1": 4, "0.2": 7, "+Inf": 9}, "ins2", job="job2"),
)
POSITIVE, NEGATIVE = {"start": "positive"}, {"start": "negative"}


@pytest.mark.parametrize(
    ("metric", "where", "quantile", "published"),
    [
        ("a", POSITIVE, 0.2, 0.048),
        ("a", POSITIVE, 0.5, 0.15),
        ("a", POSITIVE, 0.8, 0.72),
        ("a", NEGATIVE, 0.2, -0.2),
        ("a", NEGATIVE, 0.5, -0.15),
        ("b", {}, 1 / 6, 1),
        ("b", {}, 0.5, 3),
        ("b", {}, 5 / 6, 5),
        ("c", POSITIVE, 0.25, 0.055),
        ("c", POSITIVE, 0.5, 0.125),
        ("c", POSITIVE, 0.75, 0.45),
        ("c", NEGATIVE, 0.25, -0.225),
        ("c", NEGATIVE, 0.5, -0.2),
        ("c", NEGATIVE, 0.75, -0.15),
        ("request", {}, 0.3, 0.075),
        ("request", {}, 0.5, 0.1277777777777778),
        ("request", {"instance": "ins1"}, 0.5, 0.1333333333),
        ("request", {"instance": "ins2"}, 0.5, 0.125),
        ("request", {"job": "job1"}, 0.3, 0.1),
        ("request", {"job": "job2"}, 0.3, 0.0642857142857143),
        ("request", {"job": "job1"}, 0.5, 0.14),
        ("request", {"job": "job2"}, 0.5, 0.1125),
        ("request", {"job": "job1", "instance": "ins1"}, 0.3, 0.11),
        ("request", {"job": "job1", "instance": "ins2"}, 0.3, 0.09),
        ("request", {"job": "job2", "instance": "ins1"}, 0.3, 0.06),
        ("request", {"job": "job2", "instance": "ins2"}, 0.3, 0.0675),
        ("request", {"job": "job2", "instance": "ins2"}, 0.5, 0.1166666666666667),
    ],
)
def test_quantile_is_the_published_one(
    metric: str, where: dict[str, str], quantile: float, published: float
) -> None:
    found = measure(budget(Quantile(Selector(metric, where), quantile), 1.0), histograms())
    assert found.value == pytest.approx(published, rel=1e-6)


def test_quantile_over_the_last_edge_is_not_known() -> None:
    """Prometheus publishes the last edge, 0.3, which the observation was over."""
    found = measure(budget(Quantile(Selector("a", NEGATIVE), 0.8), 1.0), histograms())
    assert (found.value, found.reason) == (None, "it is over the last bucket edge, 300 ms")


def histograms() -> Evidence:
    return evidence(*HISTOGRAMS, ups=(up("ins1"), up("ins2")))


def expanded(text: str) -> list[float]:
    """A series in their notation: "0+18x5" begins at 0 and grows by 18 five times."""
    values: list[float] = []
    for word in text.split():
        start, plus, rest = word.partition("+")
        step, _, times = rest.partition("x") if plus else ("0", "", "0")
        values += [float(start) + float(step) * n for n in range(int(times) + 1)]
    return values


def counted(text: str, steps: int) -> Evidence:
    values = expanded(text)[: steps + 1]
    times = [START + second for second in range(len(values))]
    one = series("a_total", values, times=times)
    return evidence(one, window=(START, START + steps))


@pytest.mark.parametrize(
    ("text", "steps", "published"),
    [
        ("0+10x10", 10, 100),
        ("10+10x10", 10, 100),
        ("1+10x10", 10, 100),
        ("0+18x5 0+18x5", 10, 162),  # over a range that begins earlier
        ("0 1 2 3 2 3 4", 6, 7),
        ("0+80x10", 10, 0.26666666666666666 * 10 * STEP),
    ],
)
def test_increase_is_the_published_one(text: str, steps: int, published: float) -> None:
    (delta,) = deltas(counted(text, steps), Selector("a_total"))
    assert delta.value == pytest.approx(published, rel=1e-6)
    rate = measure(
        budget(Rate(Selector("a_total")), 1.0, unit=Unit.PER_SECOND), counted(text, steps)
    )
    assert rate.value == pytest.approx(published / steps, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "published", "exact"),
    [
        ("0+18x5 0+18x5", 160, 162),
        ("0+27x4 0+27x5", 0.08 * 10 * STEP, 243),
        ("10+10x10", 105, 100),
        ("1+10x10", 101, 100),
    ],
    ids=[
        "the range leaves out its start, and nine steps are taken for ten",
        "likewise, with a reset in the middle",
        "a range that begins before the series is filled for half a step",
        "likewise, until the counter would have been 0",
    ],
)
def test_increase_differs_where_prometheus_extrapolates(
    text: str, published: float, exact: float
) -> None:
    """What is known of both edges needs no extrapolation: the exact value counts each event."""
    (delta,) = deltas(counted(text, 10), Selector("a_total"))
    assert delta.value == exact != published


@pytest.mark.parametrize(
    ("text", "published"),
    [("1 2 3 0 1 0 0 1 2 0", 3), ("1 2 3 4 5 1 2 3 4 5", 1), ("0 0 0 0 0 1 1 1 1 1", 0)],
)
def test_resets_are_the_published_ones(text: str, published: int) -> None:
    (delta,) = deltas(counted(text, 9), Selector("a_total"))
    assert delta.resets == published
