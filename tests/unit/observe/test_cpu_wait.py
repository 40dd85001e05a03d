"""Waiting for a CPU, read from files in the format of Linux and from running processes."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.observe.cpu_wait import CpuWaitReader, waits_and_switches


def thread(proc: Path, pid: int, tid: int, waited: float, switches: int = 42) -> Path:
    file = proc / str(pid) / "task" / str(tid) / "schedstat"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"123456789 {round(waited * 1e9)} {switches}\n")
    return file


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param("45509539 28321728 95\n", (28321728, 95), id="as Linux writes it"),
        pytest.param("0 0 0\n", (0, 0), id="a thread that has not run"),
        pytest.param("", None, id="empty"),
        pytest.param("1 2\n", None, id="a field short"),
        pytest.param("1 2 3 4\n", None, id="a field more"),
        pytest.param("1 x 3\n", None, id="no number"),
    ],
)
def test_waiting_and_switches_of_a_thread_are_read_from_its_schedstat(
    tmp_path: Path, text: str, counts: tuple[int, int] | None
) -> None:
    file = tmp_path / "schedstat"
    file.write_text(text)
    assert waits_and_switches(file) == counts
    assert waits_and_switches(tmp_path / "gone") is None


def test_waiting_is_summed_over_threads_and_processes(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, 0.5)
    thread(tmp_path, 10, 11, 0.25)
    thread(tmp_path, 20, 20, 2.0)
    assert CpuWaitReader(tmp_path).read([10]) == pytest.approx(0.75)
    assert CpuWaitReader(tmp_path).read([10, 20]) == pytest.approx(2.75)


def test_waiting_of_ended_threads_is_kept(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, 0.5)
    ending = thread(tmp_path, 10, 11, 0.25)
    reader = CpuWaitReader(tmp_path)
    assert reader.read([10]) == pytest.approx(0.75)
    ending.unlink()
    thread(tmp_path, 10, 10, 0.6)
    assert reader.read([10]) == pytest.approx(0.85)
    thread(tmp_path, 10, 11, 0.1)  # another thread with the id of the ended one
    assert reader.read([10]) == pytest.approx(0.95)
    thread(tmp_path, 10, 11, 0.05)  # and yet another
    assert reader.read([10]) == pytest.approx(1.0)


def test_switches_are_summed_over_threads_and_those_of_ended_threads_are_kept(
    tmp_path: Path,
) -> None:
    thread(tmp_path, 10, 10, 0.5, switches=7)
    ending = thread(tmp_path, 20, 21, 0.5, switches=30)
    reader = CpuWaitReader(tmp_path)
    reader.read([10, 20])
    assert reader.switches == 37
    ending.unlink()
    thread(tmp_path, 10, 10, 0.5, switches=9)
    reader.read([10, 20])
    assert reader.switches == 39
    thread(tmp_path, 20, 21, 0.1, switches=2)  # another thread with the id of the ended one
    reader.read([10, 20])
    assert reader.switches == 41


def test_waiting_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert CpuWaitReader(tmp_path).read([10]) is None
    thread(tmp_path, 10, 10, 0.5)
    assert CpuWaitReader(tmp_path).read([]) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has schedstat")
def test_waiting_of_a_sleeping_process_is_short_and_never_decreases() -> None:
    code = "print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as sleeper:
        assert sleeper.stdout is not None
        sleeper.stdout.readline()
        while psutil.Process(sleeper.pid).status() != psutil.STATUS_SLEEPING:
            pass
        reader = CpuWaitReader()
        found = [reader.read([sleeper.pid]) for _ in range(20)]
        sleeper.communicate(b"\n")
    values = [value for value in found if value is not None]
    assert len(values) == 20
    assert values == sorted(values)
    assert values[-1] - values[1] < 0.05


def test_process_that_has_ended_is_left_out(tmp_path: Path) -> None:
    thread(tmp_path, 10, 10, 0.5)
    assert CpuWaitReader(tmp_path).read([99, 10]) == pytest.approx(0.5)
