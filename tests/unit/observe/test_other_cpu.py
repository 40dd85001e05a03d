"""The CPU time of others, from /proc/stat as Linux writes it."""

import os
from pathlib import Path

import pytest

from harness.observe.other_cpu import Neighbours

TICKS = os.sysconf("SC_CLK_TCK")


def ticks(proc: Path, *fields: float) -> None:
    """user, nice, system, idle, iowait, irq, softirq and steal in seconds; others stay 0."""
    every = [*fields, *[0.0] * (8 - len(fields))]
    text = " ".join(str(round(TICKS * seconds)) for seconds in every)
    (proc / "stat").write_text(f"cpu  {text} {90 * TICKS} 0\ncpu0 1 2 3\n")


@pytest.mark.parametrize(
    ("later", "ours", "others"),
    [
        pytest.param((16, 0, 0, 10), 0.0, 6.0, id="user"),
        pytest.param((10, 1, 2, 10, 0, 3, 4), 0.0, 10.0, id="nice, system and interrupts"),
        pytest.param((10, 0, 0, 10, 0, 0, 0, 5), 0.0, 5.0, id="what the host took for others"),
        pytest.param((10, 0, 0, 30, 20), 0.0, 0.0, id="idle and waiting for a disk"),
        pytest.param((16, 0, 0, 10), 4.0, 2.0, id="without our own"),
        pytest.param((16, 0, 0, 10), 6.5, 0.0, id="our own, read a little later"),
    ],
)
def test_others_took_what_is_neither_idle_nor_ours(
    tmp_path: Path, later: tuple[float, ...], ours: float, others: float
) -> None:
    ticks(tmp_path, 10, 0, 0, 10)
    neighbours = Neighbours(tmp_path)
    assert neighbours.read(100.0) == 0.0
    ticks(tmp_path, *later)
    assert neighbours.read(100.0 + ours) == pytest.approx(others)


def test_time_of_others_never_falls_and_counts_nothing_twice(tmp_path: Path) -> None:
    ticks(tmp_path, 10)
    neighbours = Neighbours(tmp_path)
    neighbours.read(0.0)
    found = []
    for used, ours in [(12.0, 1.0), (13.0, 2.1), (14.0, 2.9), (15.0, 3.0)]:
        ticks(tmp_path, used)
        found.append(neighbours.read(ours))
    assert found == pytest.approx([1.0, 1.0, 1.1, 2.0])


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu 1 2 3\n", "cpu a b c d e f g h\n"])
def test_time_of_others_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text)
    assert Neighbours(tmp_path).read(0.0) is None
    assert Neighbours(tmp_path / "nowhere").read(0.0) is None
