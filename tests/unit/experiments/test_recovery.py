"""A running service has to recover from a step before the next one."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.experiments.recovery import RecoveryProbe


class Overloaded(ThreadingHTTPServer):
    """Answers 200 `good` times, then 503 `bad` times, then 200 again."""

    good, bad = 3, 0
    paths: tuple[str, ...] = ()

    def status(self, path: str) -> int:
        number = len(self.paths)
        self.paths += (path,)
        return 503 if self.good <= number < self.good + self.bad else 200


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Overloaded)
        self.send_response(self.server.status(self.path))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Overloaded]:
    with Overloaded(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def probe_of(service: Overloaded, longest: float = 60.0) -> RecoveryProbe:
    url = f"http://127.0.0.1:{service.server_address[1]}"
    return RecoveryProbe(Target(url=url, ready="/ready"), url, longest)


def test_idle_service_is_measured_and_needs_no_time(service: Overloaded) -> None:
    told: list[str] = []
    probe = probe_of(service)
    probe.wait(told.append)
    assert service.paths == ("/ready",) * 3
    assert told == []


def test_service_that_fails_after_a_step_is_waited_for(service: Overloaded) -> None:
    told: list[str] = []
    service.bad = 2
    probe = probe_of(service)
    probe.wait(told.append)
    probe.wait(told.append)
    assert len(service.paths) >= 3 + 2 + 3
    assert told == ["the service has not recovered from the step before; waiting for it"]


def test_service_that_does_not_recover_ends_the_search(service: Overloaded) -> None:
    service.bad = 1_000_000
    probe = probe_of(service, longest=0.3)
    probe.wait(print)
    with pytest.raises(TargetError, match=r"has not recovered 0\.3 s after the load"):
        probe.wait(print)
