"""The line that shows where a run is."""

from __future__ import annotations

from harness.runs.model import Progress
from harness.units import Unit, format_quantity

# Fields in the order in which they give way on a narrow terminal.
_GIVES_WAY = ("in flight", "errors", "p95", "rate", "elapsed")


def progress_line(progress: Progress, width: int) -> str:
    """One line of at most `width` characters.

    Such as `measuring  0:12/0:25 | 49/s of 50/s | p95 183 ms | 0 errors | 3 in flight`. What does
    not fit is left out field by field, never cut in the middle of a number.
    """
    fields = _fields(progress)
    for field in ("", *_GIVES_WAY):
        fields.pop(field, "")
        line = _join(progress.phase, fields)
        if len(line) <= width:
            return line
    return progress.phase[: max(0, width)]


def _fields(progress: Progress) -> dict[str, str]:
    rate = format_quantity(progress.rate, Unit.PER_SECOND)
    if progress.asked_rate is not None:
        rate += f" of {format_quantity(progress.asked_rate, Unit.PER_SECOND)}"
    p95 = "-" if progress.p95 is None else format_quantity(progress.p95, Unit.SECONDS)
    errors = "1 error" if progress.errors == 1 else f"{progress.errors} errors"
    return {
        "elapsed": f"{_clock(progress.elapsed)}/{_clock(progress.total)}",
        "rate": rate,
        "p95": f"p95 {p95}",
        "errors": errors,
        "in flight": f"{progress.in_flight} in flight",
    }


def _join(phase: str, fields: dict[str, str]) -> str:
    # Padded to the longest phase, so that the figures keep their place when the phase changes.
    return f"{phase:<9}  {' | '.join(fields.values())}" if fields else phase


def _clock(seconds: float) -> str:
    """Minutes and seconds, and hours when there are any: "0:12", "1:02:03"."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
