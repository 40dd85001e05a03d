"""The order and the words that the reports for people share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Generic, TypeVar

from harness.judge.compare.model import Change
from harness.judge.model import Guard, Judgement, Outcome, Verdict
from harness.report.parts.scenario import scenario_text
from harness.runs.model import Evidence, Manifest, SlowRequest, Worker
from harness.units import Unit, format_quantity

Judged = TypeVar("Judged", Verdict, Change)  # a budget, in a run or in a comparison
TROUBLE: tuple[Outcome, ...] = ("fail", "inconclusive", "warn", "pass")  # the worst first
NO_DATA = "-"

_SAYS: dict[Outcome, str] = {
    "fail": "breached",
    "inconclusive": "could not be judged",
    "warn": "warned about",
    "pass": "met",
}
# Characters that steer a terminal, reorder the text around them, or cannot be encoded.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SERVER = 200  # characters of a server's URL
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def clean(text: str, limit: int = 0) -> str:
    """Text from outside on one line, harmless to a terminal.

    Args:
        text: Names, messages of exceptions and so on, by whomever they were written.
        limit: The most characters that remain, if not 0; the middle gives way to "...", because
            long names differ at their ends.
    """
    line = _STEERING.sub("", " ".join(text.split()))
    if not limit or len(line) <= limit:
        return line
    head = (limit - 3 + 1) // 2
    return f"{line[:head]}...{line[len(line) - (limit - 3 - head) :]}"


def worst_first(judged: Iterable[Judged]) -> list[Judged]:
    """The worst first; a budget of severity error before one that only warns, else as written."""
    return sorted(judged, key=lambda one: (TROUBLE.index(one.outcome), one.severity != "error"))


def tripped(judgement: Judgement) -> list[Guard]:
    """The guards that tripped."""
    return [guard for guard in judgement.guards if guard.outcome == "tripped"]


@dataclass(frozen=True, slots=True)
class Reason(Generic[Judged]):
    """Why neighbouring budgets do not pass, and what to do about it.

    Attributes:
        advice: Where to look first; empty when the reason says it.
        runbook: Of a breach.
    """

    budgets: tuple[Judged, ...]
    reason: str
    advice: str
    runbook: str


def reasons(judged: Iterable[Judged]) -> list[Reason[Judged]]:
    """Why budgets do not pass.

    A tripped guard is the one reason of many budgets, and is told once.
    """

    def why(one: Judged) -> tuple[Outcome, str, str, str]:
        # A runbook says what to do about a breach, not about missing data.
        runbook = "" if one.outcome == "inconclusive" else one.runbook
        return one.outcome, one.reason, one.advice, runbook

    groups = groupby((one for one in judged if one.outcome != "pass"), key=why)
    return [Reason(tuple(group), *told) for (_, *told), group in groups]


def value_text(value: float | None, unit: Unit) -> str:
    """A quantity, or a dash when there is no data."""
    return NO_DATA if value is None else format_quantity(value, unit)


def bound_text(verdict: Verdict) -> str:
    """Such as "max 200 ms"."""
    return f"{verdict.direction} {format_quantity(verdict.bound, verdict.unit)}"


def interval_text(verdict: Verdict) -> str:
    """The confidence bounds, such as "180 ms .. 190 ms"; empty when there are none."""
    lower, upper, unit = verdict.lower, verdict.upper, verdict.unit
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
    """What was read and what it is held against, such as "93% (limit 99%)"; may be empty."""
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
    """One sentence on the outcome, such as "1 of 12 budgets breached, 11 met"."""
    outcomes = [verdict.outcome for verdict in judgement.verdicts]
    says = tally(outcomes, _SAYS) or "no budget applies to this scenario"
    return "; ".join(filter(None, (ending(manifest), says)))


def tally(outcomes: Sequence[Outcome], says: Mapping[Outcome, str]) -> str:
    """How many of the budgets ended how, the worst first: "1 of 12 budgets breached, 11 met".

    Empty when there are none.
    """
    if not outcomes:
        return ""
    if len(outcomes) == 1:
        return f"1 budget {says[outcomes[0]]}"
    if set(outcomes) == {"pass"}:
        return f"all {len(outcomes)} budgets {says['pass']}"
    counts = [(outcomes.count(outcome), says[outcome]) for outcome in TROUBLE]
    (count, what), *others = [(count, what) for count, what in counts if count]
    first = f"{count} of {len(outcomes)} budgets {what}"
    return ", ".join([first, *(f"{number} {how}" for number, how in others)])


def ending(manifest: Manifest) -> str:
    """How a run that is not complete ended; empty for one that is."""
    if manifest.status == "complete":
        return ""
    says = "unfinished" if manifest.status == "running" else manifest.status
    reason = clean(manifest.reason, 500).rstrip(".")
    return f"the run was {says}: {reason}" if reason else f"the run was {says}"


def load_account(manifest: Manifest) -> str:
    """What the schedule asked for and what became of it; empty in the closed model.

    Such as "1250 iterations asked, 1249 sent, 3 late, 1 dropped, by 2 workers".
    """
    account = manifest.requests
    if not account.asked:
        return ""
    count = len(manifest.workers)
    return ", ".join(
        [
            f"{account.asked} iterations asked",
            f"{account.sent} sent",
            f"{account.late} late",
            f"{account.dropped} dropped",
            *([f"by {count} worker{'s' * (count > 1)}"] if count else []),
        ]
    )


def server_account(evidence: Evidence) -> str:
    """Whose values are extrapolated; empty when a Prometheus server was not asked."""
    answers = evidence.answers.values()
    if not answers:
        return ""
    server = clean(next(iter(answers)).server, _SERVER)
    return (
        f"Measured by the Prometheus server {server}: {len(answers)} of the budgets; increases are"
        " extrapolated from its scrapes"
    )


def moment_text(request: SlowRequest, manifest: Manifest) -> str:
    """When in the window a request was meant to start, such as "12.3 s"."""
    start = manifest.clock.window_start
    return NO_DATA if start is None else f"{max(0.0, request.at - start):.1f} s"


def trace_text(request: SlowRequest) -> str:
    """Whether a trace of the request was asked for, so that there is one to look at."""
    return "sampled" if request.sampled else NO_DATA


def window_seconds(manifest: Manifest) -> float | None:
    """Length of the judged window; None when the run did not get to its end.

    Rounded to microseconds, because the difference of two epoch times is exact to no more.
    """
    start, end = manifest.clock.window_start, manifest.clock.window_end
    return None if start is None or end is None else round(end - start, 6)


def moment(epoch: float) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What was run, on what and when: label and text, one line each."""
    window = window_seconds(manifest)
    lines = [
        ("Started", moment(manifest.clock.started or manifest.clock.created)),
        ("Window", format_quantity(window, Unit.SECONDS) if window is not None else "not reached"),
        ("Requests", _flat(manifest.requests.model_dump())),
        ("Scenario", scenario_text(manifest.scenario)),
        ("Target", _CREDENTIALS.sub("", _flat(manifest.target))),
        ("Workers", ", ".join(map(_worker, manifest.workers))),
        ("Git", _flat(manifest.git)),
        ("Host", _flat(manifest.host)),
        ("Versions", _flat({"harness": manifest.harness_version} | manifest.versions)),
    ]
    return [(label, clean(text, 1000)) for label, text in lines if text]


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
