"""After a breach the same load goes on for some seconds, not judged, and everything is recorded.

The judged window has ended and its evidence is stored before this begins.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, assert_never

from harness import names
from harness.budgets.model import Budget, Load, Plan, Scenario, Target
from harness.budgets.presets import in_run
from harness.budgets.workload import (
    ClosedWorkload,
    OpenWorkload,
    ShapeWorkload,
    Stage,
    UserStage,
    Workload,
)
from harness.errors import HarnessError, RunFolderError
from harness.judge.judge import judge
from harness.load.protocol.frames import Report
from harness.load.recorded import slow_requests
from harness.observe.exposition import ACCEPT_EXEMPLARS, parse_exemplars
from harness.observe.fetch import NoAnswer, fetch
from harness.observe.otlp.receiver import TraceReceiver, trace_receiver
from harness.observe.profiler import profile_service
from harness.observe.target import Service
from harness.runner.manifest import RunState
from harness.runner.mask import Mask
from harness.runner.options import RunOptions
from harness.runner.phases.context import RunPart
from harness.runner.redact import redacted, without_secrets
from harness.runner.start import LEAD
from harness.runs.folder import RunFolder, read_evidence
from harness.runs.log import cannot_write
from harness.runs.recording.answers import AnswerLog
from harness.runs.recording.moments import CpuMoments, write_moments
from harness.runs.records.exemplars import Exemplar, ExemplarLog
from harness.runs.records.failures import FailureLog
from harness.runs.records.slowest import SlowestLog

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
# A target that has one of these sends its traces elsewhere, and is left alone.
_OWN: Final = (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER")
_PROXIES: Final = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_HERE: Final = "127.0.0.1"  # where traces are received by default
_BATCH_DELAY: Final = 500  # ms from the end of a span to its export
_EXEMPLARS_TIMEOUT: Final = 2.0  # seconds
_DRAIN: Final = 2.0  # seconds for the last answers


def goes_on(scenario: Scenario, seconds: float, part: float = 1.0) -> Scenario:
    """The load with which a scenario ended, for some more seconds, with every request sampled.

    Args:
        scenario: Of the run.
        seconds: How long it goes on.
        part: Of the rate or of the users; a shape of the locustfile goes on as it is.
    """
    loads = tuple(
        replace(load, start=0.0, workload=_last_of(load, seconds, part)) for load in scenario.loads
    )
    return replace(
        scenario,
        loads=loads,
        warm_up=0.0,
        duration=seconds,
        drain=_DRAIN,
        trace_ratio=1.0,
        auto_warm_up=False,
        planned=None,
        early=False,
    )


def _last_of(load: Load, seconds: float, part: float) -> Workload:
    workload = load.workload
    match workload:
        case OpenWorkload(stages=stages):
            rate = stages[-1].rate or max(stage.rate for stage in stages)
            # Another seed: the mix goes on, it does not begin anew.
            stages = (Stage(part * rate, seconds),)
            return replace(workload, stages=stages, seed=workload.seed + 1)
        case ClosedWorkload(stages=user_stages):
            users = user_stages[-1].users or max(stage.users for stage in user_stages)
            fewer = max(1, round(part * users))
            return replace(workload, stages=(UserStage(fewer, seconds),), seed=workload.seed + 1)
        case ShapeWorkload():
            return workload
        case _:
            assert_never(workload)


class Breaches:
    """The budgets that a run breaches, judged once, after the last scrape of its service.

    Args:
        plan: The whole of budgets.yaml.
        scenario: Of the run.
        state: Of the run.
    """

    def __init__(self, plan: Plan, scenario: Scenario, state: RunState) -> None:
        self._plan = plan
        self._scenario = scenario
        self._state = state

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets of the run, with the metrics that play their roles."""
        of_scenario = self._plan.budgets_of(self._scenario.name)
        return in_run(of_scenario, self._state.manifest.roles)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of those that are breached; none where the evidence cannot be read."""
        try:
            evidence = read_evidence(self._state.folder, manifest=self._state.manifest)
        except RunFolderError:
            return frozenset()  # which its verdict tells
        verdicts = judge(self.budgets, evidence).verdicts
        return frozenset(one.name for one in verdicts if one.outcome == "fail")


@dataclass(frozen=True, slots=True)
class DiagnosisPhase(RunPart):
    """A service whose judged load has ended, and what is needed to load it again.

    Attributes:
        interrupted: Set when a signal ends the phase.
        traces: Receives the traces of the service; None when nothing does.
    """

    breaches: Breaches
    service: Service
    interrupted: asyncio.Event
    traces: TraceReceiver | None

    async def is_wanted(self) -> bool:
        """Whether the options and the outcome of the run ask for a diagnosis."""
        return await asyncio.to_thread(self._is_wanted)

    async def run(self) -> None:
        """Let the load go on and record it.

        Nothing that fails here changes the run: it becomes a notice.
        """
        if self.options.pool:
            self.state.note("not diagnosed: the load comes from workers on other machines")
            return
        seconds = self.options.diagnosis.seconds
        self.options.note(f"diagnosing: the load goes on for {seconds:g} s, which are not judged")
        folder = self.state.folder.file(names.DIAGNOSIS_FOLDER)
        try:
            folder.mkdir()
            answered: dict[str, int] = {}
            with self._recording(folder, answered) as on_report:
                moments = await self._load(folder, on_report)
            if moments:
                requests = sum(answered.values())
                write_moments(folder / names.MOMENTS_FILE, replace(moments, requests=requests))
            await self._store_exemplars(folder)
        except OSError as error:
            self.state.note(f"not diagnosed: {cannot_write(error)}")
        except HarnessError as error:
            self.state.note(f"not diagnosed: {error.text}")

    def _is_wanted(self) -> bool:
        ended = self.state.manifest.status in {"complete", "aborted"}
        if not ended or self.service.died.done() or self.interrupted.is_set():
            return False
        match self.options.diagnosis.when:
            case "never":
                return False
            case "always":
                return True
            case "breach":
                return bool(self.breaches.names)
            case _:
                assert_never(self.options.diagnosis.when)

    @contextmanager
    def _recording(
        self, folder: Path, answered: dict[str, int]
    ) -> Iterator[Callable[[Report], None]]:
        """A listener that stores slow and failed requests, and shapes of answers, of the phase.

        Args:
            folder: Of the phase.
            answered: Gets the number of answered requests of each generator.
        """
        clock, mask = self.state.clock, self.state.mask
        with (
            SlowestLog(folder / names.SLOWEST_FILE) as slowest,
            FailureLog(folder / names.FAILURES_FILE) as failures,
            AnswerLog(folder / names.ANSWERS_FILE) as answers,
        ):
            failures.begin(clock.now())

            def on_report(report: Report) -> None:
                slowest.write(slow_requests(report, clock.epoch))
                failures.write(redacted(one.at_times(clock.epoch), mask) for one in report.failures)
                answers.write(report.answers)
                answered[report.source] = report.recorded

            yield on_report

    async def _load(self, folder: Path, on_report: Callable[[Report], None]) -> CpuMoments | None:
        """Let the load go on; returns what ran meanwhile, if it was recorded to the end."""
        if self.traces:
            self.traces.allow(self.options.diagnosis.most)
        generators = self.context.open_fleet(
            *(
                self.options.diagnosis.load
                or goes_on(self.scenario, self.options.diagnosis.seconds),
                self.service.url,
                folder,
                on_report,
            ),
            ca_file=self.target.ca_file,
            keep_answers=True,
        )
        async with generators as load:
            begin = self.options.diagnosis.begin
            t0 = await begin() if begin else time.monotonic() + LEAD
            await load.start(t0, t0)
            profiling = asyncio.create_task(self._profile(folder))
            over = asyncio.create_task(asyncio.sleep(LEAD + self.options.diagnosis.seconds))
            interrupted = asyncio.create_task(self.interrupted.wait())
            ends: set[asyncio.Future[object]] = {
                *(over, interrupted),  # type: ignore[arg-type]
                *(load.died, self.service.died),  # type: ignore[arg-type]
            }
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if not over.done():
                    profiling.cancel()
                (found,) = await asyncio.gather(profiling, return_exceptions=True)
                if isinstance(found, Exception):  # e.g. a full disk; not a cancelled one
                    raise found
                if not load.died.done():
                    await load.stop(_DRAIN)
            finally:
                for task in (profiling, over, interrupted):
                    task.cancel()
            if self.service.died.done():
                self.state.note("the service ended while the load went on for the diagnosis")
            if load.died.done():  # it raises what kept a report from being stored
                how = load.died.result()
                self.state.note(f"the load generator died in the load for the diagnosis: {how}")
            return found if isinstance(found, CpuMoments) else None

    async def _store_exemplars(self, folder: Path) -> None:
        found = await asyncio.to_thread(exemplars_of, self.service)
        with ExemplarLog(folder / names.EXEMPLARS_FILE) as log:
            log.write(found)

    async def _profile(self, folder: Path) -> CpuMoments | None:
        if self.service.pid is None:
            self.state.note(
                "no profile: the harness has not started the service; run it on the service's "
                "machine with target.command"
            )
            return None
        begun, seconds = time.time(), self.options.diagnosis.seconds
        await asyncio.sleep(LEAD)
        return await profile_service(self.service.pid, begun, seconds, folder, self.state.note)


def exemplars_of(service: Service) -> list[Exemplar]:
    """Read the exemplars of all metrics endpoints; blocks the calling thread.

    An endpoint that does not answer, or has no exemplars, has none.
    """
    found: list[Exemplar] = []
    for url in service.metrics:
        try:
            answer = fetch(url, _EXEMPLARS_TIMEOUT, ACCEPT_EXEMPLARS, tls=service.tls)
        except NoAnswer:
            continue
        found += parse_exemplars(answer.body.decode(errors="replace"))
    return found


@contextmanager
def receive_traces(
    target: Target, options: RunOptions, folder: RunFolder, mask: Mask
) -> Iterator[tuple[Target, TraceReceiver | None]]:
    """Receive the traces of a service that is started within the context.

    Args:
        target: The service.
        options: Of the run.
        folder: Of the run.
        mask: Hides values of environment variables.

    Yields:
        The target, with the settings that send its traces here; and the receiver, None when there
        is nothing to receive.

    Raises:
        UsageError: The address for traces cannot be bound to.
        OSError: The file of the traces cannot be written.
    """
    diagnosis = options.diagnosis
    starts = options.url is None and target.command is not None and not _has_own(target)
    if diagnosis.when == "never" or not (starts or diagnosis.listen):
        yield target, None
        return
    host, port = diagnosis.listen or (_HERE, 0)

    def clean(text: str) -> str:
        return without_secrets(mask(text))

    path = folder.file(names.TRACES_FILE)
    with trace_receiver(path, host, port, most=diagnosis.most // 2, clean=clean) as receiver:
        yield (_with_trace_export(target, receiver.url) if starts else target), receiver


def _has_own(target: Target) -> bool:
    """Whether the service gets settings that send its traces elsewhere."""
    return any(name in target.environment or name in os.environ for name in _OWN)


def _with_trace_export(target: Target, url: str) -> Target:
    added = {
        ENDPOINT: url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": str(_BATCH_DELAY),
    }
    direct = _without_proxy({**os.environ, **target.environment})
    return replace(target, environment={**added, **target.environment, **direct})


def _without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of a service that has a proxy, so that it sends nothing to this machine through it.

    The exporter for Python reads them; it prefers the name in lower case.
    """
    if not any(environment.get(name) for name in _PROXIES):
        return {}
    found = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [one.strip() for one in found.split(",") if one.strip()]
    if _HERE in hosts or hosts == ["*"]:
        return {}
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join((*hosts, _HERE)))
