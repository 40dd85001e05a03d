"""Log records by the line of code that writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.diagnose.answers import FEWEST, Analysis
from harness.diagnose.model import Cause
from harness.runs.recording.log_lines import LogLine

_MANY: Final = 5  # lines in a request, as when each row of a page is logged
_FEWEST_LINES: Final = 30
_MOST: Final = 20  # parts; the rest are smaller


def log_records(lines: Sequence[LogLine], per_request: float | None) -> Analysis:
    """The lines of the service's output by their template.

    Args:
        lines: All of them, the most frequent first.
        per_request: Log records for each request of the window; None where the budget does not
            count them for each request. It is used where no line has the id of a recorded trace.
    """
    number = sum(one.count for one in lines)
    if number < _FEWEST_LINES:
        return Analysis(missing=f"the service wrote fewer than {_FEWEST_LINES} lines")
    if any(one.requests >= FEWEST for one in lines):
        per_request = None
    causes = tuple(_cause(one, number, per_request) for one in lines[:_MOST])
    return Analysis(f"the {number} lines of the service's output", causes)


def _cause(line: LogLine, number: int, per_request: float | None) -> Cause:
    share = line.count / number
    evidence, sign = f"{line.count} of {number} lines", ""
    times = _in_a_request(line, share, per_request)
    if times is not None:
        sign = f"{times:.3g} lines in a request" if times >= _MANY else ""
        evidence += "" if sign else f", {times:.3g} in a request"
    return Cause(
        *("log", line.text, share, share, share, evidence, line.place),
        advice="write one line for the request, or give this one a level that is off",
        sign=sign,
    )


def _in_a_request(line: LogLine, share: float, per_request: float | None) -> float | None:
    """Lines in each traced request that writes them, else in each request on average."""
    if line.requests >= FEWEST:
        return line.traced / line.requests
    return None if per_request is None else share * per_request
