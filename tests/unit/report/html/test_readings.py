"""Series of metrics on an axis of intervals."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.model import (
    Gauge,
    Indicator,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.names import MEMORY_LIMIT
from harness.report.html.axis import Axis, axis_of
from harness.report.html.readings import Readings, Values, rates
from harness.runs.model import Evidence, Series
from tests.unit.report.cases import INTERRUPTED, MANIFEST

AXIS = Axis(start=100.0, width=2, count=3, zero=100.0, window=(0, 3))
TIMES = (100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0)


def series(name: str, *values: float, **labels: str) -> Series:
    return Series(name, {"instance": "a", **labels}, TIMES[: len(values)], values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param((0, 1, 2, 3, 4, 5, 6), [1, 1, 1], id="steady"),
        pytest.param((0, 5, 10, 2, 4, 4, 4), [5, 2, 0], id="a fall is a start from zero"),
        pytest.param((7, 7, 9), [1, None, None], id="no data after the last sample"),
        pytest.param((0, 1, 2, nan, nan, inf, nan), [1, None, None], id="NaN from then on"),
        pytest.param((0, nan, 4, 6, inf, 10, 12), [2, 2, 2], id="a reading that is not finite"),
        pytest.param((nan, nan, 4, 6, 8, 10, 12), [None, 2, 2], id="NaN at first is no 0"),
        pytest.param((nan,) * 7, [None] * 3, id="NaN only"),
    ],
)
def test_rates_of_a_counter_are_per_second(values: tuple[float, ...], expected: Values) -> None:
    assert rates(series("c", *values), AXIS.edges, 100.0) == expected


def test_rates_of_a_counter_that_appears_late_count_from_zero() -> None:
    late = Series("c", {}, (103.0, 104.0, 105.0, 106.0), (4.0, 4.0, 4.0, 4.0))
    assert rates(late, AXIS.edges, 100.0) == [0, 2, 0]


SERIES = (
    series("c_total", 0, 2, 4, 6, 8, 10, 12, side="x"),
    series("c_total", 0, 1, 2, 3, 4, 5, 6, side="y"),
    series("d_total", 0, 4, 8, 8, 8, 8, 8),
    series("t_sum", 0, 0.5, 1, 1, 1, 2, 3),
    series("t_count", 0, 5, 10, 10, 10, 15, 20),
    series("t_bucket", 0, 0, 0, 0, 0, 5, 10, le="0.1"),
    series("t_bucket", 0, 5, 10, 10, 10, 15, 20, le="0.3"),
    series("t_bucket", 0, 5, 10, 10, 10, 15, 20, le="+Inf"),
    series("g", 1, 9, 2, 3, 2, 1, 1),
)


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        pytest.param(Rate(Selector("c_total")), [3, 3, 3], id="a sum of all series"),
        pytest.param(Rate(Selector("c_total", {"side": "y"})), [1, 1, 1], id="one of them"),
        pytest.param(
            Ratio(Selector("c_total"), Selector("d_total")), [0.75, None, None], id="to nothing"
        ),
        pytest.param(Mean(Selector("t")), [0.1, None, 0.2], id="mean"),
        pytest.param(Quantile(Selector("t"), 0.5), [0.3, None, 0.1], id="the end of its bucket"),
        pytest.param(Gauge(Selector("g")), [9, 3, 2], id="the highest of an interval"),
        pytest.param(Rate(Selector("nothing_total")), [], id="no series"),
    ],
)
def test_indicator_over_time(indicator: Indicator, expected: Values) -> None:
    evidence = Evidence(MANIFEST, {}, SERIES)
    found = Readings(evidence, AXIS).over_time(indicator)
    assert len(found) == len(expected)
    assert [v and round(v, 9) for v in found] == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param([series(MEMORY_LIMIT, *[8.0] * 7)], [0.5, 0.25, None], id="its own"),
        pytest.param(
            [series(MEMORY_LIMIT, *[8.0] * 7), series(MEMORY_LIMIT, *[2.0] * 7, instance="b")],
            [0.5, 0.25, None],
            id="that of its instance",
        ),
        pytest.param(
            [series(MEMORY_LIMIT, *[8.0] * 7, instance="b")], [], id="of another instance"
        ),
        pytest.param(
            [series(MEMORY_LIMIT, *[8.0] * 7, instance="b", provider="psutil")],
            [0.5, 0.25, None],
            id="read by the harness, metrics at another port",
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_utilization_over_time_is_a_share_of_the_limit(
    limits: list[Series], expected: Values
) -> None:
    evidence = Evidence(MANIFEST, {}, (series("used", 2.0, 4.0, 2.0, 2.0), *limits))
    used = Utilization(Selector("used"), Selector(MEMORY_LIMIT))
    assert Readings(evidence, AXIS).over_time(used) == expected


SECONDS = Axis(start=100.0, width=1, count=12, zero=100.0, window=(0, 12))


@pytest.mark.parametrize(
    ("every", "times", "expected"),
    [
        pytest.param(
            3.0, (0.2, 3.2, 6.2, 9.2), [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9], id="a line without gap"
        ),
        pytest.param(
            3.0,
            (0.2, 3.9, 6.2, 9.2),
            [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9],
            id="a late scrape is no gap",
        ),
        pytest.param(
            3.0,
            (0.2, 3.2, 9.2),
            [0, 0, 0, 3, 3, 3, 3, None, None, 9, 9, 9],
            id="a lost scrape is a gap",
        ),
        pytest.param(
            None,
            (0.2, 1.2, 2.2, 3.2, 6.2, 7.2, 8.2, 9.2, 10.2, 11.2),
            [0, 1, 2, 3, None, None, 6, 7, 8, 9, 10, 11],
            id="each second where the run does not say it",
        ),
    ],
)
def test_a_gauge_is_a_line_from_scrape_to_scrape(
    every: float | None, times: tuple[float, ...], expected: Values
) -> None:
    target = MANIFEST.target | {"scrape_interval": every}
    manifest = MANIFEST.model_copy(update={"target": target})
    gauge = Series("g", {}, tuple(100 + at for at in times), tuple(float(int(at)) for at in times))
    readings = Readings(Evidence(manifest, {}, (gauge,)), SECONDS)
    assert readings.over_time(Gauge(Selector("g"))) == expected


@given(
    st.lists(st.floats(0.001, 2), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.9, 0.95]),
    st.sampled_from([0.1, 0.25, 1.0]),
)
def test_share_and_bucket_over_time_are_those_of_the_observations(
    seconds: list[float], quantile: float, bound: float
) -> None:
    """Three intervals, the first without an observation, the last with twice as many."""
    edges = [0.1, 0.25, 1.0, inf]
    run = Evidence(
        MANIFEST,
        {},
        tuple(
            series("t_bucket", *(n * count for n in (0, 0, 0, 0, 1, 2, 3)), le=str(edge))
            for edge in edges
            for count in [float(np.sum(np.array(seconds) <= edge))]
        ),
    )
    readings, indicator = Readings(run, AXIS), Quantile(Selector("t"), quantile)
    share = float(np.mean(np.array(seconds) > bound))
    found = readings.share_over_time(indicator, bound)
    assert found[0] is None
    assert found[1:] == [pytest.approx(share), pytest.approx(share)]
    true = float(np.quantile(seconds, quantile, method="inverted_cdf"))
    lower, upper = readings.bucket_over_time(indicator)
    assert (lower[0], upper[0]) == (None, None)
    for low, high in zip(lower[1:], upper[1:], strict=True):
        assert low is not None
        assert low < true <= (inf if high is None else high)
    assert readings.share_over_time(indicator, 0.2) == []


def test_axis_begins_with_the_load_and_ends_with_the_window() -> None:
    axis = axis_of(Evidence(MANIFEST, {}, ()))
    assert axis == Axis(1782907200.0, 1, 25, 1782907205.0, (5, 25))


def test_axis_of_an_interrupted_run_ends_with_the_last_reading() -> None:
    last = Series("g", {}, (1782907201.0, 1782907209.0), (1.0, 1.0))
    axis = axis_of(Evidence(INTERRUPTED, {}, (last,)))
    assert axis == Axis(1782907200.0, 1, 9, 1782907205.0, None)


def test_axis_of_a_load_that_never_began_is_none() -> None:
    clock = MANIFEST.clock.model_copy(update={"started": None})
    assert axis_of(Evidence(MANIFEST.model_copy(update={"clock": clock}), {}, ())) is None
