"""The section of report.html that explains regressions: causes, statements, profiles of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.diagnose.compare.comparison import ComparedExplanation, ComparisonDiagnosis
from harness.diagnose.compare.differences import RecordedPair
from harness.diagnose.functions import busy, samples_of_a_thread
from harness.diagnose.statements import StatementUse, statement_uses
from harness.diagnose.traces import Trace
from harness.report.html.flame import Frames, numbers_of, rows_of, shortened
from harness.runs.recording.profile import Stack, StackFrame

MOST_STATEMENTS: Final = 25


@dataclass(frozen=True, slots=True)
class ExplainedRegressions:
    """Budgets whose regressions have the same explanation."""

    budgets: tuple[str, ...]
    explanation: ComparedExplanation


@dataclass(frozen=True, slots=True)
class StatementChange:
    """How both versions use a statement.

    Attributes:
        text: Its text, on one line.
        before: Executions in a request of the baseline that has it; `now` of the candidate.
        mean_before: Seconds of an execution; None without any. `mean_now` likewise.
        added: Seconds that a request of the candidate spends in it more, over all requests.
    """

    text: str
    before: float
    now: float
    mean_before: float | None
    mean_now: float | None
    added: float


@dataclass(frozen=True, slots=True)
class DifferencesSection:
    """What the section shows.

    Attributes:
        diagnosis: Its counts are named in the title.
        regressions: The explanations, each once.
        statements: Those with the largest change of time; `more_statements` counts the others.
        profile: The data of the flame graph; None without a profile of both.
    """

    diagnosis: ComparisonDiagnosis
    regressions: tuple[ExplainedRegressions, ...]
    statements: tuple[StatementChange, ...]
    more_statements: int
    profile: dict[str, object] | None


def differences_section(diagnosis: ComparisonDiagnosis, pair: RecordedPair) -> DifferencesSection:
    """Gather what the section shows of two recordings and their diagnosis."""
    same: dict[ComparedExplanation, list[str]] = {}
    for one in diagnosis.explanations:
        same.setdefault(replace(one, budget=""), []).append(one.budget)
    statements = _statements(pair.baseline.traces, pair.candidate.traces)
    return DifferencesSection(
        diagnosis=diagnosis,
        regressions=tuple(ExplainedRegressions(tuple(names), one) for one, names in same.items()),
        statements=tuple(statements[:MOST_STATEMENTS]),
        more_statements=max(0, len(statements) - MOST_STATEMENTS),
        profile=difference_data(pair),
    )


def _statements(baseline: Sequence[Trace], candidate: Sequence[Trace]) -> list[StatementChange]:
    before, now = (
        {one.text: one for one in statement_uses(traces)} for traces in (baseline, candidate)
    )
    found = [
        _change(text, before.get(text), now.get(text), (len(baseline), len(candidate)))
        for text in dict.fromkeys((*now, *before))
    ]
    return sorted(found, key=lambda one: (-abs(one.added), one.text))


def _change(
    text: str, before: StatementUse | None, now: StatementUse | None, requests: tuple[int, int]
) -> StatementChange:
    old, new = (
        use.seconds / number if use else 0.0
        for use, number in zip((before, now), requests, strict=True)
    )
    return StatementChange(
        text=text,
        before=before.per_request if before else 0.0,
        now=now.per_request if now else 0.0,
        mean_before=before.mean if before else None,
        mean_now=now.mean if now else None,
        added=new - old,
    )


def difference_data(pair: RecordedPair) -> dict[str, object] | None:
    """The trees of a differential flame graph for the script; None without both profiles.

    Returns:
        As `flame_data`, with a fifth number for each function: its samples in the profile of the
        other version, as if both had been taken for equally long. A view of the baseline has
        "baseline": true.
    """
    before, now = pair.baseline.recording, pair.candidate.recording
    taken = samples_of_a_thread(before.wall)
    scale = samples_of_a_thread(now.wall) / taken if taken else 1.0
    profiles = {
        "Wall time": (_scaled(busy(before.wall), scale), _scaled(busy(now.wall))),
        "CPU time": (_scaled(before.cpu), _scaled(now.cpu)),
    }
    frames: Frames = {}
    found = [
        {
            "label": f"{label} of the {'baseline' if baseline else 'candidate'}",
            "baseline": baseline,
            "whole": _tree(*both, frames, lambda stack: stack),
            "short": _tree(*both, frames, shortened),
        }
        for label, (old, new) in profiles.items()
        if old and new
        for baseline, both in ((False, (new, old)), (True, (old, new)))
    ]
    if not found:
        return None
    return {"differential": True, "frames": [list(one) for one in frames], "views": found}


def _tree(
    stacks: Sequence[Stack],
    others: Sequence[Stack],
    frames: Frames,
    change: Callable[[Stack], Stack],
) -> list[int]:
    return numbers_of(rows_of(map(change, stacks), map(change, others)), frames, both=True)


def _scaled(stacks: Sequence[Stack], scale: float = 1.0) -> list[Stack]:
    """Stacks as if they had been taken for longer, without the ids of processes."""
    return [
        Stack(tuple(map(_without_id, stack.frames)), max(1, round(stack.count * scale)))
        for stack in stacks
    ]


def _without_id(frame: StackFrame) -> StackFrame:
    return StackFrame("process") if frame.function.startswith("process ") else frame
