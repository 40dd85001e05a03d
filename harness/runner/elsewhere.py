"""Reports of generators go in, notices about requests that did not go to the target come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from harness.load.protocol.frames import Report

MOST: Final = 5  # places that a notice names


class RequestsElsewhere:
    """Keeps the last counts of each generator."""

    def __init__(self) -> None:
        self._last: dict[str, Report] = {}

    def add(self, report: Report) -> None:
        """Replace the counts of a generator by those of its next report."""
        self._last[report.source] = report

    def notices(self, target: str) -> Iterator[str]:
        """A sentence about requests and one about redirects, as far as there are any.

        Args:
            target: Its URL without user and password.
        """
        sent, redirected = Counter[str](), Counter[str]()
        for report in self._last.values():
            sent.update(report.elsewhere)
            redirected.update(report.redirected)
        if sent:
            started = sum(report.started for report in self._last.values())
            yield (
                f"{sent.total():,} of {started:,} requests went to {_listed(sent)}, not to the "
                f"target {target}: times and errors of requests include them, metrics of the "
                "service do not; a locustfile reaches the target by paths without a host"
            )
        if redirected:
            yield (
                f"{redirected.total():,} redirects led to {_listed(redirected)}, away from the "
                f"target {target}: the times of the redirected requests include the answers there"
            )


def _listed(counts: Counter[str]) -> str:
    """The places, the most frequent first; each with its count if there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    named = counts.most_common(MOST)
    shown = [f"{place} ({count:,})" for place, count in named]
    if rest := counts.total() - sum(count for _, count in named):
        shown.append(f"others ({rest:,})")
    return ", ".join(shown)
