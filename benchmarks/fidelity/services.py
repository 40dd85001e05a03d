"""Services whose every answer is known before a request is sent: pure arithmetic, no clock.

The n-th request that arrives takes the n-th service time; a stall holds back every answer that
would fall into it until its end, as a pause of a garbage collector does. All times are seconds.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

TIMES = 20_000  # service times that a service draws before it starts again with the first
QUANTILES = (0.5, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing is answered for `length`, from `begin` after the first arrival, each `period`.

    The answers held back leave afterwards in the order in which they were ready, `gap` apart, and
    those that become ready meanwhile queue behind them.
    """

    begin: float
    length: float
    period: float
    gap: float

    def leave(self, ready: Iterable[float]) -> Iterator[float]:
        """When answers leave that are ready at ascending moments, from the first arrival on."""
        caught_up = 0.0
        for moment in ready:
            into = (moment - self.begin) % self.period
            held = moment >= self.begin and into < self.length
            out = max(moment - into + self.length if held else moment, caught_up)
            if out > moment:
                caught_up = out + self.gap
            yield out


@dataclass(frozen=True, slots=True)
class Service:
    """How long a service takes.

    Attributes:
        draw: One service time from a source of randomness.
        mean: Of the service times.
    """

    name: str
    draw: Callable[[random.Random], float]
    mean: float
    stall: Stall | None = None

    def times(self, seed: int = 1) -> list[float]:
        """The service times of the first `TIMES` requests."""
        source = random.Random(seed)
        return [self.draw(source) for _ in range(TIMES)]


# A client needs some tenths of a millisecond to notice an answer, whatever the service does. The
# service times are long enough for 1% of them to be more than that; those of EXTREMES are not.
SERVICES = (
    Service("constant", lambda _: 0.05, 0.05),
    Service(
        "lognormal",
        lambda source: source.lognormvariate(math.log(0.04), 0.8),
        0.04 * math.exp(0.8**2 / 2),
    ),
    Service("bimodal", lambda source: 0.03 if source.random() < 0.9 else 0.2, 0.047),
    Service("stalling", lambda _: 0.05, 0.05, Stall(2.0, 1.0, 10.0, gap=0.001)),
)
EXTREMES = (
    Service("short", lambda _: 0.005, 0.005),
    Service("shortest", lambda _: 0.001, 0.001),
    Service("bursting", lambda _: 0.05, 0.05, Stall(2.0, 1.0, 10.0, gap=0.0)),
)


def quantile(values: Iterable[float], q: float) -> float:
    """The order statistic of rank ceil(q n) (Hyndman & Fan 1996, definition 1)."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(q * len(ordered) - 1e-9)) - 1]


def open_latencies(service: Service, schedule: Sequence[float]) -> list[float]:
    """What each of the users waits that come on schedule and are sent and answered in no time."""
    starts = [start - schedule[0] for start in schedule]
    ready = sorted(
        (start + time, start) for start, time in zip(starts, cycle(service.times()), strict=False)
    )
    leave = service.stall.leave if service.stall else iter
    return [
        out - start
        for out, (_, start) in zip(leave(moment for moment, _ in ready), ready, strict=True)
    ]


def match(schedule: Sequence[float], sent: Iterable[float], within: float = 1e-6) -> None:
    """Check that the moments which requests say they were meant for are exactly the schedule.

    Args:
        schedule: Ascending moments from arithmetic alone.
        sent: A moment for each request, in any order.
        within: What rounding may have done to a moment, seconds.

    Raises:
        ValueError: A request stands for no arrival, or an arrival has no request or two.
    """
    said = sorted(sent)
    if len(said) != len(schedule):
        raise ValueError(f"{len(said)} requests for {len(schedule)} arrivals")
    for expected, found in zip(schedule, said, strict=True):
        if abs(expected - found) > within:
            raise ValueError(f"a request says it was meant for {found}, the schedule {expected}")
