"""junit.xml: one testcase a budget, for the test views of CI hosts.

The shape is what Jenkins, GitLab and GitHub's reporters read in common: `testsuites`, one
`testsuite` with `properties`, its testcases, then `system-out`. A breach is a `failure`; a budget
of severity error that could not be judged is an `error`, which those hosts show red as well, so
that nothing looks green without data. What only warns is a passed testcase with its reason as
output.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.judge.model import Guard, Judgement, Verdict
from harness.report import wording
from harness.report.junit_elements import count, document, element, properties, seconds
from harness.runs.model import Manifest


def junit_xml(judgement: Judgement, manifest: Manifest) -> str:
    """The content of junit.xml.

    A run that is not a success although no budget is to blame (it was interrupted, or has no
    budgets) gets a testcase named "run" with an error, since hosts take an empty suite for green.
    """
    name = f"{manifest.service}.{wording.scenario_name(manifest)}"
    window = wording.window_seconds(manifest) or 0.0
    cases = [_case(verdict, name) for verdict in judgement.verdicts]
    if not count(cases, "failure") + count(cases, "error") and _is_no_success(judgement, manifest):
        cases.append(_run_case(judgement, manifest, name))
    counts = {
        "tests": str(len(cases)),
        "failures": str(count(cases, "failure")),
        "errors": str(count(cases, "error")),
        "skipped": "0",
        "time": seconds(window),
    }
    root = element("testsuites", {"name": "harness", **counts})
    started = wording.moment(manifest.clock.started or manifest.clock.created).rstrip("Z")
    suite = element("testsuite", {"name": name, **counts, "timestamp": started})
    root.append(suite)
    facts = {label.lower(): text for label, text in wording.facts(manifest)}
    suite.append(properties(facts | _told(manifest)))
    suite.extend(cases)
    if judgement.guards:
        suite.append(element("system-out", text="\n".join(map(_guard_line, judgement.guards))))
    return document(root)


def _told(manifest: Manifest) -> dict[str, str]:
    """What the load tells of itself besides its numbers."""
    return {
        "load": wording.load_account(manifest),
        "notices": wording.clean("; ".join(manifest.notices), 1000),
        "aborted by": manifest.aborted_by,
    }


def _case(verdict: Verdict, suite: str) -> ET.Element:
    case = element("testcase", {"classname": suite, "name": verdict.name, "time": "0"})
    case.append(properties(_facts(verdict)))
    text = "\n".join(filter(None, (_figures(verdict), verdict.reason, verdict.runbook)))
    alarm = _alarm(verdict)
    if alarm:
        tag, kind = alarm
        message = verdict.reason or _figures(verdict)
        case.append(element(tag, {"type": kind, "message": message}, text))
    else:
        case.append(element("system-out", text=f"{verdict.outcome}: {text}"))
    return case


def _alarm(verdict: Verdict) -> tuple[str, str] | None:
    """Element and type of what makes a testcase red; None for one that passes."""
    if verdict.outcome == "fail":
        return "failure", "breach"
    if verdict.outcome == "inconclusive" and verdict.severity == "error":
        return "error", "inconclusive"
    return None


def _run_case(judgement: Judgement, manifest: Manifest, suite: str) -> ET.Element:
    case = element("testcase", {"classname": suite, "name": "run", "time": "0"})
    message = wording.headline(judgement, manifest)
    case.append(element("error", {"type": judgement.outcome, "message": message}, message))
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
