"""The progress of a run in lines for a log."""

from __future__ import annotations

from harness.report.parts.words import NO_DATA, clean
from harness.runs.model import Progress
from harness.units import Unit, format_quantity

# Fields in the order in which a narrow terminal leaves them out.
_GIVES_WAY = ("budgets", "in flight", "errors", "p95", "rate", "elapsed")
_LEAST, _MOST = 5.0, 60.0  # seconds between two lines, in short and long runs
_LINES = 60  # of other runs, about
_NAME = 120  # characters shown of a budget's name


def is_due(progress: Progress, last: Progress | None) -> bool:
    """Whether a log gets a line: at the start of each phase, then every 5 to 60 seconds."""
    if last is None or progress.phase != last.phase:
        return True
    wait = min(max(_LEAST, progress.total / _LINES), _MOST)
    return progress.elapsed - last.elapsed >= wait


def decisions(progress: Progress, last: Progress | None) -> list[str]:
    """A line for each budget decided since the last progress."""
    before = dict(last.budgets) if last else {}
    return [
        f"{outcome.upper()} {clean(name, _NAME)}: decided after {clock(progress.elapsed)}"
        for name, outcome in progress.budgets
        if outcome and not before.get(name)
    ]


def progress_line(progress: Progress, width: int) -> str:
    """One line of at most `width` characters.

    Such as `measuring  0:12/0:25 | 49/s of 50/s | p95 183 ms | 0 errors | 3 in flight`. Fields that
    do not fit are left out as a whole.
    """
    fields = _fields(progress)
    for field in ("", *_GIVES_WAY):
        fields.pop(field, "")
        line = _join(progress.phase, fields)
        if len(line) <= width:
            return line
    return progress.phase[: max(0, width)]


def rate_text(progress: Progress) -> str:
    """The rate and the scheduled rate, such as "49.2/s of 50/s"."""
    rate = format_quantity(progress.rate, Unit.PER_SECOND)
    if progress.asked_rate is None:
        return rate
    return f"{rate} of {format_quantity(progress.asked_rate, Unit.PER_SECOND)}"


def p95_text(progress: Progress) -> str:
    """The p95 of the last seconds, such as "183 ms"."""
    return NO_DATA if progress.p95 is None else format_quantity(progress.p95, Unit.SECONDS)


def time_text(progress: Progress) -> str:
    """Elapsed and total time, such as "0:12/0:25"."""
    return f"{clock(progress.elapsed)}/{clock(progress.total)}"


def decided_text(progress: Progress) -> str:
    """The number of decided budgets, such as "1 of 3 decided"."""
    decided = sum(bool(outcome) for _, outcome in progress.budgets)
    return f"{decided} of {len(progress.budgets)} decided"


def clock(seconds: float) -> str:
    """Hours, if any, minutes and seconds: "0:12", "1:02:03"."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _fields(progress: Progress) -> dict[str, str]:
    fields = {
        "elapsed": time_text(progress),
        "rate": rate_text(progress),
        "p95": f"p95 {p95_text(progress)}",
        "errors": "1 error" if progress.errors == 1 else f"{progress.errors} errors",
        "in flight": f"{progress.in_flight} in flight",
    }
    return {**fields, "budgets": decided_text(progress)} if progress.budgets else fields


def _join(phase: str, fields: dict[str, str]) -> str:
    # Padded to the longest phase, so that the figures keep their place when the phase changes.
    return f"{phase:<9}  {' | '.join(fields.values())}" if fields else phase
