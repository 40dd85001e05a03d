"""Holds the locked dependencies against the known vulnerabilities, by pip-audit.

    uv run python .ci/audit.py

A vulnerability fails unless `.ci/audit-waivers.toml` waives it. A waiver that is expired or
malformed fails, too. When the service that knows the vulnerabilities does not answer, that is a
warning: nothing was audited then, and the fault is the network's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
WAIVERS = Path(__file__).with_name("audit-waivers.toml")
EXAMPLE = 'id = "GHSA-...", reason = "...", until = 2026-12-31'
TIMEOUT = 300  # seconds; 10 are usual
# How pip-audit ends, in the last lines of what it tells, when its service does not answer.
NO_ANSWER = re.compile(r"requests\.exceptions\.|ServiceError|network may be blocking this service")


class AuditError(Exception):
    """What fails the audit, in words for whoever reads the log."""


class NoAnswerError(Exception):
    """The service that knows the vulnerabilities could not be asked."""


@dataclass(frozen=True)
class Waiver:
    """A vulnerability that is accepted until a day, and why."""

    id: str
    reason: str
    until: date


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a locked package."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        """One line: the package, the numbers, the versions without it."""
        fixed = f"fixed in {', '.join(self.fixed)}" if self.fixed else "no version fixes it"
        return f"{self.package} {self.version}: {' = '.join(self.ids)}; {fixed}"


@dataclass(frozen=True)
class Report:
    """What pip-audit found, how many packages it looked at, and which the service does not know."""

    findings: tuple[Finding, ...]
    audited: int
    unknown: tuple[str, ...]


def parse_waivers(text: str, today: date) -> list[Waiver]:
    """The waivers of the file's text.

    Raises:
        AuditError: The text is no list of waivers, or one of them no longer holds.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AuditError(f"not TOML: {error}") from None
    entries = document.pop("waiver", [])
    if document or not isinstance(entries, list):
        raise AuditError(f"only tables [[waiver]] are known, each with {EXAMPLE}")
    waivers = [_waiver(entry, number, today) for number, entry in enumerate(entries, 1)]
    ids = [waiver.id for waiver in waivers]
    for again in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        raise AuditError(f"{again} is waived twice")
    return waivers


def _waiver(entry: Any, number: int, today: date) -> Waiver:
    if not isinstance(entry, dict) or sorted(entry) != ["id", "reason", "until"]:
        raise AuditError(f"waiver {number}: its keys must be {EXAMPLE}")
    for key in ("id", "reason"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise AuditError(f"waiver {number}: `{key}` must be a text that is not empty")
    until = entry["until"]
    if not isinstance(until, date) or isinstance(until, datetime):
        raise AuditError(f"waiver {number}: `until` must be a day without quotes, as 2026-12-31")
    if until < today:
        raise AuditError(f"waiver of {entry['id']} expired on {until}: update, remove or renew it")
    return Waiver(entry["id"], entry["reason"], until)


def parse_report(text: str) -> Report:
    """What pip-audit wrote with `--format json`."""
    findings, audited, unknown = [], 0, []
    for package in json.loads(text)["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
            continue
        audited += 1
        for found in package["vulns"]:
            ids = (found["id"], *found["aliases"])
            fixed = tuple(found["fix_versions"])
            findings.append(Finding(package["name"], package["version"], ids, fixed))
    return Report(tuple(findings), audited, tuple(unknown))


def judge(report: Report, waivers: list[Waiver]) -> tuple[list[str], list[str]]:
    """What fails, and what is only to be told."""
    failures, told = [], []
    used = set()
    for finding in report.findings:
        waiver = next((waiver for waiver in waivers if waiver.id in finding.ids), None)
        if waiver is None:
            failures.append(str(finding))
        else:
            used.add(waiver)
            told.append(f"waived until {waiver.until} ({waiver.reason}): {finding}")
    if not report.audited:
        known = f"the service knows none of {len(report.unknown)} packages"
        return failures, [*told, f"nothing was audited: {known}"]
    if report.unknown:
        told.append(f"not audited, unknown to the service: {', '.join(report.unknown)}")
    unused = [waiver for waiver in waivers if waiver not in used]
    told += [f"waiver of {waiver.id} is not needed: remove it" for waiver in unused]
    return failures, told


def ask(command: list[str], timeout: float = TIMEOUT) -> str:
    """The JSON that pip-audit writes.

    Raises:
        NoAnswerError: Its service did not answer.
        AuditError: It failed otherwise.
    """
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"no answer within {timeout:g} s") from None
    if result.stdout.lstrip().startswith("{"):
        return result.stdout
    last = "\n".join(result.stderr.strip().splitlines()[-3:])
    if NO_ANSWER.search(last):
        raise NoAnswerError("the service of vulnerabilities does not answer")
    raise AuditError(f"pip-audit ended with {result.returncode}:\n{last}")


def audit() -> Report:
    """Ask for all that uv.lock has, whatever needs it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "locked.txt")
        export = ["uv", "export", "--quiet", "--frozen", "--all-groups", "--no-emit-project"]
        subprocess.run(
            [*export, "--output-file", str(file)], cwd=TOP, stdout=subprocess.DEVNULL, check=True
        )
        options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        options += ["--format", "json", "--desc", "off", "--aliases", "on"]
        pip_audit = [sys.executable, "-m", "pip_audit"]
        return parse_report(ask([*pip_audit, "--requirement", str(file), *options]))


def _warn(text: str) -> None:
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(f"::warning title=audit::{text}")
    print(f"audit: warning: {text}", file=sys.stderr)


def main(file: Path = WAIVERS) -> int:
    """Audit; the exit code is 1 when something must be done."""
    try:
        waivers = parse_waivers(file.read_text(encoding="utf-8"), datetime.now(UTC).date())
    except AuditError as error:
        print(f"audit: {file.name}: {error}", file=sys.stderr)
        return 1
    try:
        report = audit()
    except NoAnswerError as error:
        _warn(f"nothing was audited: {error}")
        return 0
    except AuditError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 1
    failures, told = judge(report, waivers)
    for line in told:
        _warn(line)
    for line in failures:
        print(f"audit: {line}", file=sys.stderr)
    if report.audited:
        counts = f"{report.audited} locked packages, {len(report.findings)} vulnerabilities"
        print(f"audit: {counts}, {len(failures)} not waived")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
