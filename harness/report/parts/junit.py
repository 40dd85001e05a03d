"""The elements of junit.xml, for a run or a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never
from xml.etree import ElementTree as ET

from harness.judge.model import Outcome
from harness.report.parts import safe
from harness.report.parts.words import Judged, clean, effect, moment


def document(
    name: str,
    cases: Sequence[ET.Element],
    facts: Mapping[str, str],
    *,
    started: float,
    seconds: float,
    output: Sequence[str] = (),
) -> str:
    """The whole file: one suite.

    Args:
        name: Name of the suite.
        cases: Its testcases.
        facts: Its properties; empty values are left out.
        started: Seconds since the epoch.
        seconds: Length of what was judged.
        output: Lines about the suite as a whole.
    """
    counts = {
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": str(_count(cases, "error")),
        "time": f"{max(0.0, seconds):.3f}",
    }
    root = _element("testsuites", {"name": "harness", **counts})
    when = {"skipped": "0", "timestamp": moment(started).rstrip("Z")}
    suite = _element("testsuite", {"name": name, **counts, **when})
    root.append(suite)
    suite.append(_properties(facts))
    suite.extend(cases)
    if output:
        suite.append(_element("system-out", text="\n".join(output)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def testcase(
    budget: Judged, suite: str, *, breach: str, figures: str, notes: Sequence[str]
) -> ET.Element:
    """A budget: red if it is breached, or inconclusive with severity error.

    Args:
        budget: The verdict or the change.
        suite: Name of the suite.
        breach: The type of a failure: "breach" or "regression".
        figures: The measured values on one line.
        notes: Lines below the reason.
    """
    # No properties: the schema that Jenkins' xUnit plugin checks has none in a testcase.
    case = _element("testcase", {"classname": suite, "name": budget.name, "time": "0"})
    advice = budget.advice and f"next: {budget.advice}"
    runbook = budget.runbook and f"runbook: {budget.runbook}"
    about = (figures, budget.reason, *notes, budget.description, advice, runbook)
    text = "\n".join(filter(None, about))
    message = budget.reason or figures
    match effect(budget):
        case "breach":
            case.append(_element("failure", {"type": breach, "message": message}, text))
        case "unknown":
            case.append(_element("error", {"type": budget.outcome, "message": message}, text))
        case "none":
            case.append(_element("system-out", text=f"{budget.outcome}: {text}"))
        case other:
            assert_never(other)
    return case


def whole(what: str, suite: str, outcome: Outcome, message: str, text: str = "") -> ET.Element:
    """A testcase that is red for the run or comparison as a whole; `text` says more."""
    case = _element("testcase", {"classname": suite, "name": what, "time": "0"})
    case.append(_element("error", {"type": outcome, "message": message}, text or message))
    return case


def is_red(cases: Sequence[ET.Element]) -> bool:
    """Whether any of the testcases is red."""
    return _count(cases, "failure") + _count(cases, "error") > 0


def _element(tag: str, attributes: Mapping[str, str] | None = None, text: str = "") -> ET.Element:
    """An element in which any text is legal."""
    # Attributes are names and one-line facts; hosts differ in how they show a newline.
    one_line = {name: safe.xml(clean(value)) for name, value in (attributes or {}).items()}
    result = ET.Element(tag, one_line)
    result.text = safe.xml(text) or None
    return result


def _properties(values: Mapping[str, str]) -> ET.Element:
    result = _element("properties")
    for name, value in values.items():
        if value:
            result.append(_element("property", {"name": name, "value": value}))
    return result


def _count(cases: Sequence[ET.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)
