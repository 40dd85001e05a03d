"""The order of budgets and the words that all reports share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Generic, Literal, TypedDict, TypeVar, assert_never

from harness.budgets.model import Severity
from harness.judge.compare.model import BudgetChange
from harness.judge.locustfile import locustfile_verdict
from harness.judge.model import Guard, Judgement, Outcome, Verdict
from harness.report.parts.safe import LONGEST, lines, without_credentials
from harness.report.parts.safe import clean as clean  # noqa: PLC0414  words for all reports
from harness.report.parts.scenario import scenario_text
from harness.runs.model import Evidence, Manifest, SlowRequest, Worker
from harness.units import Unit, bucket_text, format_quantity

Judged = TypeVar("Judged", Verdict, BudgetChange)  # a budget, in a run or in a comparison
# A value for each outcome: mypy demands all of them.
ByOutcome = TypedDict("ByOutcome", {"fail": str, "inconclusive": str, "warn": str, "pass": str})
WORST_FIRST: tuple[Outcome, ...] = ("fail", "inconclusive", "warn", "pass")
NO_DATA = "-"

_PHRASES: ByOutcome = {
    "fail": "breached",
    "inconclusive": "inconclusive",
    "warn": "with a warning",
    "pass": "met",
}
_SERVER = 200  # characters shown of a server's URL


def worst_first(judged: Iterable[Judged]) -> list[Judged]:
    """The worst outcome first, then severity error before warn, then the order of the file."""
    return sorted(judged, key=lambda one: (WORST_FIRST.index(one.outcome), one.severity != "error"))


def effect(one: Verdict | BudgetChange) -> Literal["breach", "unknown", "none"]:
    """The effect of a budget on a CI job: red for a breach and an inconclusive severity error."""
    match one.outcome:
        case "fail":
            return "breach"
        case "inconclusive":
            return _effect_of_unknown(one.severity)
        case "warn" | "pass":
            return "none"
        case _:
            assert_never(one.outcome)


def _effect_of_unknown(severity: Severity) -> Literal["unknown", "none"]:
    match severity:
        case "error":
            return "unknown"
        case "warn" | "off":
            return "none"
        case _:
            assert_never(severity)


def tripped(judgement: Judgement) -> list[Guard]:
    """The guards that tripped."""
    return [guard for guard in judgement.guards if guard.outcome == "tripped"]


@dataclass(frozen=True, slots=True)
class Reason(Generic[Judged]):
    """Why neighbouring budgets do not pass, and what to do next.

    Attributes:
        advice: The next step; empty if the reason contains it.
        runbook: The runbook of a breach.
    """

    budgets: tuple[Judged, ...]
    reason: str
    advice: str
    runbook: str


def reasons(judged: Iterable[Judged]) -> list[Reason[Judged]]:
    """Why budgets do not pass.

    Neighbouring budgets with the same reason, such as a tripped guard, share one.
    """

    def key(one: Judged) -> tuple[Outcome, str, str, str]:
        # A runbook is about a breach, not about missing data.
        runbook = "" if one.outcome == "inconclusive" else one.runbook
        return one.outcome, one.reason, one.advice, runbook

    groups = groupby((one for one in judged if one.outcome != "pass"), key=key)
    return [Reason(tuple(group), *fields) for (_, *fields), group in groups]


def notes_of(group: Reason[Judged], notes: Mapping[str, Sequence[str]] | None) -> list[str]:
    """The notes on the budgets of a reason, each once.

    Args:
        group: The budgets with one reason.
        notes: Lines by the name of the budget.
    """
    found = (line for one in group.budgets for line in (notes or {}).get(one.name, ()))
    return list(dict.fromkeys(found))


def value_text(value: float | None, unit: Unit, whole: str = "") -> str:
    """A quantity, such as "183 ms" or "62% of 2 cores", or a dash when there is no data."""
    if value is None:
        return NO_DATA
    return format_quantity(value, unit) + (f" of {whole}" if whole else "")


def measured_text(verdict: Verdict) -> str:
    """The value of a budget, such as "180 ms", ">= 30 s" (at least), "100 to 250 ms" (a bucket)."""
    if verdict.bucket is not None:
        return bucket_text(verdict.bucket, verdict.unit)
    text = value_text(verdict.value, verdict.unit, verdict.whole)
    return f">= {text}" if verdict.at_least and verdict.value is not None else text


def bound_text(verdict: Verdict) -> str:
    """Such as "max 200 ms"."""
    return f"{verdict.direction} {format_quantity(verdict.bound, verdict.unit)}"


def interval_text(verdict: Verdict) -> str:
    """The confidence bounds, such as "180 ms .. 190 ms"; empty when there are none.

    "this run only" where the value alone decides, by `decide: value`.
    """
    if verdict.decide == "value":
        return "this run only"
    return range_text(verdict.lower, verdict.upper, verdict.unit)


def range_text(lower: float | None, upper: float | None, unit: Unit) -> str:
    """The ends of an interval, such as "180 ms .. 190 ms"; empty when neither is known."""
    if lower is None and upper is None:
        return ""
    if upper is None:
        return f">= {value_text(lower, unit)}"
    if lower is None:
        return f"<= {value_text(upper, unit)}"
    return f"{value_text(lower, unit)} .. {value_text(upper, unit)}"


def margin_text(verdict: Verdict) -> str:
    """Signed share of the bound, such as "+8.3%"; negative when the bound is exceeded."""
    if verdict.margin is None:
        return NO_DATA
    text = format_quantity(verdict.margin, Unit.RATIO)
    return f"+{text}" if verdict.margin > 0 else text


def guard_text(guard: Guard) -> str:
    """The value and the limit of a guard, such as "93% (limit 99%)"; may be empty."""
    limit = "" if guard.limit is None else f"limit {format_quantity(guard.limit, guard.unit)}"
    if guard.value is None:
        return limit
    value = format_quantity(guard.value, guard.unit)
    return f"{value} ({limit})" if limit else value


def scenario_name(manifest: Manifest) -> str:
    """The scenario's name, as in budgets.yaml."""
    return str(manifest.scenario.get("name", ""))


