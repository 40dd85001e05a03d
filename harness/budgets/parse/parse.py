"""budgets.yaml, from text to plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from harness.budgets.model import Plan
from harness.budgets.parse.in_force import SECTIONS
from harness.budgets.parse.problems import Problems
from harness.budgets.parse.resolve import resolve
from harness.budgets.parse.validate import shaped
from harness.budgets.parse.yaml_reader import Value, read

MOST_BYTES = 250_000  # of a budgets file


def decoded(data: bytes, source: Path) -> str:
    """The text of a budgets file.

    Args:
        data: The file's content; what follows `MOST_BYTES` need not be read.
        source: The file, as the user named it.

    Raises:
        BudgetsError: The file is too long, or is not UTF-8.
    """
    problems = Problems(source)
    if len(data) > MOST_BYTES:
        problems.add((), f"has more than {MOST_BYTES:,} bytes; no budgets file needs so many")
        problems.raise_any()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        problems.lines[()] = data.count(b"\n", 0, error.start) + 1
        problems.add((), f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
        problems.raise_any()
        raise AssertionError from error


def parse_plan(text: str, source: Path, environment: Mapping[str, str], today: date | None) -> Plan:
    """Read budgets.yaml.

    Args:
        text: The file's content.
        source: The file, as the user named it. Locustfiles are relative to its folder, and the
            target's command runs there.
        environment: Values for `${VAR}`.
        today: Decides whether a waiver has expired. None reads the budgets of a stored run, which
            were valid when it was made: every waiver holds, a bound that no value can breach is
            accepted, and the sections that no verdict needs are not read.

    Returns:
        The plan, in base units.

    Raises:
        BudgetsError: The file is invalid; the message has one line for each problem:
            `budgets.yaml:12: budgets.api-latency-p95.max: "200" has no suffix; write "200ms", ...`
    """
    problems = Problems(source)
    document = read(text, environment, problems, SECTIONS if today is None else None)
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
    if not isinstance(version, str):
        problems.add(("version",), "expected one value; write `version: 1`")
        problems.raise_any()
    problems.add(("version",), f'"{version}" is not known to this harness; write `version: 1`')
    # The keys of another version are unknown: further problems would be noise.
    problems.raise_any()


def _names(section: Value) -> tuple[str, ...]:
    return tuple(section) if isinstance(section, dict) else ()
