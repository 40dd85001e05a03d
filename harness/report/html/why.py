"""The section of report.html that explains breaches: causes, statements, traces, profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from harness.diagnose.model import Diagnosis, Explanation
from harness.diagnose.statements import StatementUse, statement_uses
from harness.diagnose.traces import traces_of
from harness.report.html.flame import flame_data
from harness.report.html.waterfall import Waterfall, waterfalls
from harness.runs.recording.recording import Recording

MOST_STATEMENTS: Final = 25


@dataclass(frozen=True, slots=True)
class ExplainedBreaches:
    """Budgets whose breaches have the same explanation."""

    budgets: tuple[str, ...]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class WhySection:
    """What the section shows.

    Attributes:
        diagnosis: Its counts are named in the title.
        breaches: The explanations, each once.
        places: The number of the explanation in the page by the name of the budget, from 1.
        statements: Those with the most time; `more_statements` is the number of others.
        waterfalls: The slowest traced requests, and those that exemplars name.
        profile: The data of the flame graph; None without a profile.
    """

    diagnosis: Diagnosis
    breaches: tuple[ExplainedBreaches, ...]
    places: Mapping[str, int]
    statements: tuple[StatementUse, ...]
    more_statements: int
    waterfalls: tuple[Waterfall, ...]
    profile: dict[str, object] | None


def why_section(diagnosis: Diagnosis, recording: Recording) -> WhySection:
    """Gather what the section shows of a recording and its diagnosis."""
    same: dict[Explanation, list[str]] = {}
    for one in diagnosis.explanations:
        same.setdefault(replace(one, budget=""), []).append(one.budget)
    breaches = tuple(ExplainedBreaches(tuple(names), one) for one, names in same.items())
    traces = traces_of(recording.spans)
    statements = statement_uses(traces)
    return WhySection(
        diagnosis=diagnosis,
        breaches=breaches,
        places={name: number for number, one in enumerate(breaches, 1) for name in one.budgets},
        statements=tuple(statements[:MOST_STATEMENTS]),
        more_statements=max(0, len(statements) - MOST_STATEMENTS),
        waterfalls=tuple(waterfalls(traces, {one.trace_id for one in diagnosis.exemplars})),
        profile=flame_data(recording),
    )
