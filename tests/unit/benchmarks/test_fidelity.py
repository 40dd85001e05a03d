"""The arithmetic that the fidelity suite holds every load generator against."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fidelity import busy
from benchmarks.fidelity.report import Result, tables, times_of
from benchmarks.fidelity.services import (
    EXTREMES,
    SERVICES,
    Service,
    Stall,
    match,
    open_latencies,
    quantile,
)
from benchmarks.fidelity.tools import Told, read_hey, read_locust, read_wrk
from benchmarks.fidelity.truth import Record, read_log

NAMED = {service.name: service for service in SERVICES + EXTREMES}


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.95, 0.99, 0.999]))
def test_quantile_is_numpys_inverted_distribution_function(values: list[float], q: float) -> None:
    assert quantile(values, q) == np.quantile(values, q, method="inverted_cdf")


def test_times_of_the_lognormal_service_have_its_median_and_spread() -> None:
    logs = np.log(NAMED["lognormal"].times())
    assert math.exp(logs.mean()) == pytest.approx(0.04, rel=0.02)
    assert logs.std() == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize("service", NAMED.values(), ids=lambda service: service.name)
def test_times_of_a_service_have_its_mean_and_are_repeatable(service: Service) -> None:
    assert np.mean(service.times()) == pytest.approx(service.mean, rel=0.02)
    assert service.times() == service.times()


def test_times_of_the_bimodal_service_are_of_two_kinds() -> None:
    times = NAMED["bimodal"].times()
    assert set(times) == {0.03, 0.2}
    assert times.count(0.2) / len(times) == pytest.approx(0.1, abs=0.01)


STALL = Stall(begin=2.0, length=1.0, period=10.0, gap=0.25)


@pytest.mark.parametrize(
    ("ready", "leave"),
    [
        pytest.param([0.5, 1.9], [0.5, 1.9], id="nothing is held before the stall"),
        pytest.param([2.0], [3.0], id="what is ready as the stall begins leaves at its end"),
        pytest.param([3.0], [3.0], id="what is ready at its end is not held"),
        pytest.param([2.1, 2.2], [3.0, 3.25], id="what was held leaves a gap apart"),
        pytest.param([2.1, 2.2, 3.1], [3.0, 3.25, 3.5], id="others queue behind what was held"),
        pytest.param([2.1, 3.25], [3.0, 3.25], id="once the backlog is through nobody queues"),
        pytest.param([12.5, 13.0], [13.0, 13.25], id="the stall comes again each period"),
    ],
)
def test_stall_holds_answers_back(ready: list[float], leave: list[float]) -> None:
    assert list(STALL.leave(ready)) == pytest.approx(leave)


def test_open_latencies_without_a_stall_are_the_service_times() -> None:
    service = NAMED["lognormal"]
    schedule = [100.0 + number / 7 for number in range(50)]
    assert sorted(open_latencies(service, schedule)) == pytest.approx(sorted(service.times()[:50]))


def test_open_latencies_of_a_burst_reach_to_the_end_of_the_stall() -> None:
    schedule = [100.0 + number / 10 for number in range(40)]
    late = [latency for latency in open_latencies(NAMED["bursting"], schedule) if latency > 0.051]
    # Ready within [2, 3) s of the first: those that came at 2.0 to 2.9 s leave at 3.0 s.
    assert sorted(late) == pytest.approx([0.1 * tenth for tenth in range(1, 11)])


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        pytest.param([1.0], "1 requests for 2 arrivals", id="one is missing"),
        pytest.param([1.0, 1.0], "meant for 1.0, the schedule 2.0", id="one is there twice"),
        pytest.param([1.0, 2.1], "meant for 2.1", id="one stands for no arrival"),
        pytest.param([0.0, 0.0], "meant for 0.0", id="none says what it stands for"),
    ],
)
def test_match_of_other_requests_than_scheduled_complains(
    sent: list[float], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        match([1.0, 2.0], sent)


def test_times_of_scheduled_requests_count_from_the_schedule() -> None:
    records = read_log("2.0 2000100000 2052000000\n1.0 1000200000 1051000000\n")
    times, late = times_of(records, [1.0, 2.0])
    assert times == pytest.approx([0.052, 0.051])
    assert late == pytest.approx([0.0001, 0.0002])


def test_times_of_unscheduled_requests_count_from_their_arrival() -> None:
    records = read_log("0 1000000000 1050000000\n0 2000000000 0\n")
    assert records[1] == Record(0.0, 2.0, None)
    times, late = times_of(records, None)
    assert times == pytest.approx([0.05])
    assert late == []


LOCUST = """\
Type     Name    # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s
         Aggregated   774     0(0.00%) |     51      50      91     51 |  286.70        0.00

