"""The alarm of the open model: when it rings, and its system calls."""

import sys
import time
from typing import Any

import gevent
import pytest
from gevent.event import Event

from harness.load.child.timer import Alarm

PATIENCE = 60.0  # seconds; only a hang takes that long
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="timerfd")


@pytest.fixture(params=[pytest.param("linux", marks=LINUX), "darwin"])
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of timer."""
    monkeypatch.setattr(sys, "platform", request.param)


class Rings:
    """An alarm that notes when it rings and is set again for the moments that are left."""

    def __init__(self, *moments: float) -> None:
        self.at: list[float] = []
        self.done = Event()
        self._left = list(moments)
        self.alarm = Alarm(self._ring)
        self.alarm.set(self._left.pop(0))

    def _ring(self) -> None:
        self.at.append(time.monotonic())
        if self._left:
            self.alarm.set(self._left.pop(0))
        else:
            self.done.set()


@pytest.mark.usefixtures("platform")
def test_alarm_rings_at_each_moment_and_is_never_early() -> None:
    now = time.monotonic()
    moments = [now + 0.002 * number for number in range(1, 6)]
    rings = Rings(*moments)
    assert rings.done.wait(PATIENCE)
    assert len(rings.at) == 5
    assert all(at >= moment for at, moment in zip(rings.at, moments, strict=True))


@pytest.mark.usefixtures("platform")
def test_moment_that_has_passed_lets_other_greenlets_run_first() -> None:
    others: list[int] = []
    rings = Rings(time.monotonic() - 1, 0.0)
    gevent.spawn(lambda: others.append(len(rings.at)))
    assert rings.done.wait(PATIENCE)
    assert (len(rings.at), others) == (2, [0])


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("moment", [0.0, 60.0])
def test_alarm_that_is_stopped_does_not_ring(moment: float) -> None:
    rings = Rings(moment and time.monotonic() + moment)
    rings.alarm.stop()
    gevent.sleep(0.01)
    assert rings.at == []


@pytest.mark.usefixtures("platform")
def test_newest_moment_replaces_an_earlier_one() -> None:
    rings = Rings(0.0)
    rings.alarm.set(time.monotonic() + 60)
    gevent.sleep(0.01)
    assert rings.at == []
    rings.alarm.set(0.0)
    assert rings.done.wait(PATIENCE)
    assert len(rings.at) == 1


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("error", [None, ValueError("broken")])
def test_alarm_that_is_not_set_again_leaves_the_loop_asleep(
    error: ValueError | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at: list[float] = []
    seen: list[object] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *given: seen.append(given[2]))

    def ring() -> None:
        at.append(time.monotonic())
        if error is not None:
            raise error

    Alarm(ring).set(0.0)
    polls: list[None] = []
    watcher = gevent.get_hub().loop.check()
    gevent.sleep(0.01)
    watcher.start(lambda: polls.append(None))
    gevent.sleep(0.02)
    watcher.stop()
    assert (len(at), seen) == (1, [error] if error else [])
    assert len(polls) < 10


@LINUX
def test_each_ring_is_one_call_of_the_timer() -> None:
    rings = Rings(time.monotonic() + 60)
    settime: Any = rings.alarm._settime
    times: list[float] = []

    def noted(*arguments: object) -> int:
        timer = rings.alarm._timer
        times.append(timer.seconds + timer.nanoseconds * 1e-9)
        return int(settime(*arguments))

    rings.alarm._settime = noted
    rings._left = [0.5, 1.25]
    rings.alarm.set(0.0)
    assert rings.done.wait(PATIENCE)
    assert times == pytest.approx([0.0, 0.5, 1.25, 0.0], abs=1e-8)
