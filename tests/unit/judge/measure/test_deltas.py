"""Increases over the window, against counts made by hand and by simulated services."""

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.budgets.model import Indicator, PerRequest, Rate, Selector
from harness.judge.judge import judge
from harness.judge.measure.deltas import born, deltas, total, values_at, without_resets
from harness.judge.measure.histograms import histogram
from harness.judge.measure.series import NoDataError
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    END,
    OTHER,
    START,
    TIMES,
    buckets,
    budget,
    counter,
    evidence,
    series,
    up,
)

IN_WINDOW = tuple(t for t in TIMES if START <= t <= END)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([series("c_total", [3.0, 5.0, 9.0, 9.0], times=TIMES[-5:-1])], 3.0),
        ([series("c_total", lambda t: 5.0 * t + 100)], 0.0),
        ([series("c_total", [7.0], times=[END + 1])], 0.0),
        (
            [series("c_total", [n, 9.0], {"a": str(n)}, times=TIMES[-3:-1]) for n in (1.0, 2.0)],
            3.0,
        ),
    ],
    ids=["born in the window", "older than the window", "born after the window", "two of them"],
)
def test_first_reading_of_a_counter_that_is_born_may_be_older(
    found: list[Series], expected: float
) -> None:
    assert born(deltas(evidence(*found), Selector("c_total"))) == expected


@pytest.mark.parametrize(
    ("missing", "known"),
    [([0], True), ([0, 1], False), ([-1, 0], True), ([10], True), ([9, 10], False), ([1], True)],
)
def test_scrape_outside_of_the_window_takes_the_place_of_one_missing_scrape_only(
    missing: list[float], known: bool
) -> None:
    run = evidence(counter("c_total", 40), ups=[up(failed=missing)])
    if known:
        assert total(deltas(run, Selector("c_total"))) > 0
    else:
        with pytest.raises(NoDataError, match="in a row are missing"):
            deltas(run, Selector("c_total"))


def delta_of(*found: Series, ups: Sequence[Series] | None = None) -> tuple[float, int]:
    parts = deltas(evidence(*found, ups=ups), Selector("c_total"))
    return total(parts), sum(part.resets for part in parts)


@pytest.mark.parametrize(
    ("found", "value", "resets"),
    [
        pytest.param([counter("c_total", 40)], 40, 0, id="a counter grows by end minus start"),
        pytest.param([counter("c_total", 0)], 0, 0, id="a counter that stands still grew by 0"),
        pytest.param(
            [series("c_total", lambda t: 5.0 * t + 100)], 50, 0, id="growth outside does not count"
        ),
        pytest.param(
            [series("c_total", [3.0] * 4, times=TIMES[-5:-1])],
            3,
            0,
            id="a counter born within the window was 0 at its start",
        ),
        pytest.param(
            [series("c_total", [7.0], times=[END + 1])],
            0,
            0,
            id="a counter born after the window did not move in it",
        ),
        pytest.param(
            [counter("c_total", 10, {"route": "a"}), counter("c_total", 5, {"route": "b"})],
            15,
            0,
            id="all series of a metric add up",
        ),
        pytest.param(
            [series("c_total", lambda t: 100 + t if t < 4 else t - 4)],
            6 + 3,
            1,
            id="a fall is a reset, and the counter began again at 0",
        ),
        pytest.param(
            [series("c_total", lambda t: {3.0: 90.0, 7.0: 95.0}.get(t, 100.0))],
            200,
            2,
            id="every fall counts",
        ),
        pytest.param(
            [series("c_total", [5.0] * 8, times=TIMES[:8])],
            0,
            1,
            id="a counter that vanishes within the window is a reset",
        ),
        pytest.param(
            [series("c_total", [50.0] * 5 + [1.0], times=[*TIMES[:5], END])],
            1,
            1,
            id="a counter that was there before the start, but not at it, is a reset",
        ),
    ],
)
def test_deltas_of_a_counter_are_exact(found: list[Series], value: float, resets: int) -> None:
    assert delta_of(*found) == (value, resets)