Response time percentiles (approximated)
Type     Name   50%    66%    75%    80%    90%    95%    98%    99%  99.9% 99.99%   100% # reqs
--------|------|----|
GET      /       51     51     51     51     51     52     53     55     92     92     92    774
--------|------|----|
         Aggregated  51 51     51     51     51     52     53     55     92     92     92    774
"""
HEY = """
Latency distribution:
  50% in 0.0503 secs
  75% in 0.0505 secs
  95% in 0.0511 secs
  99% in 0.0530 secs

Status code distribution:
  [200]\t1500 responses
"""
WRK = """\
  1400 requests in 5.00s, 374.67KB read
FIGURES {"count": 1386, "0.5": 0.0501, "0.95": 0.0505, "0.99": 0.0544, "0.999": 0.0546}
"""


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        pytest.param(
            read_locust, LOCUST, Told({0.5: 0.051, 0.95: 0.052, 0.99: 0.055, 0.999: 0.092}, 774)
        ),
        pytest.param(read_hey, HEY, Told({0.5: 0.0503, 0.95: 0.0511, 0.99: 0.053}, 1500)),
        pytest.param(
            read_wrk, WRK, Told({0.5: 0.0501, 0.95: 0.0505, 0.99: 0.0544, 0.999: 0.0546}, 1386)
        ),
    ],
    ids=["locust", "hey", "wrk"],
)
def test_read_of_what_a_tool_prints_finds_its_figures(
    read: Callable[[str], Told], text: str, told: Told
) -> None:
    assert read(text) == told


def test_tables_show_truth_and_error_beside_what_is_told() -> None:
    told = Told({0.5: 0.051, 0.95: 0.049}, 3)
    text = tables([Result("constant, open", "hey", None, 4, told, [0.05, 0.05])])
    assert text.splitlines()[-1] == (
        "| constant, open | hey | any | 4 | 3 | 50.00 → 51.00 (+1.00, +2.00%) "
        "| 50.00 → 49.00 (-1.00, -2.00%) | not told | not told |"
    )


def test_error_beyond_wrks_is_bold_where_the_aim_is_missed() -> None:
    true = {0.5: 0.01, 0.95: 0.1, 0.99: 0.1, 0.999: 0.1}

    def row(tool: str, *errors: float) -> busy.Row:
        return busy.Row("short", 0.7, tool, dict(zip(true, errors, strict=False)), true)

    text = busy.tables(
        [
            row("**harness, FastUser**", -0.0001, 0.0003, 0.00041, 0.00049),
            row("hey, paced", 0.0, 0.0),
            row("wrk, paced", 0.00005, 0.0001, 0.0002, 0.0003),
        ]
    )
    beyond = text.split("\n")[-1]
    assert beyond.endswith("| +0.050 | +0.200 | **+0.210** | +0.190 |")
    assert "| not told | not told |" in text
    assert "10.00 → 9.90 (-0.10)" in text


def test_locust_that_counted_no_request_tells_nothing() -> None:
    text = "Response time percentiles\nType Name 50% 95% 99% 99.9% # reqs\n"
    assert read_locust(text) == Told({}, 0)
