"""The profiles of two versions, function by function, and the changed code that they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from harness.diagnose.compare.added import Added, added_counts
from harness.diagnose.compare.changed_files import ChangedLines, ChangedPlace
from harness.diagnose.functions import is_own, package_of
from harness.runs.recording.profile import Stack, StackFrame

MOST_PLACES: Final = 3
_OFTEN: Final = 0.1  # of a function's samples, for a line that stands for it
_ENTRY: Final = "<module>"  # of the program, below which all of its functions are


class FunctionName(NamedTuple):
    """A function of the service's own code; without a file a package.

    Attributes:
        file: Relative to the root of the repository.
    """

    function: str
    file: str = ""


@dataclass(slots=True)
class _Seen:
    """The samples of a function, by its line and by the package that it calls."""

    count: int = 0
    lines: Counter[int] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class FunctionGain:
    """How many more samples of a function the candidate has.

    Attributes:
        before: Samples of the baseline; `after` of the candidate.
        lines: Samples of the candidate by line.
        calls: The package that it was calling in most of its samples; empty without one.
    """

    name: FunctionName
    before: int
    after: int
    added: Added
    lines: Counter[int]
    calls: str = ""

    def place(self, changed: ChangedLines) -> tuple[str, str]:
        """File and line, and what a report says of their change; empty for a package.

        The line is the changed one with most samples, if it has a tenth of them; else the one with
        most samples.
        """
        if not self.name.file or not self.lines:
            return "", ""
        ranked = [line for line, _ in self.lines.most_common()]
        often = [one for one in ranked if self.lines[one] >= _OFTEN * self.lines.total()]
        exact = (one for one in often if _is_exact(changed.at(self.name.file, one)))
        line = next(exact, ranked[0])
        found = changed.at(self.name.file, line)
        return f"{self.name.file}:{line}", found.clause if found else ""


def _is_exact(place: ChangedPlace | None) -> bool:
    return place is not None and place.exact


def function_gains(
    baseline: Sequence[Stack], candidate: Sequence[Stack], scale: float = 1.0
) -> list[FunctionGain]:
    """Functions by the samples that the candidate has more, those with most first.

    A sample counts for its innermost function of the service's own code; without one for the
    package of its innermost frame.

    Args:
        baseline: Its stacks, with files relative to the root of the repository; `candidate` alike.
        candidate: The stacks of the candidate.
        scale: As in `added_counts`.
    """
    before, after = _innermost(baseline), _innermost(candidate)
    names = list(dict.fromkeys((*after, *before)))
    counts = [(before[one].count if one in before else 0, _count(after, one)) for one in names]
    found = [
        FunctionGain(name, *pair, added, *_details(after, name))
        for name, pair, added in zip(names, counts, added_counts(counts, scale), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.added.amount, one.name))


def _count(seen: dict[FunctionName, _Seen], name: FunctionName) -> int:
    return seen[name].count if name in seen else 0


def _details(seen: dict[FunctionName, _Seen], name: FunctionName) -> tuple[Counter[int], str]:
    one = seen.get(name, _Seen())
    calls, often = next(iter(one.calls.most_common(1)), ("", 0))
    return one.lines, calls if often > one.count / 2 else ""


def _innermost(stacks: Iterable[Stack]) -> dict[FunctionName, _Seen]:
    found: dict[FunctionName, _Seen] = {}
    for stack in stacks:
        depth = _depth_of_own(stack)
        if depth is None:
            packages = filter(None, map(package_of, reversed(stack.frames)))
            name, line, calls = FunctionName(next(packages, "the interpreter")), 0, ""
        else:
            frame = stack.frames[depth]
            name, line = FunctionName(frame.function, frame.file), frame.line
            calls = _callee(stack.frames, depth)
        seen = found.setdefault(name, _Seen())
        seen.count += stack.count
        seen.lines[line] += stack.count
        if calls:
            seen.calls[calls] += stack.count
    return found


def _depth_of_own(stack: Stack) -> int | None:
    return next(
        (depth for depth in range(len(stack.frames) - 1, -1, -1) if _is_code(stack.frames[depth])),
        None,
    )


def _is_code(frame: StackFrame) -> bool:
    return is_own(frame) and frame.function != _ENTRY


def _callee(frames: Sequence[StackFrame], depth: int) -> str:
    """The package of the frame that a function calls."""
    return package_of(frames[depth + 1]) if depth + 1 < len(frames) else ""


def seen_changes(
    baseline: Sequence[Stack], candidate: Sequence[Stack], changed: ChangedLines
) -> list[ChangedPlace]:
    """Changed functions that the profile of the candidate shows, those that have grown first."""
    after, places = _of_changed(candidate, changed)
    before = _everywhere(baseline)
    names = list(after)
    counts = [(before[one], after[one].count) for one in names]
    ranked = sorted(
        zip(names, counts, added_counts(counts), strict=True),
        key=lambda one: (one[2].lower <= 0, -one[2].amount, one[0]),
    )
    return [
        replace(places[name], why=_why(*pair, *_details(after, name)[1:]))
        for name, pair, _ in ranked[:MOST_PLACES]
    ]


def _why(before: int, after: int, calls: str) -> str:
    where = f", calls {calls}" if calls else ""
    return f"on the stack in {after} samples, {before} before{where}"


def _of_changed(
    stacks: Iterable[Stack], changed: ChangedLines
) -> tuple[dict[FunctionName, _Seen], dict[FunctionName, ChangedPlace]]:
    """Samples with a changed function anywhere on the stack, and the changed line of each."""
    seen: dict[FunctionName, _Seen] = {}
    exact: dict[FunctionName, Counter[str]] = {}
    places: dict[FunctionName, ChangedPlace] = {}
    for stack in stacks:
        of_stack: set[FunctionName] = set()
        for depth in range(len(stack.frames) - 1, -1, -1):
            frame = stack.frames[depth]
            place = changed.at(frame.file, frame.line) if _is_code(frame) else None
            name = FunctionName(frame.function, frame.file)
            if place is None or name in of_stack:
                continue
            of_stack.add(name)
            one = seen.setdefault(name, _Seen())
            one.count += stack.count
            one.calls[_callee(stack.frames, depth)] += stack.count
            places.setdefault(name, changed.first_line(frame.file, place))
            if place.exact:
                of_lines = exact.setdefault(name, Counter())
                of_lines[place.place] += stack.count
                places[name] = replace(place, place=of_lines.most_common(1)[0][0])
    return seen, places


def _everywhere(stacks: Iterable[Stack]) -> Counter[FunctionName]:
    """Samples of each function, wherever it is on the stack."""
    found: Counter[FunctionName] = Counter()
    for stack in stacks:
        for name in {FunctionName(one.function, one.file) for one in stack.frames if _is_code(one)}:
            found[name] += stack.count
    return found