def title(manifest: Manifest) -> str:
    """Such as "sample-app, scenario smoke"."""
    return clean(f"{manifest.service}, scenario {scenario_name(manifest)}", 200)


def headline(judgement: Judgement, manifest: Manifest) -> str:
    """One sentence on the outcome, such as "1 of 12 budgets breached, 11 met".

    The exit code of the locustfile is no budget and stands beside them.
    """
    gate = locustfile_verdict(manifest)
    outcomes = [verdict.outcome for verdict in judgement.verdicts if verdict != gate]
    if manifest.never_began:
        return f"nothing was measured; budgets not judged: {len(outcomes)}"
    counts = tally(outcomes, _PHRASES) or "no budget applies to this scenario"
    return "; ".join(
        filter(None, (ending(manifest), counts, gate.reason if gate else "", leniency(judgement)))
    )


def leniency(judgement: Judgement) -> str:
    """The budgets that cannot fail the run, such as "1 waived (a until 2026-12-31), 1 off (b)"."""
    lenient = judgement.lenient
    waived = [f"{name} until {until}" for name, until in lenient.waived]
    groups = (
        ("waived", waived),
        ("only warn", lenient.warning),
        ("off", lenient.off),
        ("ignore missing data", lenient.ignoring),
    )
    return ", ".join(f"{len(found)} {what} ({_few(found)})" for what, found in groups if found)


def _few(texts: Sequence[str], most: int = 3) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return clean(", ".join(texts[:most]), 200) + more


def tally(outcomes: Sequence[Outcome], phrases: ByOutcome) -> str:
    """The number of budgets by outcome, the worst first: "1 of 12 budgets breached, 11 met".

    Args:
        outcomes: The outcome of each budget.
        phrases: The words for each outcome.

    Returns:
        Empty without budgets.
    """
    if not outcomes:
        return ""
    if len(outcomes) == 1:
        return f"1 budget {phrases[outcomes[0]]}"
    if set(outcomes) == {"pass"}:
        return f"all {len(outcomes)} budgets {phrases['pass']}"
    counts = [(outcomes.count(outcome), phrases[outcome]) for outcome in WORST_FIRST]
    (count, phrase), *others = [(count, phrase) for count, phrase in counts if count]
    first = f"{count} of {len(outcomes)} budgets {phrase}"
    return ", ".join([first, *(f"{count} {phrase}" for count, phrase in others)])


def ending(manifest: Manifest) -> str:
    """How a run ended that is not complete; empty for a complete run."""
    match manifest.status:
        case "complete":
            return ""
        case "running":
            text = "the run was not finished"
        case "failed":
            text = "the run is incomplete"
        case "interrupted" | "aborted":
            text = f"the run was {manifest.status}"
        case _:
            assert_never(manifest.status)
    reason = clean(manifest.reason.partition("\n")[0], 500).rstrip(".")
    return f"{text}: {reason}" if reason else text


