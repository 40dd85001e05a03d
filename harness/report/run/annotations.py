"""Annotations for a job of GitHub Actions: what is wrong, at the line of its budget.

Format: https://docs.github.com/actions/reference/workflow-commands-for-github-actions, escaped as
`ActionCommand` of actions/runner undoes it. GitHub shows ten of each level a step and drops the
others, so the last one counts what is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from harness.report.parts.console import NAME, TEXT
from harness.report.parts.words import Judged, clean, worst_first

Level = Literal["error", "warning"]
MOST = 10  # of each level
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = str.maketrans(_DATA | {":": "%3A", ",": "%2C"})
_MESSAGE = str.maketrans(_DATA)


def workflow_commands(
    judged: Iterable[Judged], budgets_file: str, *, headline: str, exit_code: int
) -> list[str]:
    """Workflow commands, one a line, the most important first.

    Args:
        judged: All budgets.
        budgets_file: Absolute path of budgets.yaml; GitHub makes it relative to the repository.
        headline: What came out, for a run that failed although no budget is to blame.
        exit_code: What the command ends with.
    """
    troubled = [one for one in worst_first(judged) if one.outcome != "pass"]
    lines = []
    for level in ("error", "warning"):
        found = [one for one in troubled if _level(one) == level]
        shown = found if len(found) <= MOST else found[: MOST - 1]
        lines += [_annotation(level, one, budgets_file) for one in shown]
        if more := len(found) - len(shown):
            lines.append(_command(level, "harness", f"... and {more} more, in the summary"))
    if exit_code and not any(_level(one) == "error" for one in troubled):
        lines.insert(0, _command("error", "harness", clean(headline, TEXT)))
    return lines


def error_command(message: str, hint: str) -> str:
    """The workflow command for an error that left nothing to judge."""
    lines = [*message.splitlines(), *([f"hint: {hint}"] if hint else [])]
    return _command("error", "harness", "\n".join(clean(line, TEXT) for line in lines))


def _level(one: Judged) -> Level:
    blocks = one.outcome == "fail" or (one.outcome == "inconclusive" and one.severity == "error")
    return "error" if blocks else "warning"


def _annotation(level: str, one: Judged, budgets_file: str) -> str:
    runbook = "" if one.outcome == "inconclusive" else one.runbook
    told: Sequence[tuple[str, str]] = (
        ("", one.reason),
        ("next: ", one.advice),
        ("runbook: ", runbook),
    )
    message = "\n".join(f"{label}{clean(text, TEXT)}" for label, text in told if text)
    title = f"{one.outcome.upper()} {clean(one.name, NAME)}"
    place = {"file": budgets_file, "line": str(one.line)} if one.line else {}
    return _command(level, title, message or title, place)


def _command(level: str, title: str, message: str, place: dict[str, str] | None = None) -> str:
    properties = {**(place or {}), "title": title}
    listed = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{level} {listed}::{message.translate(_MESSAGE)}"
