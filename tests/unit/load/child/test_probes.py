"""Time that the host takes, read from files in the format of Linux.

The probes of the loop need a loop of gevent and are tested with real loads.
"""

from pathlib import Path

import pytest

from harness.load.child.probes import HostProbe

GROUP_2 = "0::/pod/own\n"
GROUP_1 = "9:name=systemd:/\n2:cpu,cpuacct:/own\n0::/\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def host(folder: Path, group: str = GROUP_2) -> HostProbe:
    write(folder / "proc/self/cgroup", group)
    return HostProbe(folder / "proc", folder / "cgroup")


def ticks(folder: Path, *, busy: int, idle: int, stolen: int) -> None:
    write(folder / "proc/stat", f"cpu  {busy} 0 0 {idle} 0 0 0 {stolen} 70 0\ncpu0 1 2 3\n")


def test_steal_is_the_share_since_the_last_call(tmp_path: Path) -> None:
    ticks(tmp_path, busy=1000, idle=1000, stolen=500)
    probe = host(tmp_path)
    ticks(tmp_path, busy=1060, idle=1030, stolen=510)
    assert probe.steal() == pytest.approx(0.1)
    assert probe.steal() == 0.0
    ticks(tmp_path, busy=1060, idle=1030, stolen=520)
    assert probe.steal() == 1.0


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_steal_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    write(tmp_path / "proc/stat", text)
    assert host(tmp_path).steal() is None
    assert HostProbe(tmp_path / "nowhere", tmp_path / "nowhere").steal() is None


@pytest.mark.parametrize(
    ("group", "file", "line", "unit"),
    [
        pytest.param(GROUP_2, "pod/own", "throttled_usec", 1e6, id="version 2"),
        pytest.param(GROUP_2, ".", "throttled_usec", 1e6, id="version 2 within a container"),
        pytest.param(GROUP_1, "cpu,cpuacct/own", "throttled_time", 1e9, id="version 1"),
        pytest.param(GROUP_1, "cpu/own", "throttled_time", 1e9, id="version 1 by its link"),
        pytest.param(GROUP_1, "cpu", "throttled_time", 1e9, id="version 1 within a container"),
    ],
)
def test_throttled_is_the_time_since_the_last_call(
    tmp_path: Path, group: str, file: str, line: str, unit: float
) -> None:
    stat = tmp_path / "cgroup" / file / "cpu.stat"
    write(stat, f"nr_periods 10\nnr_throttled 3\n{line} {int(2 * unit)}\n")
    probe = host(tmp_path, group)
    assert probe.throttled() == 0.0
    write(stat, f"nr_periods 20\nnr_throttled 5\n{line} {int(2.25 * unit)}\n")
    assert probe.throttled() == pytest.approx(0.25)
    assert probe.throttled() == 0.0


@pytest.mark.parametrize("text", ["", "usage_usec 5\n", "throttled_usec\n", "throttled_usec x\n"])
def test_throttling_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    write(tmp_path / "cgroup/pod/own/cpu.stat", text)
    assert host(tmp_path).throttled() is None
    assert HostProbe(tmp_path / "nowhere", tmp_path / "nowhere").throttled() is None


def waited(folder: Path, tid: int, seconds: float) -> Path:
    file = folder / f"proc/self/task/{tid}/schedstat"
    write(file, f"5 {round(seconds * 1e9)} 7\n")
    return file


def test_cpu_wait_is_that_of_all_threads_since_the_last_call(tmp_path: Path) -> None:
    waited(tmp_path, 1, 4.0)
    probe = host(tmp_path)
    assert probe.cpu_wait() == 0.0
    waited(tmp_path, 1, 4.25)
    second = waited(tmp_path, 2, 0.5)
    assert probe.cpu_wait() == pytest.approx(0.75)
    second.unlink()
    waited(tmp_path, 1, 4.5)
    assert probe.cpu_wait() == pytest.approx(0.25)
    waited(tmp_path, 1, 0.1)  # another thread of the same number
    assert probe.cpu_wait() == 0.0


@pytest.mark.parametrize("text", ["", "1 2\n", "1 x 3\n"])
def test_cpu_wait_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    write(tmp_path / "proc/self/task/1/schedstat", text)
    assert host(tmp_path).cpu_wait() is None
    assert HostProbe(tmp_path / "nowhere", tmp_path / "nowhere").cpu_wait() is None
