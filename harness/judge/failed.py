"""Where to look first when requests failed: it depends on how most of them failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness import names
from harness.budgets.model import Budget, ErrorRatio
from harness.judge.model import Verdict
from harness.runs.model import Evidence, Manifest
from harness.runs.records.failed import FailureKind

_BY_KIND = {
    names.FAILED_TIMEOUT: "see why the service does not answer in time, or raise the timeout",
    names.FAILED_CHECK: (
        f"compare the answers in {names.FAILURES_FILE} with the checks of the locustfile"
    ),
    names.FAILED_EXCEPTION: f"see the answers in {names.FAILURES_FILE} and the generator's log",
}


def with_advice(budget: Budget, verdict: Verdict, evidence: Evidence) -> Verdict:
    """The verdict on a breached error ratio, with advice on how its requests failed."""
    if not verdict.advice or not isinstance(budget.indicator, ErrorRatio):
        return verdict
    request = budget.indicator.request
    found = [one for one in evidence.failures if request in {None, one.request} and one.count]
    if not found:
        return verdict
    return replace(verdict, advice=_advice(_most_frequent(found), evidence))


def _most_frequent(found: Iterable[FailureKind]) -> str:
    """The kind of most requests; a refused connection is a kind of its own."""
    counts: dict[str, int] = {}
    for one in found:
        kind = names.REFUSED if one.text.startswith(names.REFUSED) else one.kind
        counts[kind] = counts.get(kind, 0) + one.count
    return max(counts, key=lambda kind: counts[kind])


def _advice(kind: str, evidence: Evidence) -> str:
    if kind == names.REFUSED:
        return f"see why the service stopped listening{_end_of_process(evidence.manifest)}"
    return _BY_KIND.get(kind) or _look_at_service(evidence)


def _look_at_service(evidence: Evidence) -> str:
    answers = f"see the answers in {names.FAILURES_FILE}"
    if not evidence.manifest.target.get("ours"):
        return f"{answers}, and the log of the service"
    if evidence.logged:
        return f"{answers}, and the service's log, {names.TARGET_LOG}, in the run folder"
    return f"{answers}; the service logged nothing"


def _end_of_process(manifest: Manifest) -> str:
    """Such as ": its process ended with exit code 1"; empty if that is not known."""
    code = manifest.target.get("exit_code")
    if not isinstance(code, int):
        return ""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f": its process {how}"
