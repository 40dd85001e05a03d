"""Small builders of runs, so that a test shows only what it is about.

The window is [START, END], ten seconds, with a scrape at each whole second of [START - 5, END + 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness import names
from harness.budgets.model import Budget, Direction, Indicator
from harness.judge.intervals.interval import confidence as interval_of
from harness.judge.intervals.levels import levels_of
from harness.judge.intervals.start_noise import NOISE
from harness.judge.measure.measure import measure_budgets
from harness.judge.model import Confidence, Measurement
from harness.runs.model import (
    Clock,
    Distribution,
    Evidence,
    LatencyKey,
    Manifest,
    Requests,
    Series,
    Status,
    Worker,
    batch_seconds,
)
from harness.units import Unit

START, END = 1_000.0, 1_010.0
SECONDS = END - START
TIMES = tuple(START + second for second in range(-5, 12))
APP = "127.0.0.1:8000"
OTHER = "127.0.0.1:8001"
URL = f"http://{APP}/metrics"


def budget(
    indicator: Indicator,
    bound: float,
    direction: Direction = "max",
    unit: Unit = Unit.SECONDS,
    name: str = "the-budget",
    **fields: Any,
) -> Budget:
    return Budget(name, indicator, unit, bound, direction, **fields)


def distribution(values: Iterable[float]) -> Distribution:
    return Distribution.merge(Distribution((value,), (1,)) for value in values)


def requests(
    request: str = "GET /contacts",
    ok: Iterable[float] = (),
    failed: Iterable[float] = (),
    what: str = names.LATENCY,
) -> dict[LatencyKey, Distribution]:
    method, _, name = request.partition(" ")
    parts = {names.OK: distribution(ok), names.ERROR: distribution(failed)}
    return {LatencyKey(what, k, method, name): d for k, d in parts.items() if d.count}


def series(
    name: str,
    values: Sequence[float] | Callable[[float], float],
    labels: Mapping[str, str] | None = None,
    instance: str = APP,
    times: Sequence[float] = TIMES,
) -> Series:
    """A series of an instance; `values` may be a function of the seconds since START."""
    found = [values(t - START) for t in times] if callable(values) else list(values)
    own = {names.INSTANCE: instance} if instance else {}
    return Series(name, {**(labels or {}), **own}, tuple(times), tuple(found))


def up(instance: str = APP, failed: Iterable[float] = (), times: Sequence[float] = TIMES) -> Series:
    """The scrapes of an instance; those at the given seconds since START failed."""
    bad = set(failed)
    return series(names.UP, lambda t: 0.0 if t in bad else 1.0, instance=instance, times=times)


def counter(
    name: str,
    increase: float,
    labels: Mapping[str, str] | None = None,
    instance: str = APP,
    before: float = 100.0,
) -> Series:
    """A counter that grows evenly by `increase` over the window and stands still outside."""

    def value(t: float) -> float:
        return before + increase * min(max(t / SECONDS, 0.0), 1.0)

    return series(name, value, labels, instance)


def buckets(
    name: str, counts: Mapping[str, float], instance: str = APP, **labels: str
) -> list[Series]:
    """A histogram's buckets from cumulative counts over the window, by their `le`."""
    return [
        counter(f"{name}_bucket", count, {**labels, "le": le}, instance)
        for le, count in counts.items()
    ]


def manifest(
    *,
    status: Status = "complete",
    reason: str = "",
    window: tuple[float | None, float | None] = (START, END),
    requests: Requests | None = None,
    user_errors: tuple[str, ...] = (),
    metrics: tuple[str, ...] = (URL,),
    exit_code: int | None = None,
    ours: bool = True,
    waited: float | None = None,
    workers: tuple[Worker, ...] = (),
    aborted_by: str = "",
    loads: Sequence[Mapping[str, Any]] = (),
    scrape_interval: float | None = None,
    step: float | None = 0.0,
) -> Manifest:
    """A manifest; `waited` are seconds from the window's end until the drain was given up."""
    start, end = window
    clock = Clock(
        created=900.0,
        started=995.0,
        window_start=start,
        window_end=end,
        drained=None if waited is None else (end or 0.0) + waited,
        step=step,
    )
    return Manifest(
        schema_version=1,
        harness_version="0.1.0",
        status=status,
        reason=reason,
        service="sample-app",
        scenario={"name": "smoke", **({"loads": list(loads)} if loads else {})},
        target={
            "url": f"http://{APP}",
            "command": "serve" if ours else None,
            "metrics": list(metrics),
            "ours": ours,
            "exit_code": exit_code,
            **({"scrape_interval": scrape_interval} if scrape_interval else {}),
        },
        clock=clock,
        requests=requests or Requests(asked=100, sent=100, started=100, recorded=100),
        user_errors=user_errors,
        workers=workers,
        aborted_by=aborted_by,
    )


def evenly(
    latency: Mapping[LatencyKey, Distribution], batches: int = int(SECONDS / batch_seconds(SECONDS))
) -> dict[LatencyKey, dict[int, Distribution]]:
    """The same times, dealt out to the batches of a window like cards, the shortest first."""
    return {key: _dealt(times, batches) for key, times in latency.items()}


def _dealt(times: Distribution, batches: int) -> dict[int, Distribution]:
    dealt: dict[int, dict[float, int]] = {}
    begin = 0
    for value, count in zip(times.values, times.counts, strict=True):
        for number in range(batches):
            if own := count // batches + ((number - begin) % batches < count % batches):
                dealt.setdefault(number, {})[value] = own
        begin = (begin + count) % batches
    return {n: Distribution(tuple(one), tuple(one.values())) for n, one in sorted(dealt.items())}


HEALTHY = requests(ok=[0.010] * 100)


def evidence(
    *found: Series,
    latency: Mapping[LatencyKey, Distribution] | None = None,
    ups: Iterable[Series] | None = None,
    **fields: Any,
) -> Evidence:
    """A run; by default a healthy one of 100 requests of 10 ms each, scraped every second."""
    scraped = (up(),) if ups is None else tuple(ups)
    times = HEALTHY if latency is None else latency
    return Evidence(manifest(**fields), times, (*scraped, *found), (), evenly(times))


def measure(one: Budget, run: Evidence) -> Measurement:
    """The value of a budget's indicator in a run."""
    (measured,) = measure_budgets((one,), run)
    return measured.measurement


def confidence(one: Budget, run: Evidence) -> Confidence | None:
    """The interval of a budget's indicator in a run."""
    (measured,) = measure_budgets((one,), run)
    noise = run.manifest.noise.get(one.name, NOISE)
    value = measured.measurement.value
    return interval_of(one, measured.observation, value, levels_of(run.manifest), noise)
