"""Runs with a latency.hlog and metrics, as long and as wide as a test wants."""

from math import ceil

from harness.budgets.model import Budget, Latency, Rate, Selector
from harness.judge.judge import judge
from harness.judge.model import Judgement
from harness.names import CPU_SECONDS, ERROR, LATENCY, OK, SERVICE_TIME
from harness.report.html.axis import Axis, axis_of
from harness.report.html.client_panels import Intervals
from harness.runs.model import Distribution, Evidence, LatencyKey, Series, SlowRequest
from harness.units import Unit
from tests.unit.report.cases import MANIFEST

START = 1782907205.0
WARM_UP = 5
P95 = Budget("latency-p95", Latency(), Unit.SECONDS, 0.2, "max")
CPU = Budget("cpu", Rate(Selector(CPU_SECONDS)), Unit.RATIO, 0.7, "max")
Run = tuple[Judgement, Evidence, tuple[Budget, ...], Axis, Intervals]


def latency_of(second: int, endpoint: int) -> float:
    """What nearly every request of an endpoint took, if it was meant to start in that second."""
    return 0.01 * (1 + second % 7) + 0.001 * endpoint


def run(*requests: str, seconds: int = 20) -> Run:
    """A run in which each request was sent 20 times a second, and one of them failed.

    The charts of a long run have fewer intervals than seconds; each has then the latency of its
    first second.
    """
    clock = MANIFEST.clock.model_copy(update={"window_end": START + seconds})
    manifest = MANIFEST.model_copy(update={"clock": clock})
    times = tuple(START + second for second in range(-WARM_UP, seconds + 1))
    cpu = Series(CPU_SECONDS, {"instance": "a"}, times, tuple(0.3 * (t - times[0]) for t in times))
    axis = axis_of(Evidence(manifest, {}, ()))
    assert axis is not None
    intervals: dict[LatencyKey, dict[int, Distribution]] = {}
    for number, request in enumerate(requests):
        method, _, name = request.partition(" ")
        for place in range(axis.count):
            usual = latency_of(place, number)
            for what, value in ((LATENCY, usual), (SERVICE_TIME, usual / 2)):
                found = Distribution((value, 2 * value), (18 * axis.width, axis.width))
                intervals.setdefault(LatencyKey(what, OK, method, name), {})[place] = found
            failed = Distribution((usual,), (axis.width,))
            intervals.setdefault(LatencyKey(LATENCY, ERROR, method, name), {})[place] = failed
    leading = ceil(WARM_UP / axis.width)
    judged = {
        key: {n - leading: d for n, d in found.items() if n >= leading}
        for key, found in intervals.items()
    }
    slowest = tuple(SlowRequest(START + 1, request, OK, 0.5, 0.4) for request in requests[:5])
    whole = {key: Distribution.merge(times.values()) for key, times in judged.items()}
    evidence = Evidence(manifest, whole, (cpu,), slowest)
    budgets = (P95, CPU)
    return judge(budgets, evidence), evidence, budgets, axis, intervals
