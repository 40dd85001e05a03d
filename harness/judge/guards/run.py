"""Guards on the run as a whole: it ended as planned, its service ran, its load made requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from harness.budgets.model import ClientIndicator, ErrorRatio, Latency, Throughput
from harness.judge.guards.readings import increases
from harness.judge.measure.measure import Measured, MeasuredBudgets
from harness.judge.measure.observation import RequestCount
from harness.judge.measure.requests import request_counts, total_of
from harness.judge.measure.series import PROMETHEUS, NoDataError, listed, window
from harness.judge.measure.unanswered import StuckUsers, stuck_users
from harness.judge.model import Guard, guard
from harness.names import GENERATOR_ELSEWHERE, GENERATOR_STARTED
from harness.runs.model import Evidence, Manifest
from harness.units import Unit, counted, format_quantity

# Seconds; half of the shortest usual scrape interval. A clock that is slewed by 500 ppm, the most
# that adjtime does, takes a quarter of an hour for that.
CLOCK_STEP = 0.5


def run_complete(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The run went to its planned end; a part of a run is shown, not judged.

    The exception is the budget whose certain breach stopped the load: it is judged by the part.
    """
    manifest = evidence.manifest
    aborted = manifest.status == "aborted"
    others = tuple(
        one.name for one in measured if one.name != manifest.aborted_by or one.holds is not False
    )
    reason = _end_of_run(manifest)
    yield guard(
        "run-complete",
        reason,
        tripped=manifest.status != "complete",
        scope="all",
        budgets=others if aborted else None,
    )


def _end_of_run(manifest: Manifest) -> str:
    # The further lines of a reason are output of the service, and what to do.
    why = f" ({manifest.reason.partition(chr(10))[0]})" if manifest.reason else ""
    match manifest.status:
        case "complete":
            return "the run is complete"
        case "interrupted":
            return f"the run was interrupted{why} and is incomplete; run it again"
        case "failed":
            return f"the run is incomplete{why}"
        case "aborted":
            budget = manifest.aborted_by
            return f"the load was stopped early because {budget} was breached; repair that first"
        case "running":
            return "the run was never finished: the harness was killed, or still runs; run it again"
        case _:
            assert_never(manifest.status)


