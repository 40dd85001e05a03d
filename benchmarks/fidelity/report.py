"""Tables of reported and true times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.fidelity.services import QUANTILES, match, quantile
from benchmarks.fidelity.tools import Told
from benchmarks.fidelity.truth import Record
from benchmarks.figures import table

_COLUMNS = [f"p{100 * q:g}" for q in QUANTILES]


class Result(NamedTuple):
    """A run of a tool.

    Attributes:
        asked: Requests that the tool had to send; None when its users send as many as they can.
        sent: Requests that reached the service.
        truth: True seconds of the requests until the answer left: from the intended start if the
            tool has one, otherwise from the arrival at the service.
        late: Seconds from the intended start to the arrival at the service; empty without one.
        on_schedule: Seconds that users would have waited that arrive at the requested rate,
            independent of the answers; empty where the service does not stall.
    """

    case: str
    tool: str
    asked: int | None
    sent: int
    told: Told
    truth: Sequence[float]
    late: Sequence[float] = ()
    on_schedule: Sequence[float] = ()


def times_of(
    records: Sequence[Record], schedule: Sequence[float] | None
) -> tuple[list[float], list[float]]:
    """The true times of requests, and their delays until the arrival.

    Raises:
        ValueError: The requests are not exactly those of the schedule.
    """
    if schedule is None:
        return [r.done - r.arrival for r in records if r.done is not None], []
    match(schedule, (r.at for r in records))
    return (
        [r.done - r.at for r in records if r.done is not None],
        [r.arrival - r.at for r in records],
    )


def tables(results: Sequence[Result]) -> str:
    """All tables, each with its title."""
    parts = [
        (
            "What each tool reports of its own requests, ms: truth → reported (error, ms and %)",
            ["service", "tool", "asked", "sent", "counted", *_COLUMNS],
            [[r.case, r.tool, *_counts(r), *_cells(r.truth, r.told.quantiles)] for r in results],
        ),
        (
            "Against users that come on schedule, ms: their truth → reported (error, ms and %)",
            ["service", "tool", *_COLUMNS],
            [
                [r.case, r.tool, *_cells(r.on_schedule, r.told.quantiles)]
                for r in results
                if r.on_schedule
            ],
        ),
        (
            "From the intended start to the arrival at the service, ms",
            ["service", "tool", *_COLUMNS],
            [
                [r.case, r.tool, *(f"{1e3 * quantile(r.late, q):.2f}" for q in QUANTILES)]
                for r in results
                if r.late
            ],
        ),
    ]
    return "\n\n".join(f"{title}\n\n{table(header, rows)}" for title, header, rows in parts if rows)


def _counts(result: Result) -> list[str]:
    asked = "any" if result.asked is None else str(result.asked)
    return [asked, str(result.sent), str(result.told.counted)]


def _cells(truth: Sequence[float], told: Mapping[float, float]) -> list[str]:
    return [_cell(quantile(truth, q), told[q]) if q in told else "not told" for q in QUANTILES]


def _cell(truth: float, told: float) -> str:
    error = told - truth
    return f"{1e3 * truth:.2f} → {1e3 * told:.2f} ({1e3 * error:+.2f}, {100 * error / truth:+.2f}%)"
