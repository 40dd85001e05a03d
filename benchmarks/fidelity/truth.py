"""The service under load and its log: the true times that the tools' figures are compared with."""

from __future__ import annotations

import subprocess
import tempfile
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.fidelity.services import Service

SOURCE = Path(__file__).with_name("server.c")


class Record(NamedTuple):
    """A request in the service's log; times are seconds of `time.monotonic`.

    Attributes:
        at: The intended start in the request; 0 when it has none.
        arrival: When the service had read the request.
        done: When the answer left; None when the client had disconnected.
    """

    at: float
    arrival: float
    done: float | None


class Served(NamedTuple):
    """A running service.

    Attributes:
        end: Ends the service and returns its requests in the order of arrival.
    """

    url: str
    end: Callable[[], list[Record]]


@contextmanager
def served(service: Service) -> Iterator[Served]:
    """A service in a process of its own, for the length of the context."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, times, log = (str(folder / part) for part in ("server", "times", "log"))
        _compile(program)
        with Path(times).open("wb") as file:
            array("q", (round(time * 1e9) for time in service.times())).tofile(file)
        stall = service.stall
        pauses = (stall.begin, stall.length, stall.period, stall.gap) if stall else (0, 0, 1, 0)
        with subprocess.Popen(
            [program, times, log, *(str(round(seconds * 1e9)) for seconds in pauses)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin = process.stdin

            def end() -> list[Record]:
                stdin.close()
                process.wait(30)
                return read_log(Path(log).read_text())

            yield Served(f"http://127.0.0.1:{process.stdout.readline().strip()}", end)


def read_log(text: str) -> list[Record]:
    """The requests of a log."""
    found = []
    for line in text.splitlines():
        at, arrival, done = line.split()
        found.append(Record(float(at), int(arrival) / 1e9, int(done) / 1e9 if int(done) else None))
    return found


def _compile(program: str) -> None:
    try:
        subprocess.run(["cc", "-O2", "-o", program, str(SOURCE)], check=True)
    except FileNotFoundError:
        raise SystemExit("no C compiler: apt-get install gcc libc6-dev") from None
