"""The route that a handler serves, by the requests that were open when it ran.

A sample of a profile has a moment, and a server span of a trace has a start and an end. A handler
serves a route if a request of the route was open in nearly all of its samples, and if no other
route, and no moment at random, is nearly as good.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from harness.diagnose.functions import handler_of
from harness.diagnose.traces import Trace
from harness.judge.intervals.proportion import certain_share
from harness.runs.recording.moments import CpuMoments, ProcessMoments
from harness.runs.recording.profile import Stack, StackFrame, stack_frames

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NEARLY: Final = 0.95  # share of the samples of a handler; the rest are those with a late moment
MOST_ROUTES: Final = 50  # those with most requests
_MOST_SAMPLES: Final = 800  # of all processes
_MOST_STARTS: Final = 400
_TAIL: Final = 0.025
_STEP: Final = 0.001  # seconds between two assumed starts of a profile, at least
_WIDEST: Final = 1.0  # seconds between the bounds of the start of a profile that can be placed
_LATE: Final = 0.001  # seconds from a sample to its moment
_SLACK: Final = 0.02  # share of the samples by which an assumed start may be worse than the best

# Function and file of a handler.
HandlerName = tuple[str, str]


def handler_name(frame: StackFrame) -> HandlerName:
    """What a handler is known by."""
    return frame.function, frame.file


def routes_of_handlers(moments: CpuMoments, traces: Iterable[Trace]) -> dict[HandlerName, str]:
    """The route of each handler that serves one route alone, as far as the samples show it.

    A handler of several routes has none, nor has one that ran in too few samples. Under a load at
    which each route has an open request all the time no handler has one.

    Args:
        moments: Of a profile of running threads.
        traces: Of the same time.
    """
    opened = _spans(moments, traces)
    samples: Counter[HandlerName] = Counter()
    surely: Counter[tuple[HandlerName, str]] = Counter()
    perhaps: Counter[tuple[HandlerName, str]] = Counter()
    for process in moments.processes:
        seen = _moments(process, _MOST_SAMPLES // len(moments.processes))
        for handler, (count, covered) in _coverage(process, seen, opened).items():
            samples[handler] += count
            for route, (at_best, at_most) in covered.items():
                surely[handler, route] += at_best
                perhaps[handler, route] += at_most
    usual = {route: _share_of_time(moments, spans) for route, spans in opened.items()}
    found: dict[HandlerName, str] = {}
    for handler, count in samples.items():
        route = max(opened, key=lambda one: surely[handler, one])
        own = surely[handler, route]
        other = max((perhaps[handler, one] for one in opened if one != route), default=0)
        is_nearly_always = own >= NEARLY * count
        is_no_chance = certain_share(own, count, _TAIL) > usual[route]
        is_alone = certain_share(count - other, count, _TAIL) > 1 - NEARLY
        if is_nearly_always and is_no_chance and is_alone:
            found[handler] = route
    return found


class _Spans:
    """The requests of one route, as sorted starts and ends in seconds since the epoch."""

    def __init__(self, roots: Sequence[Trace]) -> None:
        import numpy as np  # 0.1 s, which commands without a diagnosis save

        self._starts = np.sort([one.root.start for one in roots])
        self._ends = np.sort([one.root.end + _LATE for one in roots])

    def any_open(self, at: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether at least one of them was open at each moment."""
        import numpy as np

        begun = np.searchsorted(self._starts, at, "right")
        found: npt.NDArray[np.bool_] = begun > np.searchsorted(self._ends, at, "left")
        return found


def _spans(moments: CpuMoments, traces: Iterable[Trace]) -> dict[str, _Spans]:
    """The requests by route that were open while the profile was taken."""
    of_route: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        if trace.root.end >= moments.start and trace.root.start <= moments.end:
            of_route[trace.endpoint].append(trace)
    busiest = sorted(of_route, key=lambda route: (-len(of_route[route]), route))[:MOST_ROUTES]
    return {route: _Spans(of_route[route]) for route in busiest}


def _share_of_time(moments: CpuMoments, spans: _Spans) -> float:
    """The share of the time of a profile in which a request of a route was open."""
    import numpy as np

    return float(spans.any_open(np.linspace(moments.start, moments.end, 2000)).mean())


def _coverage(
    process: ProcessMoments,
    seen: Mapping[HandlerName, Sequence[float]],
    opened: Mapping[str, _Spans],
) -> dict[HandlerName, tuple[int, dict[str, tuple[int, int]]]]:
    """The samples of each handler, and in how many of them each route had an open request.

    The profiler does not tell when it began. Its start is assumed at moments between its bounds, a
    millisecond or more from each other: the best one is that at which the handlers fit to routes in
    most samples.

    Args:
        process: With the bounds of its start.
        seen: The moments of each handler.
        opened: The requests by route.

    Returns:
        For each handler its samples, and for each route the samples at the best start, and the
        most at all starts that are nearly as good.
    """
    import numpy as np

    width = process.latest - process.earliest
    if not seen or not opened or width > _WIDEST:
        return {}
    step = max(_STEP, width / _MOST_STARTS)
    starts = np.arange(process.earliest - step, process.latest + step, step)
    found = {
        handler: {
            route: spans.any_open(starts[:, None] + np.asarray(at)[None, :]).sum(axis=1)
            for route, spans in opened.items()
        }
        for handler, at in seen.items()
    }
    fits = sum(np.max(list(covered.values()), axis=0) for covered in found.values())
    slack = max(1.0, _SLACK * sum(map(len, seen.values())))
    good, best = fits >= fits.max() - slack, int(np.argmax(fits))
    return {
        handler: (
            len(seen[handler]),
            {route: (int(one[best]), int(one[good].max())) for route, one in covered.items()},
        )
        for handler, covered in found.items()
    }


def _moments(process: ProcessMoments, most: int) -> dict[HandlerName, list[float]]:
    """The moments at which each handler ran; of more than `most` samples evenly chosen ones."""
    every: list[tuple[float, HandlerName]] = []
    for text, moments in process.stacks.items():
        if handler := handler_of(Stack(stack_frames(text), len(moments))):
            every += ((at, handler_name(handler)) for at in moments)
    found: dict[HandlerName, list[float]] = defaultdict(list)
    for at, handler_key in sorted(every)[:: len(every) // most + 1]:
        found[handler_key].append(at)
    return found
