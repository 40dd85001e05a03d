"""What failed, in one line for each endpoint and kind, for all reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.judge.model import Judgement, Verdict
from harness.names import ERROR, FAILED_CHECK, FAILED_OTHER, FAILED_TIMEOUT, LATENCY, OK
from harness.report.parts.safe import clean, lines
from harness.runs.model import Evidence, Manifest
from harness.runs.records.failed import FailedReply, FailureKind

OF_BUDGET = 3  # kinds below a budget
FURTHER = 5  # kinds of a run that no budget shows
_MESSAGE = 200  # characters shown of a message
_BODY = 160  # characters shown of an answer
_NAME = 120


@dataclass(frozen=True, slots=True)
class FailureNotes:
    """Lines on failed requests.

    Attributes:
        of_budgets: By the name of the budget that they explain.
        others: Those that no budget has.
        title: The title of `others`.
    """

    of_budgets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    others: Sequence[str] = ()
    title: str = "Failed requests"

    def first(self, most: int) -> FailureNotes:
        """At most so many lines below each budget, and no others."""
        return FailureNotes({name: lines[:most] for name, lines in self.of_budgets.items()})


def failure_notes(judgement: Judgement, evidence: Evidence, *, once: bool = True) -> FailureNotes:
    """The most frequent kinds of failed requests below the budgets that do not pass, and others.

    Args:
        judgement: The verdicts.
        evidence: The evidence of the judgement.
        once: Show the failures of a request once, below the first budget that they explain;
            otherwise below each, for reports that show the budgets apart.
    """
    found, totals = evidence.failures, requests_of(evidence)
    shown: set[FailureKind] = set()
    notes: dict[str, list[str]] = {}
    explained: set[str | None] = set()
    for verdict in _unmet(judgement):
        if once and explained & {"", verdict.failing}:
            continue
        explained.add(verdict.failing)
        fitting = [one for one in found if one.count and verdict.failing in {"", one.request}]
        kinds = [one for one in fitting if not (once and one in shown)][:OF_BUDGET]
        shown.update(kinds)
        if kinds:
            notes[verdict.name] = [_text(one, totals, evidence.manifest) for one in kinds]
    rest = [one for one in found if one not in shown]
    others = [_text(one, totals, evidence.manifest) for one in rest[:FURTHER]]
    if len(rest) > FURTHER:
        others.append(f"... and {len(rest) - FURTHER} more kinds in results.json")
    return FailureNotes(notes, others, "Further failed requests" if notes else "Failed requests")


def what_failed(one: FailureKind) -> str:
    """How the requests of one kind failed, such as "500 Internal Server Error"."""
    text = clean(one.text, _MESSAGE)
    more = " and similar" if one.varies else ""
    if one.kind == FAILED_CHECK:
        answered = f" (answered {one.status})" if one.status else ""
        return f'check failed: "{text}"{more}{answered}'
    if one.kind == FAILED_TIMEOUT:
        return f"timeout ({text}){more}"
    if one.kind == FAILED_OTHER:
        return text
    return f"{text}{more}"


def when_failed(one: FailureKind, manifest: Manifest) -> str:
    """Such as "first at -1.8 s, last at 9.9 s of the window": negative before it, as in charts."""
    clock, zero = manifest.clock, manifest.clock.zero
    if zero is None:
        return ""
    first, last = (f"{round(moment - zero, 1) + 0.0:.1f} s" for moment in (one.first, one.last))
    when = f"at {first}" if first == last else f"first at {first}, last at {last}"
    return f"{when} of the {'load' if clock.window_start is None else 'window'}"


def reply_text(one: FailureKind) -> str:
    """The first answer on one line; empty without one."""
    body = next((clean(reply.body, _BODY) for reply in one.replies if reply.body), "")
    return f"answer: {body}" if body else ""


def body_text(reply: FailedReply) -> str:
    """The start of an answer, in lines."""
    return "\n".join(lines(reply.body))


def consequence_of(one: FailureKind, manifest: Manifest) -> str:
    """The exception of the locustfile that followed such a failure; empty without one."""
    for text in manifest.consequences:
        what, _, after = text.rpartition(f" after {one.request} ")
        if after == f"answered {one.status}" or (after.startswith("failed") and one.status < 400):
            return f"as a consequence: {clean(what, _MESSAGE)}"
    return ""


def _unmet(judgement: Judgement) -> list[Verdict]:
    """The budgets that do not pass and that failures explain, error ratios first."""
    found = [v for v in judgement.verdicts if v.outcome != "pass" and v.failing is not None]
    return sorted(
        found, key=lambda verdict: (verdict.request is not None, verdict.outcome != "fail")
    )


def _text(one: FailureKind, totals: Mapping[str, int], manifest: Manifest) -> str:
    where = f"{clean(one.request, _NAME)}: {what_failed(one)}"
    count = f"{one.count} of {totals.get(one.request, one.count)}"
    if not one.count:
        count = f"{one.total} outside of the window"
    when = when_failed(one, manifest)
    trace = f"e.g. trace {clean(one.trace_id, _NAME)}" if one.trace_id else ""
    head = ", ".join(filter(None, (where, f"{count} ({when})" if when else count, trace)))
    return "; ".join(filter(None, (head, consequence_of(one, manifest), reply_text(one))))


def requests_of(evidence: Evidence) -> dict[str, int]:
    """The number of requests of the window by endpoint, failed ones included."""
    totals: dict[str, int] = {}
    for key, times in evidence.latency.items():
        if key.what == LATENCY and key.outcome in {OK, ERROR}:
            totals[key.request] = totals.get(key.request, 0) + times.count
    return totals
