"""What the start of a service consists of, by samples from its first instruction on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from harness.diagnose.answers import Analysis
from harness.diagnose.functions import FEWEST_SAMPLES, is_own, is_waiting, package_of, within_loop
from harness.diagnose.model import Cause
from harness.diagnose.signs import ahead_of_the_rest
from harness.judge.intervals.proportion import certain_share
from harness.runs.recording.profile import Stack, StackFrame, total

TASK: Final = "task"  # the outermost frame of a coroutine that waits, after its process
NOT_RECORDED: Final = (
    "the start was not recorded; the harness records it for Python services that it starts itself "
    "(target.command)"
)
_MODULE: Final = "<module>"
_TAIL: Final = 0.025  # on each side of an interval of 95%

_Function = tuple[str, str]


@dataclass(slots=True)
class _Part:
    """A function and the samples in which the start was in it."""

    count: float = 0.0
    lines: dict[int, int] = field(default_factory=dict)

    def add(self, frame: StackFrame, count: int) -> None:
        self.count += count
        self.lines[frame.line] = self.lines.get(frame.line, 0) + count

    @property
    def line(self) -> int:
        """The most frequent line."""
        return max(self.lines, key=lambda line: self.lines[line])


def start_parts(start: Sequence[Stack], after: Sequence[Stack]) -> Analysis:
    """The time of a start by the function that ran or waited, and by the packages imported.

    A sample counts for the innermost function of the service's own code. While the event loop
    waits, it counts for the coroutines that wait in the service's own code. A coroutine that still
    waits there once the service is ready, such as a timer, does not count: the start did not wait
    for it.

    Args:
        start: Samples of the main threads until the service was ready, and of waiting coroutines.
        after: The same, from then on.
    """
    process = _busiest(start)
    threads = [one for one in process if not _is_task(one)]
    samples = total(threads)
    if samples < FEWEST_SAMPLES:
        return Analysis(missing=NOT_RECORDED)
    running, packages = _running([one for one in threads if not is_waiting(one)])
    waits = _waiting(process, after, most=total(filter(is_waiting, threads)))
    causes = [_function(each, part, samples, verb="runs") for each, part in running.items()]
    causes += [_function(each, part, samples, verb="waits") for each, part in waits.items()]
    causes = _with_signs(causes, samples)
    causes += [
        Cause("library", what, *_bounds(count, samples), _of(count, samples))
        for what, count in packages.items()
    ]
    return Analysis("the time until the service was ready, in a second start", tuple(causes))


def _is_task(stack: Stack) -> bool:
    return any(frame.function == TASK and not frame.file for frame in stack.frames[:2])


def _busiest(stacks: Iterable[Stack]) -> list[Stack]:
    """The stacks of the process in which most samples are in the service's own code."""
    processes: dict[str, list[Stack]] = {}
    for one in stacks:
        processes.setdefault(one.frames[0].function, []).append(one)

    def own(found: list[Stack]) -> int:
        return total(one for one in found if any(map(is_own, one.frames)))

    return max(processes.values(), key=own, default=[])


def _running(stacks: Iterable[Stack]) -> tuple[dict[_Function, _Part], dict[str, int]]:
    """The functions that run; and the samples of packages, while they are imported or without."""
    functions: dict[_Function, _Part] = {}
    packages: dict[str, int] = {}
    for stack in stacks:
        inner = list(within_loop(stack))
        at = next((number for number, frame in enumerate(inner) if is_own(frame)), None)
        if at is None or (inner[at].function == _MODULE and at):
            what = _package(inner[:at])
            packages[what] = packages.get(what, 0) + stack.count
        else:
            _add(functions, inner[at], stack.count)
    return functions, packages


def _package(frames: Sequence[StackFrame]) -> str:
    """Such as "import of x": the package whose import began; else "package x", the innermost one.

    Args:
        frames: Those that are not the service's own, from the inside out.
    """
    modules = [frame for frame in frames if frame.function == _MODULE and package_of(frame)]
    if modules:
        return f"import of {package_of(modules[-1])}"
    return f"package {next(filter(None, map(package_of, frames)), 'the interpreter')}"


def _add(functions: dict[_Function, _Part], frame: StackFrame, count: int) -> None:
    functions.setdefault((frame.function, frame.file), _Part()).add(frame, count)


def _waiting(
    start: Iterable[Stack], after: Iterable[Stack], most: int
) -> Mapping[_Function, _Part]:
    """The functions in which coroutines wait; at most all samples in which the loop waits."""
    found: dict[_Function, _Part] = {}
    gone_on = {place for one in after if (place := _waits_in(one)) is not None}
    for stack in start:
        place = _waits_in(stack)
        if place is not None and place not in gone_on:
            _add(found, place, stack.count)
    waited = sum(part.count for part in found.values())
    for part in found.values():  # coroutines that wait at the same time share it
        part.count *= min(1.0, most / waited)
    return found


def _waits_in(stack: Stack) -> StackFrame | None:
    """The innermost frame of the service's own code of a coroutine that waits."""
    if not _is_task(stack):
        return None
    return next(filter(is_own, reversed(stack.frames)), None)


def _function(each: _Function, part: _Part, samples: int, *, verb: str) -> Cause:
    function, file = each
    what = "the module itself" if function == _MODULE else f"{function}()"
    advice = "look at this line, and at what it calls"
    if verb == "waits":
        advice = "do this after the start, or its parts at the same time"
    return Cause(
        *("function", what, *_bounds(part.count, samples)),
        f"it {verb} in {_of(part.count, samples)}",
        f"{file}:{part.line}",
        advice,
    )


def _with_signs(causes: Iterable[Cause], samples: int) -> list[Cause]:
    """Causes with a sign where one has far more samples than each after it."""
    ordered = sorted(causes, key=lambda one: -one.share)
    ahead = ahead_of_the_rest([round(one.share * samples) for one in ordered], samples)
    sign = "far more than each other function of the start"
    return [
        replace(one, sign=sign) if number < ahead else one for number, one in enumerate(ordered)
    ]


def _of(count: float, samples: int) -> str:
    return f"{count:.0f} of {samples} samples"


def _bounds(count: float, samples: int) -> tuple[float, float, float]:
    low = certain_share(count, samples, _TAIL)
    high = 1 - certain_share(samples - count, samples, _TAIL)
    return min(1.0, count / samples), low, high
