import numpy as np
import pytest

from harness.names import ERROR, LATENCY, OK, SCHEDULER_LAG, SERVICE_TIME
from harness.report.run.endpoints import EndpointLatency, all_endpoints, endpoints
from harness.runs.model import Distribution, LatencyKey
from tests.unit.report.cases import LATENCIES


def test_endpoints_stand_by_count_with_figures_of_their_successes() -> None:
    assert endpoints(LATENCIES) == [
        EndpointLatency("GET /contacts", 698, 0, 0.05, 0.1, 0.2, 0.2, 0.09),
        EndpointLatency("GET /contacts/[id]", 300, 0, 0.01, 0.02, 0.02, 0.02, 0.01),
        EndpointLatency("POST /contacts", 2, 2, None, None, None, None, None),
    ]


def test_readings_of_the_generator_are_no_endpoint() -> None:
    assert endpoints({LatencyKey(SCHEDULER_LAG): Distribution((0.1,), (5,))}) == []


def test_endpoint_with_failures_counts_them_but_measures_successes() -> None:
    latency = {
        LatencyKey(LATENCY, OK, "GET", "/"): Distribution((0.1,), (3,)),
        LatencyKey(LATENCY, ERROR, "GET", "/"): Distribution((9.0,), (7,)),
    }
    assert endpoints(latency) == [EndpointLatency("GET /", 10, 7, 0.1, 0.1, 0.1, 0.1, None)]


@pytest.mark.parametrize("seed", range(5))
def test_all_endpoints_has_the_quantiles_of_all_values(seed: int) -> None:
    draw = np.random.default_rng(seed)
    parts = {f"/{n}": np.round(draw.lognormal(-3, 1, 200 + 50 * n), 3) for n in range(4)}
    latency = {}
    for name, values in parts.items():
        unique, counts = np.unique(values, return_counts=True)
        distribution = Distribution(tuple(unique.tolist()), tuple(counts.tolist()))
        latency[LatencyKey(LATENCY, OK, "GET", name)] = distribution
        latency[LatencyKey(SERVICE_TIME, OK, "GET", name)] = distribution
    everything = np.concatenate(list(parts.values()))
    p50, p95, p99 = np.quantile(everything, [0.5, 0.95, 0.99], method="inverted_cdf").tolist()
    assert all_endpoints(latency) == EndpointLatency(
        "all requests", len(everything), 0, p50, p95, p99, everything.max(), p95
    )
