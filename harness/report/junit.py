"""junit.xml: one testcase a budget, for the test views of CI hosts.

The shape is what Jenkins, GitLab and GitHub's reporters read in common: `testsuites`, one
`testsuite` with `properties`, its testcases, then `system-out`. A breach is a `failure`; a budget
of severity error that could not be judged is an `error`, which those hosts show red as well, so
that nothing looks green without data. What only warns is a passed testcase with its reason as
output.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from harness.judge.model import Guard, Judgement, Verdict
from harness.report import wording
from harness.runs.model import Manifest

# All that XML 1.0 allows (https://www.w3.org/TR/xml/#charsets), less the control characters C1.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(judgement: Judgement, manifest: Manifest) -> str:
    """The content of junit.xml.

    A run that is not a success although no budget is to blame (it was interrupted, or has no
    budgets) gets a testcase named "run" with an error, since hosts take an empty suite for green.
    """
    name = f"{manifest.service}.{wording.scenario_name(manifest)}"
    window = wording.window_seconds(manifest) or 0.0
    cases = [_case(verdict, name) for verdict in judgement.verdicts]
    if not _count(cases, "failure") + _count(cases, "error") and _is_no_success(
        judgement, manifest
    ):
        cases.append(_run_case(judgement, manifest, name))
    counts = {
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": str(_count(cases, "error")),
        "skipped": "0",
        "time": _seconds(window),
    }
    root = _element("testsuites", {"name": "harness", **counts})
    started = wording.moment(manifest.clock.started or manifest.clock.created).rstrip("Z")
    suite = _element("testsuite", {"name": name, **counts, "timestamp": started})
    root.append(suite)
    facts = {label.lower(): text for label, text in wording.facts(manifest)}
    suite.append(_properties(facts | _told(manifest)))
    suite.extend(cases)
    if judgement.guards:
        suite.append(_element("system-out", text="\n".join(map(_guard_line, judgement.guards))))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _told(manifest: Manifest) -> dict[str, str]:
    """What the load tells of itself besides its numbers."""
    return {
        "load": wording.load_account(manifest),
        "notices": wording.clean("; ".join(manifest.notices), 1000),
        "aborted by": manifest.aborted_by,
    }


def _case(verdict: Verdict, suite: str) -> ET.Element:
    case = _element("testcase", {"classname": suite, "name": verdict.name, "time": "0"})
    case.append(_properties(_facts(verdict)))
    text = "\n".join(filter(None, (_figures(verdict), verdict.reason, verdict.runbook)))
    alarm = _alarm(verdict)
    if alarm:
        tag, kind = alarm
        message = verdict.reason or _figures(verdict)
        case.append(_element(tag, {"type": kind, "message": message}, text))
    else:
        case.append(_element("system-out", text=f"{verdict.outcome}: {text}"))
    return case


def _alarm(verdict: Verdict) -> tuple[str, str] | None:
    """Element and type of what makes a testcase red; None for one that passes."""
    if verdict.outcome == "fail":
        return "failure", "breach"
    if verdict.outcome == "inconclusive" and verdict.severity == "error":
        return "error", "inconclusive"
    return None


def _run_case(judgement: Judgement, manifest: Manifest, suite: str) -> ET.Element:
    case = _element("testcase", {"classname": suite, "name": "run", "time": "0"})
    message = wording.headline(judgement, manifest)
    case.append(_element("error", {"type": judgement.outcome, "message": message}, message))
    return case


def _is_no_success(judgement: Judgement, manifest: Manifest) -> bool:
    return judgement.exit_code != 0 or manifest.status != "complete"


def _figures(verdict: Verdict) -> str:
    value = wording.value_text(verdict.value, verdict.unit)
    interval = wording.interval_text(verdict)
    parts = (
        "no data" if verdict.value is None else value,
        f"interval {interval}" if interval else "",
        wording.bound_text(verdict),
        "" if verdict.margin is None else f"margin {wording.margin_text(verdict)}",
        f"{verdict.samples} samples from the {verdict.source}" if verdict.source else "",
    )
    return ", ".join(filter(None, parts))


def _facts(verdict: Verdict) -> dict[str, str]:
    """In base units, as results.json has them; what is missing is left out."""
    numbers = {
        "value": verdict.value,
        "lower": verdict.lower,
        "upper": verdict.upper,
        "bound": verdict.bound,
        "margin": verdict.margin,
    }
    return {
        **{name: f"{number:.12g}" for name, number in numbers.items() if number is not None},
        "direction": verdict.direction,
        "unit": verdict.unit.value,
        "samples": str(verdict.samples),
        "severity": verdict.severity,
        "description": verdict.description,
    }


def _guard_line(guard: Guard) -> str:
    parts = (wording.guard_text(guard), guard.reason)
    name = f"{guard.name} {guard.request}".strip()
    return f"guard {name} {guard.outcome}: {', '.join(filter(None, parts))}"


def _properties(values: dict[str, str]) -> ET.Element:
    result = _element("properties")
    for name, value in values.items():
        if value:
            result.append(_element("property", {"name": name, "value": value}))
    return result


def _element(tag: str, attributes: dict[str, str] | None = None, text: str = "") -> ET.Element:
    # Attributes are names and one-line facts: a host may show a newline in them as it likes.
    one_line = {name: _legal(wording.clean(value)) for name, value in (attributes or {}).items()}
    element = ET.Element(tag, one_line)
    element.text = _legal(text) or None
    return element


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("", text)


def _count(cases: list[ET.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _seconds(value: float) -> str:
    return f"{value:.3f}"
