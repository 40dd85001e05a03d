"""After a breach the service is started once more, and recorded from within.

A start is over before anything can breach, and memory is attributed to lines of code only by an
interpreter that does so from its start. So both need a second start, which nothing judges.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, assert_never

import psutil

from harness import names
from harness.budgets.dialects.restarts import RestartKind, restart_of
from harness.budgets.model import Target
from harness.budgets.presets import roles_of_run
from harness.errors import HarnessError, TargetError
from harness.observe import inside
from harness.observe.profiler import NO_PYTHON, python_processes
from harness.observe.target import Service, ending, serve
from harness.runner.phases.context import RunContext, RunPart
from harness.runner.phases.diagnosis import Breaches, goes_on
from harness.runner.start import LEAD, LoadStart
from harness.runs.log import cannot_write
from harness.runs.recording.profile import folded

_FOLDER: Final = "HARNESS_INSIDE"  # variable of the service: where its sampler writes
_SNAPSHOT: Final = "snapshot-"
_READY: Final = "ready"  # file for the sampler, and the ending of what it writes then
_WRITTEN: Final = 10.0  # s that a sampler may take to write: it may have to wait for a CPU
_SLOWER: Final = 2.0  # times the longest start: sampling takes time
_FRAMES: Final = 10  # of the place of an allocation
# Of the load: a service whose memory is traced takes two to four times the CPU time.
_PART: Final = 0.25
_AFTER: Final = 1.5  # s after the start: what goes on then is no part of it
_SNAPSHOTS: Final = (0.1, 0.55)  # of the load, before the last one
_LAST_SNAPSHOT: Final = 20.0  # s that it may take
_STEP: Final = 0.1  # s
_DRAIN: Final = 2.0  # s for the last answers


@asynccontextmanager
async def recorded_restart(
    context: RunContext, breaches: Breaches, start: LoadStart
) -> AsyncIterator[None]:
    """Start the service once more when this block has ended, if a breach asks for it.

    The service itself runs within the block: its port and its files are free afterwards.

    Args:
        context: Of the run.
        breaches: Of the run.
        start: Whose signals end the recording.
    """
    yield
    restart = _Restart(context, start.interrupted)
    for kind in await asyncio.to_thread(_wanted, context, breaches):
        if not start.interrupted.is_set():
            await restart.record(kind)


def _wanted(context: RunContext, breaches: Breaches) -> list[RestartKind]:
    """What is to be recorded, in the order of the budgets."""
    manifest, options = context.state.manifest, context.options
    diagnosis = options.diagnosis
    started = context.target.command is not None and options.url is None and not options.pool
    # Both versions of a comparison are recorded together, at given times.
    if diagnosis.when == "never" or diagnosis.begin is not None or not started:
        return []
    if manifest.status not in {"complete", "aborted"} or NO_PYTHON in manifest.notices:
        return []
    roles = roles_of_run(manifest.roles)
    kinds = {one.name: kind for one in breaches.budgets if (kind := restart_of(one, roles))}
    if not kinds:
        return []
    if diagnosis.when == "always":
        return list(dict.fromkeys(kinds.values()))
    return list(dict.fromkeys(kind for name, kind in kinds.items() if name in breaches.names))


@dataclass(frozen=True, slots=True)
class _Restart(RunPart):
    """A service that has ended, and what is needed to start and load it again."""

    interrupted: asyncio.Event

    async def record(self, kind: RestartKind) -> None:
        """Start the service and record it; what fails becomes a notice and changes nothing."""
        folder = self.state.folder.file(names.DIAGNOSIS_FOLDER)
        own = folder / "inside"
        what = "its start" if kind == "start" else "its memory"
        self.options.note(f"diagnosing: the service starts once more, to record {what}")
        try:
            own.mkdir(parents=True)
            match kind:
                case "start":
                    work = self._start(folder, own)
                case "memory":
                    work = self._memory(folder, own)
                case _:
                    assert_never(kind)
            await self._unless_interrupted(work)
        except OSError as error:
            self.state.note(f"{what} was not recorded: {cannot_write(error)}")
        except HarnessError as error:
            self.state.note(f"{what} was not recorded: {error.text}")
        finally:
            shutil.rmtree(own, ignore_errors=True)

    async def _unless_interrupted(self, work: Coroutine[object, object, None]) -> None:
        """Wait for the work, and cancel it at a signal."""
        task = asyncio.create_task(work)
        signal = asyncio.create_task(self.interrupted.wait())
        try:
            await asyncio.wait({task, signal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            signal.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()):
            raise error

    def _sampled(self, own: Path, **more: str) -> Target:
        """The target with the sampler in its interpreter."""
        environment = {**os.environ, **self.target.environment}
        path = os.pathsep.join(
            filter(None, (str(Path(inside.__file__).parent), environment.get("PYTHONPATH")))
        )
        added = {"PYTHONPATH": path, _FOLDER: str(own.absolute()), **more}
        return replace(
            self.target,
            environment={**self.target.environment, **added},
            ready_timeout=_SLOWER * self.target.ready_timeout,
        )

    async def _start(self, folder: Path, own: Path) -> None:
        async with serve(self._sampled(own), folder / names.TARGET_LOG):
            (own / _READY).touch()
            await _until_all(own, lambda path: path.with_suffix(f".{_READY}").exists())
            await asyncio.sleep(_AFTER)
            before = {path: path.stat().st_mtime_ns for path in _stack_files(own)}
            await _until_all(own, lambda path: path.stat().st_mtime_ns != before.get(path))
            until_ready, after = _stacks(own, until_ready=True), _stacks(own)
        (folder / names.START_STACKS_FILE).write_text(_text(until_ready), "utf-8")
        (folder / names.STARTED_STACKS_FILE).write_text(_text(_added(until_ready, after)), "utf-8")
        if not until_ready:
            self.state.note(_NO_SAMPLER.format(what="its start"))

    async def _memory(self, folder: Path, own: Path) -> None:
        target = self._sampled(own, HARNESS_INSIDE_FRAMES=str(_FRAMES))
        async with serve(target, folder / names.TARGET_LOG) as service:
            seconds = self.options.diagnosis.seconds
            scenario = replace(goes_on(self.scenario, seconds, _PART), trace_ratio=0.0)
            fleet = self.context.open_fleet(
                *(scenario, service.url, folder, lambda _: None), ca_file=self.target.ca_file
            )
            async with fleet as load:
                t0 = time.monotonic() + LEAD
                await load.start(t0, t0)
                for number, share in enumerate(_SNAPSHOTS, 1):
                    await _until(t0 + share * seconds, load.died, service.died)
                    (own / f"{_SNAPSHOT}{number}").touch()
                await _until(t0 + seconds, load.died, service.died)
                _refuse_ended(service)
                await load.stop(_DRAIN)  # raises the reason where the generator has died
            await self._last_snapshot(own, service)
            if not (growth := _joined(own)):
                _refuse_ended(service)
        (folder / names.GROWTH_FILE).write_text(growth, "utf-8")
        if not growth:
            known = _TOO_SLOW if _is_sampled(own) else ""
            self.state.note(known or _NO_SAMPLER.format(what="its memory"))

    async def _last_snapshot(self, own: Path, service: Service) -> None:
        """Wait until each Python process has written how its memory grew."""
        assert service.pid is not None
        pids = await asyncio.to_thread(python_processes, service.pid)
        (own / f"{_SNAPSHOT}{len(_SNAPSHOTS) + 1}").touch()
        deadline = time.monotonic() + _LAST_SNAPSHOT
        while time.monotonic() < deadline and not service.died.done():
            if all((own / f"{pid}.growth").exists() for pid in pids):
                return
            await asyncio.sleep(_STEP)


_NO_SAMPLER: Final = (
    "{what} was not recorded: no Python process of the service has read PYTHONPATH. A service "
    "cannot be sampled from within if it is written in another language, if it runs `python -I`, "
    "`python -E` or `opentelemetry-instrument`, or if its user cannot write the run folder"
)


_TOO_SLOW: Final = (
    f"its memory was not recorded: the last snapshot was not written within {_LAST_SNAPSHOT:g} s"
)


def _refuse_ended(service: Service) -> None:
    """Raise TargetError if the service has ended."""
    if service.died.done():
        raise TargetError(f"the service ended under the load: {ending(service.died.result())}")


async def _until(moment: float, *ends: asyncio.Future[str] | asyncio.Future[int]) -> None:
    """Wait until a moment of `time.monotonic`, or until something has ended."""
    await asyncio.wait(ends, timeout=max(0.0, moment - time.monotonic()))


async def _until_all(own: Path, has_written: Callable[[Path], bool]) -> None:
    """Wait until the sampler of each process has written, unless the process has ended."""
    deadline = time.monotonic() + _WRITTEN
    while time.monotonic() < deadline:
        found = _stack_files(own)
        if all(has_written(path) or not psutil.pid_exists(int(path.stem)) for path in found):
            return
        await asyncio.sleep(_STEP)


def _stack_files(own: Path) -> list[Path]:
    """The files of the processes with a sampler, each with its id as the name."""
    return sorted(own.glob("*.folded"))


def _stacks(own: Path, *, until_ready: bool = False) -> dict[str, int]:
    """The samples of all processes by stack, as they were written last or when it became ready."""
    found: dict[str, int] = {}
    for written in _stack_files(own):
        divided = written.with_suffix(f".{_READY}")
        path = divided if until_ready and divided.exists() else written
        for line in folded(int(path.stem), path.read_text("utf-8", "replace")).splitlines():
            stack, _, count = line.rpartition(" ")
            found[stack] = int(count)
    return found


def _is_sampled(own: Path) -> bool:
    """Whether the sampler of a process has taken a snapshot."""
    return any(own.glob(f"*.{_SNAPSHOT}*"))


def _joined(own: Path) -> str:
    return "".join(path.read_text("utf-8", "replace") for path in sorted(own.glob("*.growth")))


def _added(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    more = {stack: count - before.get(stack, 0) for stack, count in after.items()}
    return {stack: count for stack, count in more.items() if count > 0}


def _text(stacks: Mapping[str, int]) -> str:
    lines: Iterable[str] = (f"{stack} {count}\n" for stack, count in stacks.items())
    return "".join(lines)
