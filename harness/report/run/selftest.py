"""The report of a self-test: a line for each case as it ends, then a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

from harness.judge.model import Verdict
from harness.judge.selftest import Detection
from harness.report.parts.safe import code, prose
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import bound_text, clean, measured_text, moment
from harness.runs.model import Manifest
from harness.units import Unit, counted, format_quantity

_REASON = 160  # characters shown of a reason


class _ByDetected(TypedDict):
    detected: str
    missed: str
    inconclusive: str


_STYLES: _ByDetected = {
    "detected": "green",
    "missed": "bold red",
    "inconclusive": "bold magenta",
}
_SIGNS: _ByDetected = {"detected": "✅", "missed": "❌", "inconclusive": "❔"}


def selftest_line(detection: Detection) -> str:
    """One line, such as "detected: n_plus_one: queries-per-request is 7.2 (max 3)"."""
    return f"{_outcome(detection)}: {clean(detection.case.name)}: {_text(detection)}"


def selftest_table(detections: Sequence[Detection], *, width: int, color: bool) -> str:
    """Each case with the budgets that must breach, and the number of other breaches."""
    rows = [row for detection in detections for row in _rows(detection)]
    columns = [
        Column(
            "outcome",
            [_outcome(d).upper() for d, _ in rows],
            styles=[_STYLES[d.outcome] for d, _ in rows],
        ),
        Column("case", [clean(d.case.name) for d, _ in rows]),
        Column("budget", [clean(v.name) if v else "" for _, v in rows], gives_way=4),
        Column("value", [measured_text(v) if v else "" for _, v in rows], right=True),
        Column("bound", [bound_text(v) if v else "" for _, v in rows], gives_way=2),
        Column(
            "other breaches", [str(len(d.others) or "") for d, _ in rows], right=True, gives_way=3
        ),
    ]
    return render([table(columns, name=1, width=width, color=color)], width=width, color=color)


def selftest_markdown(detections: Sequence[Detection], manifest: Manifest) -> str:
    """A table with a row for each case, below the machine.

    Args:
        detections: At least one.
        manifest: The manifest of the first run.
    """
    runs = counted(len(detections), "run")
    lines = [
        f"{runs} from {moment(manifest.clock.created)} on {_machine(manifest)}.",
        "",
        "| case | planted mistake | must breach: value (bound) | other breaches | outcome |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(_cells(detection))} |" for detection in detections),
    ]
    return "\n".join(lines) + "\n"


def _rows(detection: Detection) -> Iterator[tuple[Detection, Verdict | None]]:
    if not detection.promised:
        yield detection, None
    yield from ((detection, verdict) for verdict in detection.promised)


def _cells(detection: Detection) -> Iterator[str]:
    case = detection.case
    yield code(case.name)
    yield prose(clean(case.description)) or "-"
    promised = (f"{code(v.name)} {prose(_figures(v))}" for v in detection.promised)
    yield ", ".join(promised) or prose(_ending(detection))
    yield ", ".join(code(v.name) for v in detection.others) or "-"
    why = f" {prose(clean(detection.reason, _REASON))}" if detection.reason else ""
    yield f"{_SIGNS[detection.outcome]} {_outcome(detection)}{why}"


def _text(detection: Detection) -> str:
    if detection.reason:
        return clean(detection.reason, _REASON)
    values = [f"{clean(v.name)} is {_figures(v)}" for v in detection.promised]
    others = len(detection.others)
    more = f", and {others} more breached" if others else ""
    return ", ".join(values) + more if values else _ending(detection)


def _outcome(detection: Detection) -> str:
    """The outcome; `passed` for the unchanged service, which has nothing to detect."""
    unchanged = not detection.case.environment
    return "passed" if unchanged and not detection.reason else detection.outcome


def _ending(detection: Detection) -> str:
    """The outcome of a run without a budget that must breach."""
    verdicts = detection.judgement.verdicts
    ending = f"outcome of the run: {detection.judgement.outcome}"
    if detection.case.environment or detection.reason:
        return ending
    margins = [v for v in verdicts if v.margin is not None and v.outcome == "pass"]
    if not margins:
        return ending
    least = min(margins, key=lambda v: v.margin or 0.0)
    return f"all budgets met; smallest margin: {clean(least.name)} {_figures(least)}"


def _figures(verdict: Verdict) -> str:
    return f"{measured_text(verdict)} ({bound_text(verdict)})"


def _machine(manifest: Manifest) -> str:
    host = manifest.host
    memory = format_quantity(float(host.get("memory_bytes", 0)), Unit.BYTES)
    git = f", commit {str(manifest.git['commit'])[:12]}" if manifest.git else ""
    where = f"{host.get('platform')}, Python {host.get('python')}"
    return prose(clean(f"{counted(host.get('cpus', 0), 'CPU')}, {memory} memory, {where}{git}"))
