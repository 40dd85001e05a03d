"""summary.md for the step summary of a CI job, and comment.md for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from harness import names
from harness.judge.model import Judgement, Verdict
from harness.report.parts import words as wording
from harness.report.parts.failures import FailureNotes, failure_notes
from harness.report.parts.markdown import (
    COMMENT_LIMIT,
    SIGNS,
    TEXT,
    and_more,
    block,
    details,
    document,
    heading,
    marker,
    reason_list,
    sentence,
)
from harness.report.parts.safe import LONGEST, NAME, code, prose
from harness.report.parts.words import clean, value_text
from harness.report.run.baseline import BaselineComparison, baseline_markdown
from harness.report.run.endpoints import EndpointLatency, all_endpoints, endpoints
from harness.report.run.slowest import slowest
from harness.runs.model import Evidence, Manifest
from harness.units import Unit

# A step summary may have 1 MiB in all (GitHub), so rows, reasons and their lengths are limited.
MOST_BUDGETS = 200
MOST_REASONS = 50
MOST_GUARDS = 30
MOST_ENDPOINTS = 50
MOST_NOTICES = 20
MOST_LINES = 20  # of a comment, as GitHub shows it: without blank lines and the marker


class _Size(NamedTuple):
    """How much a comment shows: rows of the table, reasons, lines below each, and guards."""

    rows: int
    reasons: int
    notes: int
    guards: int


_SIZES: Final = (
    *(_Size(MOST_REASONS, MOST_REASONS, 20, MOST_GUARDS), _Size(16, 16, 3, 3)),
    *(_Size(12, 8, 3, 3), _Size(8, 5, 3, 2), _Size(8, 5, 2, 1), _Size(6, 5, 2, 1)),
    *(_Size(5, 5, 1, 1), _Size(5, 5, 1, 0), _Size(4, 5, 1, 0), _Size(3, 5, 1, 0)),
    *(_Size(3, 4, 1, 0), _Size(3, 3, 1, 0)),
)


def summary_markdown(
    judgement: Judgement,
    evidence: Evidence,
    baseline: BaselineComparison | None = None,
    notes: FailureNotes | None = None,
) -> str:
    """The content of summary.md, always under 1 MiB.

    Args:
        judgement: The outcome and the verdicts.
        evidence: The evidence of the judgement.
        baseline: The comparison with a stored run, if there is one.
        notes: What failed and why; None is what failed.
    """
    manifest, verdicts = evidence.manifest, wording.worst_first(judgement.verdicts)
    if manifest.never_began:
        return document(
            _heading(judgement, manifest),
            block(wording.failure(manifest, TEXT)[:MOST_REASONS]),
            details("Run", _run(manifest)),
        )
    failures = notes or failure_notes(judgement, evidence)
    return document(
        _heading(judgement, manifest),
        _load(judgement, manifest),
        _budgets(verdicts, MOST_BUDGETS),
        _server(evidence),
        reason_list(verdicts, MOST_REASONS, names.RESULTS_FILE, failures.of_budgets),
        _guards(judgement, MOST_GUARDS),
        _last_output(manifest),
        _failures(failures),
        baseline_markdown(baseline) if baseline else (),
        _notices(manifest),
        details("Endpoints", _endpoints(evidence)),
        details("Slowest requests", _slowest(judgement, evidence)),
        details("Run", _run(manifest)),
    )


def comment_markdown(
    judgement: Judgement,
    manifest: Manifest,
    failures: FailureNotes | None = None,
    repeat: str = "",
) -> str:
    """The content of comment.md: as much as fits into `MOST_LINES`.

    Args:
        judgement: The outcome, the guards and the verdicts.
        manifest: The run.
        failures: What failed.
        repeat: The command that repeats the run, after a breach.
    """
    failures = failures or FailureNotes()
    first = [marker("run", manifest.service, wording.scenario_name(manifest))]
    if manifest.never_began:
        return document(
            *(
                first,
                _heading(judgement, manifest),
                block(wording.failure(manifest, TEXT)[:MOST_REASONS]),
            )
        )
    verdicts = wording.worst_first(judgement.verdicts)

    def write(size: _Size) -> str:
        notes = failures.first(size.notes)
        return document(
            first,
            _heading(judgement, manifest),
            _budgets(verdicts, size.rows),
            reason_list(verdicts, size.reasons, names.RESULTS_FILE, notes.of_budgets),
            _guards(judgement, size.guards) if size.guards else (),
            _failures(failures) if size == _SIZES[0] else _left_out(judgement, failures, size),
            [f"Repeat with {code(repeat, LONGEST)}"] if repeat else (),
        )

    texts = (write(size) for size in _SIZES)
    return next(filter(_fits, texts), None) or write(_SIZES[-1])


def _left_out(judgement: Judgement, failures: FailureNotes, size: _Size) -> Iterator[str]:
    """A line on the sections that a comment has no space for."""
    guards = 0 if size.guards else len(wording.tripped(judgement))
    parts = [f"{guards} more {'guards' if guards > 1 else 'guard'}"] if guards else []
    parts += ["further failed requests"] if failures.others else []
    if parts:
        yield from (f"... and {' and '.join(parts)} in {names.RESULTS_FILE}", "")


def _fits(text: str) -> bool:
    lines = text.split("\n")
    shown = [line for line in lines if line and not line.startswith(("<!--", "| ---"))]
    return len(shown) <= MOST_LINES and len(text) <= COMMENT_LIMIT


def _heading(judgement: Judgement, manifest: Manifest) -> Iterator[str]:
    headline = wording.headline(judgement, manifest)
    return heading(judgement.outcome, wording.title(manifest), headline)


def _load(judgement: Judgement, manifest: Manifest) -> Iterator[str]:
    for text in (wording.load_text(manifest), wording.timing_text(judgement)):
        if text:
            yield from (sentence(clean(text, TEXT)), "")


def _server(evidence: Evidence) -> Iterator[str]:
    if text := wording.prometheus_text(evidence):
        yield from (sentence(text), "")


def _budgets(verdicts: Sequence[Verdict], most: int) -> Iterator[str]:
    if not verdicts:
        return
    intervals = any(wording.interval_text(verdict) for verdict in verdicts)
    yield f"| outcome | budget | value |{' interval |' * intervals} bound | margin | samples |"
    yield f"| --- | --- | ---: |{' --- |' * intervals} --- | ---: | ---: |"
    for verdict in verdicts[:most]:
        cells = (
            f"{SIGNS[verdict.outcome]} {verdict.outcome}",
            code(verdict.name),
            wording.measured_text(verdict),
            *([prose(wording.interval_text(verdict))] * intervals),
            wording.bound_text(verdict),
            wording.margin_text(verdict),
            str(verdict.samples),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from and_more(len(verdicts) - most, "budgets in results.json")


def _guards(judgement: Judgement, most: int) -> Iterator[str]:
    guards = wording.tripped(judgement)
    if not guards:
        return
    yield "### Tripped guards"
    yield ""
    for guard in guards[:most]:
        name = code(f"{guard.name} {guard.request}".strip())
        what = f"{name} {wording.guard_text(guard)}".strip()
        yield f"- {what}: {prose(clean(guard.reason, TEXT))}"
    yield ""
    yield from and_more(len(guards) - most, "guards in results.json")


def _failures(failures: FailureNotes) -> Iterator[str]:
    if failures.others:
        yield from (f"### {failures.title}", "")
        yield from (f"- {prose(clean(line, TEXT))}" for line in failures.others)
        yield ""


def _last_output(manifest: Manifest) -> Iterator[str]:
    """Why the run is incomplete, if the reason has several lines: the service's output."""
    if lines := wording.last_output(manifest, TEXT)[:MOST_REASONS]:
        # After a list without a heading, the lines would be prose of its last item.
        yield from ("### Why the run is incomplete", "", *block(lines))


