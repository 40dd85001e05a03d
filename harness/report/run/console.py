"""The report of a run for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from harness import names
from harness.judge.model import Judgement, Verdict
from harness.names import OK
from harness.report.parts import words as wording
from harness.report.parts.console import NAME, STYLES, TEXT, end, indented, listed, reason_parts
from harness.report.parts.failures import FailureNotes, failure_notes
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import clean, value_text
from harness.report.run.baseline import BaselineComparison, baseline_parts
from harness.report.run.endpoints import EndpointLatency, all_endpoints, endpoints
from harness.report.run.slowest import slowest
from harness.runs.model import Distribution, Evidence, LatencyKey, Manifest, SlowRequest
from harness.units import Unit, counted, format_quantity

MOST_ENDPOINTS = 20
MOST_TEXTS = 3
_CONSEQUENCES = "Exceptions in Locust users, as a consequence of failed requests"


def console_report(
    judgement: Judgement,
    evidence: Evidence,
    *,
    width: int,
    color: bool,
    exit_code: int,
    folder: str | None = None,
    baseline: BaselineComparison | None = None,
    notes: FailureNotes | None = None,
    repeat: str = "",
) -> str:
    """The verdicts, the worst first, with their reasons, tripped guards and slowest requests.

    Args:
        judgement: The outcome and the verdicts.
        evidence: The evidence of the judgement.
        width: Cells of the terminal, at least 40; no line is longer.
        color: Colours and line drawing for a terminal; otherwise plain ASCII lines.
        exit_code: The exit code of the command.
        folder: The run folder.
        baseline: The comparison with a stored run, if there is one.
        notes: What failed and why; None is what failed.
        repeat: The command that repeats the run, after a breach.

    Returns:
        Lines, each with its newline; the error alone for a run that never began.
    """
    manifest, verdicts = evidence.manifest, wording.worst_first(judgement.verdicts)
    headline = wording.headline(judgement, manifest)
    ending = end(judgement.outcome, headline, exit_code, folder, repeat)
    if manifest.never_began:
        return render([*failure_parts(manifest), *ending], width=width, color=color)
    parts: list[RenderableType] = [Text(_facts(evidence), "bold"), *_load(judgement, manifest), ""]
    if verdicts:
        parts += [table(_columns(verdicts), name=1, width=width, color=color), ""]
    if server := wording.prometheus_text(evidence):
        parts += [Text(server), ""]
    failures = notes or failure_notes(judgement, evidence)
    parts += reason_parts(verdicts, failures.of_budgets)
    parts += _guards(judgement)
    parts += _last_output(manifest)
    parts += listed(failures.title, failures.others, len(failures.others), names.RESULTS_FILE)
    parts += _exceptions_and_notices(manifest)
    text = render(parts, width=width, color=color)
    text += _request_tables(judgement, evidence, width=width, color=color)
    if baseline is not None:
        parts = list(baseline_parts(baseline, width=width, color=color))
        text += render(parts, width=width, color=color)
    return text + render(ending, width=width, color=color)


def _exceptions_and_notices(manifest: Manifest) -> Iterator[RenderableType]:
    consequences, notices = manifest.consequences, manifest.notices
    errors = tuple(text for text in manifest.user_errors if text not in consequences)
    yield from listed("Exceptions in Locust users", errors, MOST_TEXTS, names.MANIFEST_FILE)
    yield from listed(_CONSEQUENCES, consequences, MOST_TEXTS, names.MANIFEST_FILE)
    yield from listed("Notices", notices, MOST_TEXTS, names.MANIFEST_FILE)


def _request_tables(judgement: Judgement, evidence: Evidence, *, width: int, color: bool) -> str:
    """The endpoints and the slowest requests, each with an empty line after it."""
    text = ""
    if endpoint_lines := endpoint_table(evidence.latency, width=width, color=color):
        text += endpoint_lines + "\n"
    if slow := slowest(judgement, evidence):
        columns = _slowest_columns(slow, evidence.manifest)
        text += render(
            [table(columns, name=0, width=width, color=color), ""], width=width, color=color
        )
    return text


def failure_parts(manifest: Manifest) -> Iterator[RenderableType]:
    """Why a run never began, and an empty line."""
    first, *others = wording.failure(manifest)
    yield Text.assemble(("error", "bold red"), f": {first}")
    yield from (Text(line) for line in others)
    yield ""


def _last_output(manifest: Manifest) -> Iterator[RenderableType]:
    """Why the run is incomplete, if the reason has several lines: the service's output."""
    if lines := wording.last_output(manifest):
        yield from (Text(line) for line in lines)
        yield ""


