"""Inside the generator: the time at which the kernel received an answer, on the schedule's clock.

The kernel stamps what a socket receives by CLOCK_REALTIME (`SO_TIMESTAMPNS`, socket(7)); the
schedule uses CLOCK_MONOTONIC. The kernel slews both alike, so their difference is constant until
the wall clock is set (clock_gettime(2), clock_settime(2)).

Imports only the standard library.
"""

from __future__ import annotations

import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence

# <asm-generic/socket.h>, the same number for the option and for its control message.
SO_TIMESTAMPNS = 35
ANCILLARY_BYTES = 32  # of the control message with its header, CMSG_SPACE(sizeof(struct timespec))
_TOLERANCE = 20_000  # ns; a reading of both clocks takes less than 1 us, unless a pause divides it
_TRIES = 5
_SECOND = 1_000_000_000  # ns
_unpack = struct.Struct("@ll").unpack  # struct timespec

Ancillary = Sequence[tuple[int, int, bytes]]  # as `socket.recvmsg` returns it
# When the kernel received the last byte and when the generator had read it, monotonic seconds.
Receipt = tuple[float, float]


class KernelClock:
    """Converts the kernel's stamps to the monotonic clock.

    Attributes:
        since: Monotonic time from which on the difference of the clocks is known to be unchanged.
            The stamps of answers to earlier requests are not used.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Measure the difference of two clocks that count nanoseconds."""
        self._wall, self._monotonic = wall, monotonic
        self.since = -math.inf
        self._use(self._measure())

    def moment(self, ancillary: Ancillary) -> float | None:
        """When the kernel received what `recvmsg` returned, monotonic seconds.

        Args:
            ancillary: The control messages of `recvmsg`.

        Returns:
            None without a stamp, e.g. on a system or a connection that makes none.
        """
        if not ancillary:
            return None
        if abs(self._wall() - self._monotonic() - self._known) > _TOLERANCE:
            self._look_for_step()
        _, kind, stamp = ancillary[0]
        if kind != SO_TIMESTAMPNS or len(stamp) != 16:
            return None
        seconds, nanoseconds = _unpack(stamp)
        moment: float = seconds - self._whole + (nanoseconds - self._part) * 1e-9
        return moment

    def receipt(self, ancillary: Ancillary, read: float, start: float) -> Receipt | None:
        """The receipt of bytes that were read at time `read`; None if it is not usable.

        Args:
            ancillary: The control messages of `recvmsg`.
            read: When `recvmsg` returned, monotonic seconds.
            start: The start of the request, see `is_usable`.
        """
        at = self.moment(ancillary)
        return (at, read) if at is not None and self.since <= start <= at <= read else None

    def is_usable(self, receipt: Receipt, start: float) -> bool:
        """Whether a receipt lies between the start of its request and its reading.

        It is not when the wall clock was set after `start`: the stamp may be of either setting.
        """
        at, read = receipt
        return self.since <= start <= at <= read

    def _look_for_step(self) -> None:
        """Use the present difference of the clocks, if it is not the known one."""
        offset = self._measure()
        if abs(offset - self._known) > _TOLERANCE:
            self._use(offset)
            self.since = self._monotonic() / _SECOND

    def _measure(self) -> int:
        """The wall clock minus the monotonic one, ns: the reading with the narrowest bracket."""
        found = []
        for _ in range(_TRIES):
            before, wall, after = self._monotonic(), self._wall(), self._monotonic()
            found.append((after - before, wall - (before + after) // 2))
        return min(found)[1]

    def _use(self, offset: int) -> None:
        self._known = offset
        # Apart, because a float of seconds since the epoch has a resolution of 0.24 us only.
        self._whole, self._part = divmod(offset, _SECOND)


def stamp(sock: socket.socket) -> bool:
    """Let the kernel stamp what a socket receives; returns whether the system can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


CLOCK = KernelClock()
