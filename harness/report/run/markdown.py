"""summary.md for the step summary of a CI job, and comment.md for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import names
from harness.judge.model import Judgement, Verdict
from harness.report.parts import words as wording
from harness.report.parts.failures import FailureNotes, failure_notes
from harness.report.parts.markdown import (
    FEWEST,
    SIGNS,
    TEXT,
    and_more,
    block,
    details,
    document,
    fitted,
    heading,
    marker,
    reason_list,
    sentence,
)
from harness.report.parts.safe import NAME, code, prose
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
        _load(manifest),
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
    judgement: Judgement, manifest: Manifest, failures: FailureNotes | None = None
) -> str:
    """The content of comment.md, always within the limit of a comment.

    Args:
        judgement: The outcome, the guards and the verdicts.
        manifest: The run.
        failures: What failed.
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

    def write(most: int) -> str:
        notes = failures if most > FEWEST else failures.fewest
        return document(
            first,
            _heading(judgement, manifest),
            _budgets(verdicts, most),
            reason_list(verdicts, most, names.RESULTS_FILE, notes.of_budgets),
            _guards(judgement, most),
            _failures(notes),
        )

    return fitted(write, MOST_REASONS)


def _heading(judgement: Judgement, manifest: Manifest) -> Iterator[str]:
    headline = wording.headline(judgement, manifest)
    return heading(judgement.outcome, wording.title(manifest), headline)


def _load(manifest: Manifest) -> Iterator[str]:
    if text := wording.load_text(manifest):
        yield from (sentence(text), "")


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
    yield from block(wording.last_output(manifest, TEXT)[:MOST_REASONS])


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
