"""The kernel's stamps on the monotonic clock, with clocks of the test and with real sockets."""

import math
import select
import socket
import struct
import sys
import time
from itertools import pairwise

import pytest

from harness.load.child.receipts.clock import (
    ANCILLARY_BYTES,
    SO_TIMESTAMPNS,
    KernelClock,
    stamp,
)

OFFSET = 1_795_944_473_123_456_789  # ns, of the wall clock at the monotonic 0
MS = 1_000_000
ONLY_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stamps are Linux's")


class Clocks:
    """Two clocks that stand still until they are set."""

    def __init__(self) -> None:
        self.now = 63_099_531_332_245  # ns, monotonic
        self.offset = OFFSET
        self.pauses: list[int] = []  # ns that pass before the next readings of the monotonic clock

    def wall(self) -> int:
        return self.now + self.offset

    def monotonic(self) -> int:
        self.now += self.pauses.pop(0) if self.pauses else 0
        return self.now

    @property
    def read(self) -> float:
        return self.now / 1e9


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def clock(clocks: Clocks) -> KernelClock:
    return KernelClock(clocks.wall, clocks.monotonic)


def message(nanoseconds: int, kind: int = SO_TIMESTAMPNS) -> list[tuple[int, int, bytes]]:
    """What `recvmsg` returns for a stamp of the wall clock."""
    return [(socket.SOL_SOCKET, kind, struct.pack("@ll", *divmod(nanoseconds, 1_000_000_000)))]


@pytest.mark.parametrize("before", [0, 1, 999, 250_000, 3_600_000_000_000])
def test_stamp_is_converted_to_the_nanosecond(
    clock: KernelClock, clocks: Clocks, before: int
) -> None:
    moment = clock.moment(message(clocks.wall() - before))
    assert moment == pytest.approx((clocks.now - before) / 1e9, abs=1e-10)


@pytest.mark.parametrize(
    "ancillary",
    [
        pytest.param([], id="no control message"),
        pytest.param(message(OFFSET, kind=29), id="a stamp in microseconds"),
        pytest.param([(socket.SOL_SOCKET, SO_TIMESTAMPNS, b"12345678")], id="cut off"),
    ],
)
def test_answer_without_a_stamp_has_no_moment(
    clock: KernelClock, clocks: Clocks, ancillary: list[tuple[int, int, bytes]]
) -> None:
    assert clock.moment(ancillary) is None


@pytest.mark.parametrize(
    ("start", "at", "read", "usable"),
    [
        (1.0, 2.0, 3.0, True),
        (1.0, 1.0, 1.0, True),
        (1.0, 0.999, 3.0, False),
        (1.0, 3.001, 3.0, False),
        (-1.0, 2.0, 3.0, True),
    ],
)
def test_stamp_lies_between_the_request_and_its_reading(
    clock: KernelClock, start: float, at: float, read: float, usable: bool
) -> None:
    assert clock.is_usable((at, read), start) is usable


@pytest.mark.parametrize("step", [-3600_000 * MS, -2 * MS, -MS // 10, MS // 10, 2 * MS])
def test_step_of_the_wall_clock_spares_only_later_requests(
    clock: KernelClock, clocks: Clocks, step: int
) -> None:
    start = clocks.read
    clocks.now += 5 * MS
    stamped = message(clocks.wall())  # by the old setting
    clocks.offset += step
    clocks.now += MS
    moment = clock.moment(stamped)
    assert moment is not None
    assert not clock.is_usable((moment, clocks.read), start)
    # Sent before the step, answered after it.
    moment = clock.moment(message(clocks.wall()))
    assert moment == pytest.approx(clocks.read, abs=1e-9)
    assert not clock.is_usable((clocks.read, clocks.read), start)
    # Sent after it.
    clocks.now += MS
    start = clocks.read
    clocks.now += MS
    at = clock.moment(message(clocks.wall()))
    assert at == pytest.approx(clocks.read, abs=1e-9)
    assert clock.is_usable((clocks.read, clocks.read), start)


def test_pause_between_the_readings_of_the_clocks_is_no_step(
    clock: KernelClock, clocks: Clocks
) -> None:
    clocks.pauses = [3 * MS, 0, 5 * MS, 0, 2 * MS]
    assert clock.moment(message(clocks.wall() - 3 * MS)) is not None
    assert clock.since == -math.inf


@ONLY_LINUX
def test_kernel_stamps_the_arrival_and_not_the_reading() -> None:
    clock = KernelClock()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        sender, _ = server.accept()
        with client, sender:
            assert stamp(client)
            moments = []
            for _ in range(3000):  # the kernel begins to stamp some time after it was asked
                before = time.monotonic()
                sender.send(b"x" * 100)
                select.select([client], [], [], 60)
                arrived = time.monotonic()
                time.sleep(0.01)
                data, ancillary, _, _ = client.recvmsg(4096, ANCILLARY_BYTES)
                assert len(data) == 100
                moments.append((before, clock.moment(ancillary), arrived))
                if moments[-1][1] is not None:
                    break
    before, at, arrived = moments[-1]
    assert at is not None
    assert before <= at <= arrived


@ONLY_LINUX
def test_clock_of_the_machine_is_known_to_a_microsecond() -> None:
    found = [KernelClock().moment(message(OFFSET)) for _ in range(20)]
    moments = sorted(moment for moment in found if moment is not None)
    assert len(moments) == 20
    # The narrowest of five brackets is wide only if each of them was interrupted.
    assert min(b - a for a, b in pairwise(moments)) < 1e-6


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_make_no_stamps(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with socket.socket() as sock:
        assert not stamp(sock)


def test_system_that_refuses_the_option_makes_no_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    sock = socket.socket()
    sock.close()
    assert not stamp(sock)
