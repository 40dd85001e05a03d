"""Annotations for a job of GitHub Actions, at the line of each budget in budgets.yaml.

Format: https://docs.github.com/actions/reference/workflow-commands-for-github-actions, escaped for
`ActionCommand` of actions/runner. GitHub shows ten annotations of each level in a step and drops
the others, so the tenth one counts the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, assert_never, get_args

from harness.judge.compare.model import BudgetChange
from harness.judge.model import Verdict
from harness.report.parts.console import NAME, TEXT
from harness.report.parts.safe import workflow_message, workflow_property
from harness.report.parts.words import Judged, clean, effect, worst_first

AnnotationLevel = Literal["error", "warning"]
LEVELS: tuple[AnnotationLevel, ...] = get_args(AnnotationLevel)
MOST = 10  # annotations of each level


def workflow_commands(
    judged: Iterable[Judged],
    budgets_file: str,
    *,
    headline: str,
    exit_code: int,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Workflow commands, one a line, the most important first.

    Args:
        judged: All budgets.
        budgets_file: Absolute path of budgets.yaml; GitHub makes it relative to the repository.
        headline: The outcome, for a run that failed without an error at a budget.
        exit_code: The exit code of the command.
        notes: Lines below the reason, by the name of the budget.
    """
    failing = [one for one in worst_first(judged) if one.outcome != "pass"]
    lines = []
    for level in LEVELS:
        of_level = [one for one in failing if _level(one) == level]
        shown = of_level if len(of_level) <= MOST else of_level[: MOST - 1]
        lines += [
            _annotation(level, one, budgets_file, (notes or {}).get(one.name, ())) for one in shown
        ]
        if more := len(of_level) - len(shown):
            lines.append(_command(level, "harness", f"... and {more} more, in the summary"))
    if exit_code and not any(_level(one) == "error" for one in failing):
        lines.insert(0, _command("error", "harness", clean(headline, TEXT)))
    return lines


def error_command(message: str, hint: str) -> str:
    """The workflow command for an error of the command itself."""
    lines = [*message.splitlines(), *([f"hint: {hint}"] if hint else [])]
    return _command("error", "harness", "\n".join(clean(line, TEXT) for line in lines))


def _level(one: Verdict | BudgetChange) -> AnnotationLevel:
    match effect(one):
        case "breach" | "unknown":
            return "error"
        case "none":
            return "warning"
        case other:
            assert_never(other)


def _annotation(
    level: AnnotationLevel, one: Judged, budgets_file: str, notes: Sequence[str]
) -> str:
    runbook = "" if one.outcome == "inconclusive" else one.runbook
    texts: Sequence[tuple[str, str]] = (
        ("", one.reason),
        *(("", line) for line in notes),
        ("next: ", one.advice),
        ("runbook: ", runbook),
    )
    message = "\n".join(f"{label}{clean(text, TEXT)}" for label, text in texts if text)
    title = f"{one.outcome.upper()} {clean(one.name, NAME)}"
    place = {"file": budgets_file, "line": str(one.line)} if one.line else {}
    return _command(level, title, message or title, place)


def _command(
    level: AnnotationLevel, title: str, message: str, place: dict[str, str] | None = None
) -> str:
    properties = {**(place or {}), "title": title}
    listed = ",".join(f"{key}={workflow_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{workflow_message(message)}"