def failure(manifest: Manifest, limit: int = LONGEST) -> list[str]:
    """Why a run never began, in lines: the error, the last output of the service, what to do."""
    return lines(manifest.reason or "the harness was killed before the load began", limit)


def last_output(manifest: Manifest, limit: int = LONGEST) -> list[str]:
    """Why a run is incomplete, if the reason has several lines, such as the service's output."""
    found = failure(manifest, limit) if manifest.status == "failed" else []
    return found if len(found) > 1 else []


def load_text(manifest: Manifest) -> str:
    """The iterations of the schedule and of the load; empty in the closed model.

    Such as "1250 iterations scheduled, 1249 sent, 3 late, 1 dropped, by 2 workers".
    """
    counts = manifest.requests
    if not counts.asked:
        return ""
    workers = len(manifest.workers)
    return ", ".join(
        [
            f"{counts.asked} iterations scheduled",
            f"{counts.sent} sent",
            f"{counts.late} late",
            f"{counts.dropped} dropped",
            *([f"by {workers} worker{'s' * (workers > 1)}"] if workers else []),
        ]
    )


def counts_requests(manifest: Manifest) -> bool:
    """Whether the numbers of requests are known: they are stored when a run ends."""
    return manifest.status != "running"


def timing_text(judgement: Judgement) -> str:
    """Which answers the kernel timed; empty where it timed none."""
    return next((g.reason for g in judgement.guards if g.name == "receive-times"), "")


def prometheus_text(evidence: Evidence) -> str:
    """How many budgets a Prometheus server measured; empty without one."""
    answers = evidence.answers.values()
    if not answers:
        return ""
    server = clean(next(iter(answers)).server, _SERVER)
    return (
        f"Budgets measured by the Prometheus server {server}: {len(answers)}; it extrapolates"
        " increases from its scrapes"
    )


def moment_text(request: SlowRequest, manifest: Manifest) -> str:
    """The intended start of a request, from the start of the window, such as "12.3 s"."""
    start = manifest.clock.window_start
    return NO_DATA if start is None else f"{max(0.0, request.at - start):.1f} s"


def trace_text(request: SlowRequest) -> str:
    """Whether the trace of the request was sampled, so that a trace exists."""
    return "sampled" if request.sampled else NO_DATA


def window_seconds(manifest: Manifest) -> float | None:
    """Length of the judged window; None if the run did not reach its end.

    Rounded to microseconds, the precision of the difference of two epoch times.
    """
    start, end = manifest.clock.window_start, manifest.clock.window_end
    return None if start is None or end is None else round(end - start, 6)


def moment(epoch: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """Facts of the run: label and text, one line each."""
    window = window_seconds(manifest)
    lines = [
        ("Started", moment(manifest.clock.started or manifest.clock.created)),
        ("Window", format_quantity(window, Unit.SECONDS) if window is not None else "not reached"),
        ("Requests", _flat(manifest.requests.model_dump()) if counts_requests(manifest) else ""),
        ("Scenario", scenario_text(manifest.scenario)),
        ("Target", _target(manifest.target)),
        ("Workers", ", ".join(map(_worker, manifest.workers))),
        ("Git", _flat(manifest.git)),
        ("Host", _flat(manifest.host)),
        ("Versions", _flat({"harness": manifest.harness_version} | manifest.versions)),
    ]
    return [(label, clean(text, 1000)) for label, text in lines if text]


def _target(target: Mapping[str, Any]) -> str:
    """Where the service is, what started it, and where its metrics are, without passwords."""
    parts = [str(target.get("url") or "")]
    if command := target.get("command"):
        parts.append(f"started with: {command}")
    if metrics := target.get("metrics"):
        parts.append(f"metrics at {', '.join(metrics)}")
    if (code := target.get("exit_code")) is not None:
        parts.append(f"exit code {code}")
    return without_credentials("; ".join(filter(None, parts)))


def _worker(worker: Worker) -> str:
    where = f"{worker.name} on {worker.host or 'this machine'}"
    return f"{where} (lost: {worker.lost})" if worker.lost else where


def _flat(values: Mapping[str, object]) -> str:
    shown = ((key, value) for key, value in values.items() if value not in (None, "", [], (), {}))
    return ", ".join(f"{key} {_plain(value)}" for key, value in shown)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
