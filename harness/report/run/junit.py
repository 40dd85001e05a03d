"""junit.xml: one testcase a budget, for the test views of CI hosts.

The shape is what Jenkins, GitLab and GitHub's reporters read in common, and valid by the strictest
schema among theirs (junit-10.xsd of Jenkins' xUnit plugin): `testsuites`, one `testsuite` with
`properties`, its testcases, then `system-out`. A breach is a `failure`; a budget of severity error
that could not be judged is an `error`, which those hosts show red as well, so that nothing looks
green without data. What only warns is a passed testcase with its reason as output.
"""

from __future__ import annotations

from harness.judge.model import Guard, Judgement, Verdict
from harness.report.parts import words as wording
from harness.report.parts.junit import document, is_red, testcase, whole
from harness.runs.model import Manifest


def junit_xml(judgement: Judgement, manifest: Manifest) -> str:
    """The content of junit.xml.

    A run that is not a success although no budget is to blame (it was interrupted, or has no
    budgets) gets a testcase named "run" with an error, since hosts take an empty suite for green.
    """
    name = f"{manifest.service}.{wording.scenario_name(manifest)}"
    cases = [
        testcase(verdict, name, breach="breach", figures=_figures(verdict))
        for verdict in judgement.verdicts
    ]
    success = judgement.exit_code == 0 and manifest.status == "complete"
    if not success and not is_red(cases):
        headline = wording.headline(judgement, manifest)
        cases.append(whole("run", name, judgement.outcome, headline))
    facts = {label.lower(): text for label, text in wording.facts(manifest)}
    return document(
        *(name, cases, facts | _told(manifest)),
        started=manifest.clock.started or manifest.clock.created,
        seconds=wording.window_seconds(manifest) or 0.0,
        output=[_guard_line(guard) for guard in judgement.guards],
    )


def _told(manifest: Manifest) -> dict[str, str]:
    """What the load tells of itself besides its numbers."""
    return {
        "load": wording.load_account(manifest),
        "notices": wording.clean("; ".join(manifest.notices), 1000),
        "aborted by": manifest.aborted_by,
    }


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


def _guard_line(guard: Guard) -> str:
    parts = (wording.guard_text(guard), guard.reason)
    name = f"{guard.name} {guard.request}".strip()
    return f"guard {name} {guard.outcome}: {', '.join(filter(None, parts))}"