def endpoint_table(latency: Mapping[LatencyKey, Distribution], *, width: int, color: bool) -> str:
    """Count, errors and latency of each endpoint, the busiest first; empty without requests."""
    rows = endpoints(latency)
    if not rows:
        return ""
    shown = rows[:MOST_ENDPOINTS]
    if len(rows) > 1:
        shown = [*shown, all_endpoints(latency)]
    parts: list[RenderableType] = [table(_latency_columns(shown), name=0, width=width, color=color)]
    if len(rows) > MOST_ENDPOINTS:
        parts.append(Text(f"... and {len(rows) - MOST_ENDPOINTS} more endpoints"))
    return render(parts, width=width, color=color)


def _facts(evidence: Evidence) -> str:
    manifest = evidence.manifest
    window = wording.window_seconds(manifest)
    if window is None and not wording.counts_requests(manifest):
        return wording.title(manifest)
    if window is None:
        return f"{wording.title(manifest)}: {counted(manifest.requests.recorded, 'request')}"
    count = counted(all_endpoints(evidence.latency).count, "request")
    over = format_quantity(window, Unit.SECONDS)
    return f"{wording.title(manifest)}: {count} in a window of {over}"


def _load(judgement: Judgement, manifest: Manifest) -> Iterator[RenderableType]:
    for text in (wording.load_text(manifest), wording.timing_text(judgement)):
        if text:
            yield Text(clean(text, TEXT))


def _columns(verdicts: Sequence[Verdict]) -> list[Column]:
    columns = [
        Column(
            "outcome",
            [v.outcome.upper() for v in verdicts],
            styles=[STYLES[v.outcome] for v in verdicts],
        ),
        Column("budget", [clean(v.name, NAME) for v in verdicts]),
        Column("value", [wording.measured_text(v) for v in verdicts], right=True),
    ]
    intervals = [wording.interval_text(v) for v in verdicts]
    if any(intervals):
        columns.append(Column("interval", intervals, gives_way=4))
    return [
        *columns,
        Column("bound", [wording.bound_text(v) for v in verdicts], gives_way=1),
        Column("margin", [wording.margin_text(v) for v in verdicts], right=True, gives_way=2),
        Column("samples", [str(v.samples) for v in verdicts], right=True, gives_way=3),
    ]


def _latency_columns(rows: Sequence[EndpointLatency]) -> list[Column]:
    def seconds(title: str, values: list[float | None], gives_way: int) -> Column:
        cells = [value_text(value, Unit.SECONDS) for value in values]
        return Column(title, cells, right=True, gives_way=gives_way)

    errors = ["red" if row.errors else "" for row in rows]
    return [
        Column("endpoint", [clean(row.request, NAME) for row in rows]),
        Column("requests", [str(row.count) for row in rows], right=True),
        Column("errors", [str(row.errors) for row in rows], styles=errors, right=True, gives_way=1),
        seconds("p50", [row.p50 for row in rows], 4),
        seconds("p95", [row.p95 for row in rows], 0),
        seconds("p99", [row.p99 for row in rows], 2),
        seconds("max", [row.max for row in rows], 3),
        seconds("p95 service time", [row.service_time_p95 for row in rows], 5),
    ]


def _slowest_columns(rows: Sequence[SlowRequest], manifest: Manifest) -> list[Column]:
    def seconds(values: list[float]) -> list[str]:
        return [value_text(value, Unit.SECONDS) for value in values]

    services = seconds([row.service_time for row in rows])
    moments = [wording.moment_text(row, manifest) for row in rows]
    columns = [
        Column("slowest requests", [clean(row.request, NAME) for row in rows]),
        Column("latency", seconds([row.latency for row in rows]), right=True),
        Column("service time", services, right=True, gives_way=2),
        Column("start", moments, right=True, gives_way=3),
    ]
    if any(row.outcome != OK for row in rows):
        columns.append(Column("outcome", [row.outcome for row in rows], gives_way=5))
    traces = [clean(row.trace_id, NAME) or wording.NO_DATA for row in rows]
    columns.append(Column("trace id", traces))
    if any(row.sampled for row in rows):
        columns.append(Column("trace", [wording.trace_text(row) for row in rows], gives_way=4))
    return columns


def _guards(judgement: Judgement) -> Iterator[RenderableType]:
    for guard in wording.tripped(judgement):
        name = clean(f"{guard.name} {guard.request}", NAME)
        yield Text.assemble(
            ("GUARD TRIPPED", "bold magenta"), f" {name} {wording.guard_text(guard)}"
        )
        yield indented(guard.reason)
        yield ""