def test_deltas_of_two_instances_are_taken_before_the_sum() -> None:
    # The sum of both never falls: 100 + 100 at the start, 210 + 10 at the end.
    steady = series("c_total", lambda t: 100 + 11 * t)
    restarted = series("c_total", lambda t: 100.0 if t < 5 else 10.0, instance=OTHER)
    assert delta_of(steady, restarted, ups=[up(), up(OTHER)]) == (110 + 10, 1)


@pytest.mark.parametrize(
    ("failed", "edge"),
    [
        pytest.param([-1, 0, 1], "start", id="around the start"),
        pytest.param([9, 10, 11], "end", id="around the end"),
    ],
)
def test_deltas_without_a_scrape_near_an_edge_are_no_data(failed: list[float], edge: str) -> None:
    run = evidence(counter("c_total", 40), ups=[up(failed=failed)])
    with pytest.raises(NoDataError, match=f"{APP} succeeded within 1 s of the window's {edge}"):
        deltas(run, Selector("c_total"))


@pytest.mark.parametrize(
    "indicator", [Rate(Selector("c_total")), PerRequest(Selector("c_total"))], ids=["rate", "work"]
)
def test_one_scrape_in_a_short_window_shows_no_increase(indicator: Indicator) -> None:
    """The window is [START, START + 2], and the scrapes at both of its ends failed."""
    times = (START, START + 1, START + 2)
    ups = [up(failed=[0, 2], times=times)]
    found = series("c_total", [5.0], times=[START + 1])
    run = evidence(found, ups=ups, window=(START, START + 2))
    judged = judge((budget(indicator, 20.0, unit=Unit.COUNT),), run)
    (verdict,) = judged.verdicts
    assert (verdict.outcome, verdict.value, verdict.guard) == ("inconclusive", None, "edge-scrapes")
    assert f"only one scrape of {APP} succeeded near the window's start and end" in verdict.reason


def test_deltas_take_the_scrape_nearest_to_an_edge() -> None:
    times = [START - 3, START - 0.8, START + 0.3, END - 0.6, END + 0.2]
    found = series("c_total", [1.0, 2.0, 4.0, 8.0, 16.0], times=times)
    (part,) = deltas(evidence(found, ups=[up(times=times)]), Selector("c_total"))
    assert (part.value, part.scrapes) == (12.0, 3)
    assert part.seconds == pytest.approx(9.9)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_deltas_of_values_that_are_not_finite_are_no_data(value: float) -> None:
    with pytest.raises(NoDataError, match="NaN or infinite"):
        delta_of(series("c_total", lambda t: value if t == 4 else 1.0))


def test_deltas_of_psutil_series_need_no_scrape_of_the_endpoint() -> None:
    found = counter(names.CPU_SECONDS, 4, {"provider": "psutil"})
    run = evidence(found, ups=[up(failed=range(-5, 12))])
    (part,) = deltas(run, Selector(names.CPU_SECONDS))
    assert (part.value, part.source) == (4.0, "psutil")


@given(st.lists(st.integers(0, 50), min_size=10, max_size=10), st.sets(st.integers(1, 9)))
def test_deltas_of_a_restarting_service_never_exceed_what_happened(
    events: list[int], restarts: set[int]
) -> None:
    # The service counts `events[i]` in second i; a restart at the second's beginning sets it to 0.
    value, values = 1000, [1000]
    for second, count in enumerate(events):
        value = (0 if second in restarts else value) + count
        values.append(value)
    found = series("c_total", [float(v) for v in values], times=IN_WINDOW)
    got, resets = delta_of(found)
    if not restarts:
        assert (got, resets) == (sum(events), 0)
    # A restart is overlooked only when the counter has caught up by the next scrape.
    falls = int(np.sum(np.diff(values) < 0))
    assert resets == falls
    assert got <= sum(events)
    if falls == len(restarts):
        assert got == sum(events)


