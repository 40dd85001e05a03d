"""What a profile of a service is stored as, and when its CPU time is known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from harness.observe import profiler
from harness.observe.profiler import MOST_PROCESSES, RATE, Mode, ProfiledProcess, profile_service
from harness.runs.recording.moments import CpuMoments

STACK = "thread (1): MainThread;work (/srv/app.py:3)"
EVENT = {"args": {"filename": "", "line": 0}, "name": "main", "ph": "B", "tid": 1, "ts": 500_000}


class Service:
    """Processes with CPU times, of which some have no samples of running threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, used: dict[int, float]) -> None:
        self.used = used
        self.without: set[int] = set()
        self.ended: set[int] = set()
        self.notes: list[str] = []
        self.profiled: list[tuple[Mode, list[int], float]] = []
        self._readings: Iterator[float] = iter((0.0, 1.0))
        monkeypatch.setattr(profiler, "python_processes", self._processes)
        monkeypatch.setattr(profiler, "cpu_seconds", self._cpu_seconds)
        monkeypatch.setattr(profiler, "profile", self._profile)

    def _processes(self, pid: int, most: int) -> list[int]:
        return list(self.used)[:most]

    def _cpu_seconds(self, pids: Iterable[int]) -> dict[int, float]:
        factor = next(self._readings)
        alive = [pid for pid in pids if not factor or pid not in self.ended]
        return {pid: 5.0 + factor * self.used[pid] for pid in alive}

    async def _profile(
        self, pids: list[int], seconds: float, folder: Path, mode: Mode
    ) -> list[ProfiledProcess]:
        self.profiled.append((mode, pids, seconds))
        if mode == "times":
            return [ProfiledProcess(pid, json.dumps([EVENT]), "", 10.0, 12.0) for pid in pids]
        return [
            ProfiledProcess(pid, "", f"{pid} is idle")
            if mode == "cpu" and pid in self.without
            else ProfiledProcess(pid, f"{STACK} {pid}\n")
            for pid in pids
        ]

    def profile(self, folder: Path) -> CpuMoments | None:
        return asyncio.run(profile_service(1, 8.5, 15.0, folder, self.notes.append))


def test_profiles_of_both_halves_are_stored_with_their_times(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = Service(monkeypatch, {7: 1.5, 8: 0.5})
    found = service.profile(tmp_path)
    assert service.profiled == [(mode, [7, 8], 6.5) for mode in ("wall", "cpu", "times")]
    for file in ("profile-wall.folded", "profile-cpu.folded"):
        assert (tmp_path / file).read_text() == f"process 7;{STACK} 7\nprocess 8;{STACK} 8\n"
    assert found
    assert (found.cpu_seconds, found.rate, found.requests) == (2.0, RATE, 0)
    assert found.begun == 8.5
    assert found.start <= found.end
    assert [(one.earliest, one.latest) for one in found.processes] == [(10.0, 11.5)] * 2
    assert found.processes[0].stacks == {"main": (0.5,)}
    assert service.notes == []


@pytest.mark.parametrize(("used", "known"), [(0.01, True), (0.5, False)])
def test_cpu_time_is_unknown_if_a_busy_process_has_no_samples(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, used: float, *, known: bool
) -> None:
    service = Service(monkeypatch, {7: 1.5, 8: used})
    service.without = {8}
    found = service.profile(tmp_path)
    assert found
    assert found.cpu_seconds == (pytest.approx(1.5 + used) if known else None)
    assert service.notes == ["no profile of a process: 8 is idle"]


def test_cpu_time_is_unknown_if_a_process_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = Service(monkeypatch, {7: 1.5, 8: 0.5})
    service.ended = {8}
    found = service.profile(tmp_path)
    assert found
    assert found.cpu_seconds is None


@pytest.mark.parametrize(("more", "known"), [(0, True), (1, False)])
def test_cpu_time_is_unknown_if_some_processes_are_not_profiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: int, *, known: bool
) -> None:
    service = Service(monkeypatch, dict.fromkeys(range(MOST_PROCESSES + more), 0.5))
    found = service.profile(tmp_path)
    assert [len(pids) for _, pids, _ in service.profiled] == [MOST_PROCESSES] * 3
    assert found
    assert (found.cpu_seconds is not None) == known


def test_service_without_python_has_no_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = Service(monkeypatch, {})
    assert service.profile(tmp_path) is None
    assert service.notes == ["no profile: the service does not run Python"]
    assert not list(tmp_path.iterdir())