def files_unchanged(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """The files of the run are what they were when it ended."""
    changed = evidence.changed
    if changed is None:
        return
    reason = "the files of the run are as they were when it ended"
    if changed:
        reason = (
            f"{'; '.join(changed)}: the folder was changed after the run; restore it, or run the"
            " load again"
        )
    yield guard("files-unchanged", reason, tripped=bool(changed), value=len(changed), scope="all")


def settled(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """The latency settled in time, where the scenario waits for that."""
    found = evidence.manifest.settled
    if found is None:
        return
    if found.cut is not None:
        reason = f"the latency had settled after {format_quantity(found.cut, Unit.SECONDS)} of load"
    else:
        usual = (
            "there was no request"
            if found.limit is None
            else "no three consecutive seconds of the first half were as fast as most of the"
            f" second half, {format_quantity(found.limit, Unit.SECONDS)}"
        )
        reason = (
            f"the latency did not settle: {usual}; raise the duration, or look for what keeps"
            " changing"
        )
    yield guard(
        "settled",
        reason,
        tripped=found.cut is None,
        value=found.cut,
        unit=Unit.SECONDS,
        scope="all",
    )


def clock_step(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The machine's clock was not set while the run went on.

    The files of the folder are on a clock that nobody sets; a Prometheus server is not.
    """
    step = evidence.manifest.clock.step
    asked = tuple(one.name for one in measured if one.measurement.source == PROMETHEUS)
    if step is None:
        if asked:
            reason = "run.json does not say whether the machine's clock was set; run it again"
            yield guard("clock-step", reason, tripped=True, scope="all", budgets=asked)
        return
    far = abs(step) > CLOCK_STEP
    shown = format_quantity(abs(step), Unit.SECONDS)
    reason = f"the machine's clock kept within {shown} of the run's clock"
    if far:
        ahead = "ahead of" if step > 0 else "behind"
        reason = f"the machine's clock was {shown} {ahead} the run's clock: it was set"
        if asked:
            reason += (
                ", so the Prometheus server may have answered for another window than that of the"
                f" run: {listed(asked)}; run it again"
            )
        else:
            reason += "; no verdict depends on that"
    yield guard(
        "clock-step",
        reason,
        tripped=far and bool(asked),
        value=abs(step),
        limit=CLOCK_STEP,
        unit=Unit.SECONDS,
        scope="all",
        budgets=asked or None,
    )


def target_alive(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """A service that the harness started ran until the harness stopped it."""
    target = evidence.manifest.target
    if not target.get("ours"):
        return
    code = target.get("exit_code")
    if code is None:
        yield guard("target-alive", "the service ran until the end", tripped=False, scope="all")
        return
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    see = "; see its log in the run folder" if evidence.logged else ""
    reason = f"the service {ended} during the run{see}"
    yield guard("target-alive", reason, tripped=True, value=code, scope="all")


def window_complete(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """The run has a window with a start and an end."""
    try:
        seconds = window(evidence).seconds
    except NoDataError as error:
        yield guard("window-complete", f"{error}; run it again", tripped=True, scope="all")
        return
    reason = f"the window lasted {format_quantity(seconds, Unit.SECONDS)}"
    yield guard(
        "window-complete", reason, tripped=False, value=seconds, unit=Unit.SECONDS, scope="all"
    )


def requests_recorded(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """The load made requests, some were answered, and some of these without a failure.

    A service that answers none meets every budget, except those on latency and throughput, which it
    breaches. One that fails all of them has hardly any work, so what it meets beside the budgets on
    the failures themselves proves nothing.
    """
    requests = total_of(request_counts(evidence).values())
    count, others = requests.total, None
    unproven = () if requests.ok else tuple(o.name for o in measured if _holds_without_work(o))
    recorded = counted(count, "request was", "requests were")
    reason = f"{recorded} recorded in the window"
    if not count:
        reason = "no request was recorded in the window"
        if evidence.manifest.target.get("exit_code") is None:  # else target-alive says why
            reason += "; "
            if evidence.manifest.status == "complete":
                reason += "raise the duration if users wait longer than that between tasks, or "
            reason += "see the generator's log in the run folder"
        stuck = stuck_users(evidence)
        if requests.unanswered or stuck:
            others = tuple(one.name for one in measured if not _breached_by_silence(one))
            reason = _silence(requests.unanswered, stuck)
    elif unproven:
        others = unproven
        reason = (
            f"all {counted(count, 'request')} of the window failed, which proves nothing about"
            f" {listed(others)}; repair that first"
        )
    yield guard(
        "requests-recorded",
        reason,
        tripped=bool(unproven) if count else others != (),
        value=count,
        limit=1,
        scope="all",
        budgets=others,
    )


def _silence(unanswered: int, stuck: StuckUsers | None) -> str:
    what = f"all {counted(unanswered, 'request')} of the window are unanswered"
    if not unanswered and stuck:
        what = f"no request began in the window because {stuck.text} waited for the service"
    return f"{what}; see why the service does not answer"


def _breached_by_silence(one: Measured) -> bool:
    return isinstance(one.budget.indicator, Latency | Throughput) and one.holds is False


def _holds_without_work(one: Measured) -> bool:
    return bool(one.holds) and not isinstance(one.budget.indicator, Latency | ErrorRatio)


def requests_to_target(evidence: Evidence, _: MeasuredBudgets) -> Iterator[Guard]:
    """Not all requests went to another host or port than the target's.

    A service without load meets every budget on its resources.
    """
    elsewhere = round(sum(increases(evidence, GENERATOR_ELSEWHERE).values()))
    if not elsewhere:
        return
    started = round(sum(increases(evidence, GENERATOR_STARTED).values()))
    reason = f"{elsewhere} of {started} requests went to another host or port than the target's"
    if elsewhere == started:
        reason += (
            " (a notice names it), so the service had no load; correct the URLs in the locustfile,"
            " or the URL of the target"
        )
    yield guard(
        "requests-to-target",
        reason,
        tripped=elsewhere == started,
        value=started - elsewhere,
        limit=1,
        scope="all",
    )


def endpoint_has_requests(evidence: Evidence, measured: MeasuredBudgets) -> Iterator[Guard]:
    """Each request that a budget names was made."""
    found = request_counts(evidence)
    on_client = (
        one.budget.indicator
        for one in measured
        if isinstance(one.budget.indicator, ClientIndicator)
    )
    for request in sorted({indicator.request or "" for indicator in on_client} - {""}):
        made = found.get(request, RequestCount())
        count = made.made
        recorded = counted(count, f"request of {request} was", f"requests of {request} were")
        reason = f"{recorded} recorded"
        if made.unanswered:
            reason = f"{made.unanswered} of {count} requests of {request} are unanswered"
        if not count:
            others = listed(found) or "none"
            reason = f"no request {request} was recorded in the window; recorded: {others}"
        yield guard(
            "endpoint-has-requests",
            reason,
            tripped=not count,
            value=count,
            limit=1,
            request=request,
        )