def _notices(manifest: Manifest) -> Iterator[str]:
    notices = manifest.notices
    if not notices:
        return
    yield "### Notices"
    yield ""
    yield from (f"- {prose(clean(notice, TEXT))}" for notice in notices[:MOST_NOTICES])
    yield ""
    yield from and_more(len(notices) - MOST_NOTICES, "notices in run.json")


def _endpoints(evidence: Evidence) -> Iterator[str]:
    rows = endpoints(evidence.latency)
    if not rows:
        return
    yield "| endpoint | requests | errors | p50 | p95 | p99 | max | p95 service time |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    yield from (_endpoint(row, code(row.request)) for row in rows[:MOST_ENDPOINTS])
    if len(rows) > 1:
        total = all_endpoints(evidence.latency)
        yield _endpoint(total, total.request)
    yield ""
    yield from and_more(len(rows) - MOST_ENDPOINTS, "endpoints in results.json")


def _endpoint(row: EndpointLatency, name: str) -> str:
    latency = (row.p50, row.p95, row.p99, row.max, row.service_time_p95)
    figures = (str(row.count), str(row.errors), *(value_text(v, Unit.SECONDS) for v in latency))
    return f"| {name} | {' | '.join(figures)} |"


def _slowest(judgement: Judgement, evidence: Evidence) -> Iterator[str]:
    rows = slowest(judgement, evidence)
    if not rows:
        return
    yield "| request | latency | service time | start | outcome | trace id | trace |"
    yield "| --- | ---: | ---: | ---: | --- | --- | --- |"
    for row in rows:
        cells = (
            code(row.request),
            value_text(row.latency, Unit.SECONDS),
            value_text(row.service_time, Unit.SECONDS),
            wording.moment_text(row, evidence.manifest),
            prose(clean(row.outcome, NAME)),
            code(row.trace_id) if row.trace_id else wording.NO_DATA,
            wording.trace_text(row),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _run(manifest: Manifest) -> Iterator[str]:
    yield from (f"- {label}: {prose(text)}" for label, text in wording.facts(manifest))
    shown = manifest.user_errors[:5]
    yield from (f"- Exception in a Locust user: {prose(clean(e, TEXT))}" for e in shown)
    yield ""
    yield from and_more(len(manifest.user_errors) - len(shown), "exceptions in run.json")
