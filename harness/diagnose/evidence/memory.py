"""Where memory was allocated that was not released, by a second start under load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from harness.diagnose.answers import Analysis
from harness.diagnose.functions import is_own, package_of
from harness.diagnose.model import Cause
from harness.diagnose.signs import ahead_of_the_rest
from harness.runs.recording.growth import AllocationSite
from harness.runs.recording.profile import StackFrame
from harness.units import Unit, format_quantity

NOT_RECORDED: Final = (
    "no allocations were recorded; the harness records them for Python services that it starts "
    "itself (target.command)"
)
_FEWEST: Final = 256 * 2**10  # bytes, below which nothing grows
_STEADY: Final = 0.4  # least ratio of the growths in both halves of the load

_Place = tuple[str, int]


def allocations(sites: Sequence[AllocationSite]) -> Analysis:
    """The memory that Python allocated under load and did not release, by line of code.

    An allocation counts for the innermost line of the service's own code that led to it, else for
    its package. A place is a cause only if it grows in both parts of the load alike: a cache that
    fills, or a pool of connections, grows less and less.

    Args:
        sites: Of all processes; memory that extensions allocate past Python is not among them.
    """
    if not sites:
        return Analysis(missing=NOT_RECORDED)
    own, packages = _by_place(sites)
    grown = {place: sum(added) for place, added in own.items() if sum(added) > 0}
    kept = sum(grown.values()) + sum(max(0, size) for size in packages.values())
    if kept < _FEWEST:
        return Analysis(
            missing="hardly any memory that Python allocates was kept in a second start"
        )
    ordered = sorted(grown, key=lambda place: -grown[place])
    ahead = ahead_of_the_rest([grown[place] for place in ordered], kept)
    causes = [
        _cause(place, own[place], kept, stands_out=number < ahead)
        for number, place in enumerate(ordered)
    ]
    causes += [
        Cause("library", f"package {name}", *(3 * (size / kept,)), _bytes(size))
        for name, size in packages.items()
        if size > 0
    ]
    about = f"the {_bytes(kept)} that Python allocated and did not release, in a second start"
    return Analysis(about, tuple(causes))


def _by_place(
    sites: Iterable[AllocationSite],
) -> tuple[dict[_Place, list[int]], dict[str, int]]:
    """Bytes by part of the load for each own line, and in all for each package."""
    own: dict[_Place, list[int]] = {}
    packages: dict[str, int] = {}
    for site in sites:
        inner = [StackFrame("", file, line) for file, line in reversed(site.frames)]
        at = next(filter(is_own, inner), None)
        if at is None:
            name = next(filter(None, map(package_of, inner)), "the interpreter")
            packages[name] = packages.get(name, 0) + sum(site.added)
            continue
        sums = own.setdefault((at.file, at.line), [0] * len(site.added))
        for number, size in enumerate(site.added):
            sums[number] += size
    return own, packages


def _cause(place: _Place, added: Sequence[int], kept: int, *, stands_out: bool) -> Cause:
    share = sum(added) / kept
    parts = " and ".join(map(_bytes, added))
    steady = min(added) >= _STEADY * max(added) > 0
    return Cause(
        *("allocation", "memory allocated here and kept", share, share, share),
        f"{parts} in the two halves of the load",
        f"{place[0]}:{place[1]}",
        advice="look for what keeps it: a list, a cache without a limit, a global variable",
        sign="it grows all the time, far more than each other line"
        if stands_out and steady
        else "",
    )


def _bytes(size: float) -> str:
    return format_quantity(size, Unit.BYTES)
