"""report.html of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import names
from harness.budgets.model import Budget
from harness.budgets.presets import roles_of_run
from harness.diagnose.model import Diagnosis
from harness.judge.costs import request_costs
from harness.judge.model import Judgement
from harness.report.html.axis import Axis
from harness.report.html.client_panels import Intervals, client_panels
from harness.report.html.distribution import distribution_data
from harness.report.html.document import PROFILE, compile_templates, document
from harness.report.html.panel import panel_data
from harness.report.html.readings import Readings
from harness.report.html.service_panels import service_panels
from harness.report.html.why import why_section
from harness.report.parts import words as wording
from harness.report.parts.failures import failure_notes, requests_of
from harness.report.run.endpoints import EndpointLatency, all_endpoints, endpoints
from harness.runs.model import Distribution, Evidence, LatencyKey
from harness.runs.recording.recording import Recording

MOST_ENDPOINTS = 300
MOST_SLOWEST = 30
MOST_FAILURES = 50
MOST_HANDLERS = 30
MOST_ROUTES = 30
_TEMPLATE = "run.html"
_PARTS = ("page.html", "parts.html", "why.html")  # that it is made of


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """A row of the table of endpoints: the endpoint and two more percentiles, in seconds."""

    endpoint: EndpointLatency
    p90: float | None
    p999: float | None


def prepare_page() -> None:
    """Do ahead what takes most of the time of the first `run_page`."""
    compile_templates(_TEMPLATE, *_PARTS)


def run_page(
    judgement: Judgement,
    evidence: Evidence,
    budgets: Sequence[Budget],
    axis: Axis | None,
    intervals: Intervals,
    *,
    exit_code: int,
    diagnosis: Diagnosis | None = None,
    recording: Recording | None = None,
) -> str:
    """The content of report.html.

    Args:
        judgement: The outcome, the guards and the verdicts.
        evidence: The evidence of the judgement.
        budgets: The judged budgets; their indicators are shown over time.
        axis: The time axis of the charts; None if the load never began.
        intervals: The distributions of latency.hlog in the intervals of the axis.
        exit_code: The exit code of the command.
        diagnosis: The causes of the breaches; None when the load ended with its window.
        recording: What the diagnosis rests on.
    """
    manifest = evidence.manifest
    over_time = _over_time(evidence, budgets, axis, intervals)
    rows = endpoints(evidence.latency)
    distribution = distribution_data(evidence.latency, rows)
    why = why_section(diagnosis, recording) if diagnosis and recording else None
    data = {**over_time, "distribution": distribution, PROFILE: why.profile if why else None}
    return document(
        _TEMPLATE,
        {name: part for name, part in data.items() if part is not None},
        title=wording.title(manifest),
        outcome=judgement.outcome,
        exit_code=exit_code,
        failure=wording.failure(manifest) if manifest.never_began else (),
        last_output=wording.last_output(manifest),
        headline=wording.headline(judgement, manifest),
        verdicts=wording.worst_first(judgement.verdicts),
        server=wording.prometheus_text(evidence),
        intervals=any(wording.interval_text(verdict) for verdict in judgement.verdicts),
        tripped=wording.tripped(judgement),
        passed=[guard for guard in judgement.guards if guard.outcome != "tripped"],
        panels=over_time.get("panels", ()),
        distribution=distribution,
        rows=_rows(evidence.latency, rows),
        more_rows=max(0, len(rows) - MOST_ENDPOINTS),
        costs=request_costs(evidence),
        routes=diagnosis.routes[:MOST_ROUTES] if diagnosis else (),
        handlers=diagnosis.handlers[:MOST_HANDLERS] if diagnosis else (),
        outside_cpu=diagnosis.outside_cpu if diagnosis else None,
        cpu_note=diagnosis.cpu_note if diagnosis else "",
        slowest=evidence.slowest[:MOST_SLOWEST],
        failures=evidence.failures[:MOST_FAILURES],
        more_failures=max(0, len(evidence.failures) - MOST_FAILURES),
        failed_of=failure_notes(judgement, evidence).of_budgets,
        why=why,
        requests=requests_of(evidence),
        manifest=manifest,
        files=names,
    )


def _over_time(
    evidence: Evidence, budgets: Sequence[Budget], axis: Axis | None, intervals: Intervals
) -> dict[str, object]:
    """The axis and the panels for the script of the page; empty without panels."""
    if axis is None:
        return {}
    readings = Readings(evidence, axis)
    panels = client_panels(intervals, readings, axis, budgets) + service_panels(
        readings, budgets, roles_of_run(evidence.manifest.roles)
    )
    if not panels:
        return {}
    return {"axis": _axis_data(axis), "panels": [panel_data(panel, axis) for panel in panels]}


def _axis_data(axis: Axis) -> dict[str, object]:
    """The axis for the script of the page, in seconds from time 0 of the charts."""
    start = round(axis.start - axis.zero, 3)
    window = None
    if axis.window is not None:
        window = [start + number * axis.width for number in axis.window]
    return {"start": start, "width": axis.width, "count": axis.count, "window": window}


def _rows(
    latency: Mapping[LatencyKey, Distribution], endpoint_list: Sequence[EndpointLatency]
) -> list[EndpointRow]:
    """All requests together, if there are several endpoints, then the busiest endpoints."""
    by_request: dict[str | None, list[Distribution]] = {}
    for key, times in latency.items():
        if key.what == names.LATENCY and key.outcome == names.OK:
            by_request.setdefault(key.request, []).append(times)
            by_request.setdefault(None, []).append(times)

    def row(endpoint: EndpointLatency, request: str | None) -> EndpointRow:
        times = Distribution.merge(by_request.get(request, ()))
        return EndpointRow(endpoint, times.quantile(0.9), times.quantile(0.999))

    rows = [row(endpoint, endpoint.request) for endpoint in endpoint_list[:MOST_ENDPOINTS]]
    return [row(all_endpoints(latency), None), *rows] if len(endpoint_list) > 1 else rows
