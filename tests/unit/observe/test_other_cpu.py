"""The CPU time of other processes, from /proc/stat in the format of Linux."""

import os
from pathlib import Path

import pytest

from harness.observe.other_cpu import OtherCpuReader

TICKS = os.sysconf("SC_CLK_TCK")


def ticks(proc: Path, *fields: float) -> None:
    """user, nice, system, idle, iowait, irq, softirq and steal in seconds; others stay 0."""
    every = [*fields, *[0.0] * (8 - len(fields))]
    text = " ".join(str(round(TICKS * seconds)) for seconds in every)
    (proc / "stat").write_text(f"cpu  {text} {90 * TICKS} 0\ncpu0 1 2 3\n")


@pytest.mark.parametrize(
    ("later", "own", "others"),
    [
        pytest.param((16, 0, 0, 10), 0.0, 6.0, id="user"),
        pytest.param((10, 1, 2, 10, 0, 3, 4), 0.0, 10.0, id="nice, system and interrupts"),
        pytest.param((10, 0, 0, 10, 0, 0, 0, 5), 0.0, 5.0, id="steal"),
        pytest.param((10, 0, 0, 30, 20), 0.0, 0.0, id="idle and waiting for a disk"),
        pytest.param((16, 0, 0, 10), 4.0, 2.0, id="without the own time"),
        pytest.param((16, 0, 0, 10), 6.5, 0.0, id="own time that is read a little later"),
    ],
)
def test_other_time_is_neither_idle_nor_own(
    tmp_path: Path, later: tuple[float, ...], own: float, others: float
) -> None:
    ticks(tmp_path, 10, 0, 0, 10)
    reader = OtherCpuReader(tmp_path)
    assert reader.read(100.0) == 0.0
    ticks(tmp_path, *later)
    assert reader.read(100.0 + own) == pytest.approx(others)


def test_other_time_never_decreases_and_counts_nothing_twice(tmp_path: Path) -> None:
    ticks(tmp_path, 10)
    reader = OtherCpuReader(tmp_path)
    reader.read(0.0)
    found = []
    for used, own in [(12.0, 1.0), (13.0, 2.1), (14.0, 2.9), (15.0, 3.0)]:
        ticks(tmp_path, used)
        found.append(reader.read(own))
    assert found == pytest.approx([1.0, 1.0, 1.1, 2.0])


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_other_time_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text)
    assert OtherCpuReader(tmp_path).read(0.0) is None
    assert OtherCpuReader(tmp_path / "nowhere").read(0.0) is None