@given(st.data())
def test_deltas_do_not_change_when_a_counter_is_split_over_instances(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(0, 100), min_size=11, max_size=11))
    owner = data.draw(st.lists(st.integers(0, 2), min_size=11, max_size=11))
    whole = np.cumsum(steps)
    places = [APP, OTHER, "127.0.0.1:8002"]
    parts = [
        np.cumsum([step if who == i else 0 for step, who in zip(steps, owner, strict=True)])
        for i in range(3)
    ]
    one = delta_of(series("c_total", [float(v) for v in whole], times=IN_WINDOW))
    split = delta_of(
        *(
            series("c_total", [float(v) for v in part], instance=place, times=IN_WINDOW)
            for part, place in zip(parts, places, strict=True)
        ),
        ups=[up(place) for place in places],
    )
    assert split == one == (float(whole[-1] - whole[0]), 0)


def read(run: Evidence) -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = histogram(deltas(run, Selector("h_bucket")), Selector("h"))
    return found.edges, found.cumulative


def test_histogram_adds_series_edge_by_edge_and_reads_le_as_a_number() -> None:
    run = evidence(
        *buckets("h", {"0.5": 1, "1": 3, "+Inf": 4}, route="a"),
        *buckets("h", {"0.5": 10, "1.0": 20, "+Inf": 20}, route="b"),
    )
    assert read(run) == ((0.5, 1.0, math.inf), (11.0, 23.0, 24.0))


def test_histogram_ignores_the_layout_of_series_that_did_not_move() -> None:
    run = evidence(
        *buckets("h", {"1": 3, "+Inf": 4}),
        *buckets("h", {"2": 0, "+Inf": 0}, route="idle"),
    )
    assert read(run) == ((1.0, math.inf), (3.0, 4.0))


def test_histogram_repairs_buckets_that_were_read_while_they_changed() -> None:
    run = evidence(*buckets("h", {"1": 5, "2": 4, "+Inf": 6}))
    assert read(run) == ((1.0, 2.0, math.inf), (5.0, 5.0, 6.0))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(
            [*buckets("h", {"1": 3, "+Inf": 4}), *buckets("h", {"2": 3, "+Inf": 4}, OTHER)],
            "2 different bucket layouts",
            id="instances with different buckets are not mixed",
        ),
        pytest.param(buckets("h", {"1": 0, "+Inf": 0}), "observed nothing", id="no observation"),
        pytest.param(
            buckets("h", {"1": 3}), r'le="\+Inf"; let the service expose all', id="no last bucket"
        ),
        pytest.param(buckets("h", {"wide": 3}), "le='wide'", id="an edge that is no number"),
    ],
)
def test_histogram_that_cannot_be_read_is_no_data(found: list[Series], message: str) -> None:
    with pytest.raises(NoDataError, match=message):
        read(evidence(*found, ups=[up(), up(OTHER)]))


READINGS = st.lists(st.floats(-100, 100), min_size=1, max_size=9)


def counted(values: list[float]) -> tuple[list[float], int]:
    totals, lost, falls, before = [], 0.0, 0, -math.inf
    for value in values:
        if value < before:
            falls += 1
            lost += before
        before = value
        totals.append(value + lost)
    return totals, falls


@given(READINGS)
def test_counter_goes_on_from_where_it_fell(values: list[float]) -> None:
    totals, falls = without_resets(values)
    assert (totals.tolist(), falls) == counted(values)


@given(READINGS, st.lists(st.floats(-3, 12), max_size=9))
def test_values_between_readings_lie_on_the_line_between_them(
    values: list[float], moments: list[float]
) -> None:
    def at(moment: float) -> float:
        after = bisect_right(times, moment)
        if after in {0, len(times)}:
            return values[min(after, len(values) - 1)]
        share = moment - times[after - 1]
        return values[after - 1] + share * (values[after] - values[after - 1])

    times = [float(second) for second in range(len(values))]
    found = values_at(*(np.array(one, dtype=float) for one in (moments, times, values)))
    assert found.tolist() == [at(moment) for moment in moments]
