"""junit.xml of a comparison: one testcase a budget, in the shape that `junit` describes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.judge.comparison import Change, Comparison
from harness.report import compare_wording as wording
from harness.report.compare_wording import Setting
from harness.report.junit_elements import count, document, element, properties, seconds
from harness.report.results import number
from harness.report.wording import moment, value_text


def compare_junit(comparison: Comparison, setting: Setting, *, exit_code: int) -> str:
    """The content of junit.xml.

    A regression is a `failure`, a budget of severity error without a decision an `error`. What is
    not a success although no budget is to blame gets a testcase named "comparison" with an error.

    Args:
        comparison: What was decided.
        setting: On what.
        exit_code: The code that the command ends with.
    """
    name = f"{setting.service}.{setting.scenario}.compare"
    cases = [_case(change, name) for change in comparison.changes]
    if exit_code and not count(cases, "failure") + count(cases, "error"):
        cases.append(_whole(comparison, name))
    counts = {
        "tests": str(len(cases)),
        "failures": str(count(cases, "failure")),
        "errors": str(count(cases, "error")),
        "skipped": "0",
        "time": seconds(comparison.seconds),
    }
    root = element("testsuites", {"name": "harness", **counts})
    started = moment(setting.started).rstrip("Z")
    suite = element("testsuite", {"name": name, **counts, "timestamp": started})
    root.append(suite)
    sides = {"baseline": setting.baseline, "candidate": setting.candidate}
    suite.append(properties({**sides, "pairs": str(comparison.pairs), **setting.facts}))
    suite.extend(cases)
    if omitted := wording.left_out(comparison):
        suite.append(element("system-out", text="\n".join(f"left out: {text}" for text in omitted)))
    return document(root)


def _case(change: Change, suite: str) -> ET.Element:
    case = element("testcase", {"classname": suite, "name": change.name, "time": "0"})
    case.append(properties(_facts(change)))
    text = "\n".join(filter(None, (_figures(change), change.reason, change.runbook)))
    if change.outcome == "fail":
        attributes = {"type": "regression", "message": change.reason}
        case.append(element("failure", attributes, text))
    elif change.outcome == "inconclusive" and change.severity == "error":
        attributes = {"type": "inconclusive", "message": change.reason}
        case.append(element("error", attributes, text))
    else:
        case.append(element("system-out", text=f"{change.outcome}: {text}"))
    return case


def _whole(comparison: Comparison, suite: str) -> ET.Element:
    case = element("testcase", {"classname": suite, "name": "comparison", "time": "0"})
    message = wording.headline(comparison)
    case.append(element("error", {"type": comparison.outcome, "message": message}, message))
    return case


def _figures(change: Change) -> str:
    values = (value_text(value, change.unit) for value in (change.baseline, change.candidate))
    parts = (
        f"worse by {wording.estimate_text(change)} ({wording.range_text(change)})",
        f"{wording.share_text(change.tolerance)} tolerated",
        f"could see {wording.share_text(change.detectable)}",
        f"{' -> '.join(values)}",
        f"{wording.pairs_text(change)} pairs",
        f"{wording.seconds_text(change.seconds)} of load",
    )
    return ", ".join(parts)


def _facts(change: Change) -> dict[str, str]:
    """As compare.json has them; what is missing is left out."""
    numbers = {
        "estimate": change.estimate,
        "lower": change.lower,
        "upper": change.upper,
        "tolerance": change.tolerance,
        "detectable": change.detectable,
        "baseline": change.baseline,
        "candidate": change.candidate,
    }
    known = {name: number(value) for name, value in numbers.items()}
    return {
        **{name: f"{value:.12g}" for name, value in known.items() if value is not None},
        "unit": change.unit.value,
        "pairs": str(change.pairs),
        "left out": str(change.left_out),
        "severity": change.severity,
        "description": change.description,
    }
