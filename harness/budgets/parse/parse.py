"""budgets.yaml, from text to plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from harness.budgets.model import Plan
from harness.budgets.parse.problems import Problems
from harness.budgets.parse.resolve import resolve
from harness.budgets.parse.validate import shaped
from harness.budgets.parse.yaml_reader import Value, read


def parse_plan(text: str, source: Path, environment: Mapping[str, str], today: date | None) -> Plan:
    """Read budgets.yaml.

    Args:
        text: The file's content.
        source: The file, as the user named it. Locustfiles are relative to its folder, and the
            target's command runs there.
        environment: Values for `${VAR}`.
        today: Decides whether a waiver has expired; None accepts every waiver, as the budgets of
            a stored run were valid when it was made.

    Returns:
        The plan, in base units.

    Raises:
        BudgetsError: The file is invalid; the message has one line for each problem:
            `budgets.yaml:12: budgets.api-latency-p95.max: "200" has no suffix; write "200ms", ...`
    """
    problems = Problems(source)
    document = read(text, environment, problems)
    if not document:
        problems.raise_any()
    _check_version(document, problems)
    sections = ("scenarios", "indicators", "budgets", "selftest")
    names = {section: _names(document.get(section)) for section in sections}
    spec = shaped(document, problems)
    plan = resolve(spec, names, text, today, problems)
    problems.raise_any()
    return replace(plan, document=document)


def _check_version(document: dict[str, Value], problems: Problems) -> None:
    version = document.get("version")
    if version == "1" or problems.within(("version",)):
        return
    if version is None:
        problems.add((), "the version of the format is missing; start the file with `version: 1`")
        return
    problems.add(("version",), f'"{version}" is not known to this harness; write `version: 1`')
    # The keys of another version are unknown: further problems would be noise.
    problems.raise_any()


def _names(section: Value) -> tuple[str, ...]:
    return tuple(section) if isinstance(section, dict) else ()
