"""junit.xml of a run: one testcase a budget, for the test views of CI hosts.

Jenkins, GitLab and the reporters of GitHub all read this structure, and it is valid by the
strictest schema of them (junit-10.xsd of Jenkins' xUnit plugin): `testsuites`, one `testsuite` with
`properties`, its testcases, then `system-out`. A breach is a `failure`. An inconclusive budget of
severity error is an `error`, which these hosts show red, too, so that missing data is never green.
A warning is a passed testcase with the reason as its output.
"""

from __future__ import annotations

from harness.judge.model import Guard, Judgement, Verdict
from harness.report.parts import words as wording
from harness.report.parts.failures import FailureNotes
from harness.report.parts.junit import document, is_red, testcase, whole
from harness.runs.model import Manifest
from harness.units import counted


def junit_xml(judgement: Judgement, manifest: Manifest, notes: FailureNotes | None = None) -> str:
    """The content of junit.xml.

    A run that failed without a red budget (it was interrupted, or has no budgets) gets a testcase
    named "run" with an error, because hosts show an empty suite green. A run that never began has
    only this testcase: its budgets would all say the same.

    Args:
        judgement: The outcome, the guards and the verdicts.
        manifest: The run.
        notes: What failed.
    """
    notes = notes or FailureNotes()
    name = f"{manifest.service}.{wording.scenario_name(manifest)}"
    cases = [
        testcase(
            *(verdict, name),
            breach="breach",
            figures=_figures(verdict),
            notes=notes.of_budgets.get(verdict.name, ()),
        )
        for verdict in judgement.verdicts
        if not manifest.never_began
    ]
    success = judgement.exit_code == 0 and manifest.status == "complete"
    headline = wording.headline(judgement, manifest)
    if manifest.never_began:
        reason = wording.failure(manifest)
        cases.append(whole("run", name, judgement.outcome, reason[0], "\n".join(reason)))
    elif not success and not is_red(cases):
        cases.append(whole("run", name, judgement.outcome, headline))
    facts = {label.lower(): text for label, text in wording.facts(manifest)}
    return document(
        *(name, cases, facts | _properties(judgement, manifest)),
        started=manifest.clock.started or manifest.clock.created,
        seconds=wording.window_seconds(manifest) or 0.0,
        output=[headline]
        if manifest.never_began
        else [
            *(f"failed: {line}" for line in notes.others),
            *(_guard_line(guard) for guard in judgement.guards),
        ],
    )


def _properties(judgement: Judgement, manifest: Manifest) -> dict[str, str]:
    return {
        "load": wording.load_text(manifest),
        "times": wording.timing_text(judgement),
        "notices": wording.clean("; ".join(manifest.notices), 1000),
        "aborted by": manifest.aborted_by,
        "cannot fail the run": wording.leniency(judgement),
    }


def _figures(verdict: Verdict) -> str:
    value = wording.measured_text(verdict)
    interval = wording.interval_text(verdict)
    parts = (
        value if verdict.has_data else "no data",
        f"interval {interval}" if interval and verdict.decide == "interval" else interval,
        wording.bound_text(verdict),
        "" if verdict.margin is None else f"margin {wording.margin_text(verdict)}",
        f"{counted(verdict.samples, 'sample')} from the {verdict.source}" if verdict.source else "",
    )
    return ", ".join(filter(None, parts))


def _guard_line(guard: Guard) -> str:
    parts = (wording.guard_text(guard), guard.reason)
    name = f"{guard.name} {guard.request}".strip()
    return f"guard {name} {guard.outcome}: {', '.join(filter(None, parts))}"
