import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.budgets.model import ErrorRatio, Latency
from harness.cli import main
from harness.judge.judge import judge
from harness.report.run.results import results_json
from harness.runs.folder import RunFolder, read_evidence
from harness.units import Unit
from tests.integration.observe.scraping import Log
from tests.integration.observe.stored import write
from tests.servers import PrometheusServer, prometheus_server
from tests.unit.judge.evidence import budget


class Reply(NamedTuple):
    """The response of an endpoint."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    delay: float = 0.0  # seconds before the response


@dataclass
class Endpoint:
    """An HTTP server in this process with a given reply, which keeps its requests."""

    url: str
    reply: Reply | Callable[[str], Reply] = field(default_factory=Reply)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    together: int = 0  # highest number of concurrent requests
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self._running += 1
            self.together = max(self.together, self._running)
        self.requests.append((request.path, dict(request.headers)))
        reply = self.reply if isinstance(self.reply, Reply) else self.reply(request.path)
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        time.sleep(reply.delay)
        with self._lock:
            self._running -= 1
        try:
            request.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)
        except ConnectionError:
            pass  # the client has closed the connection


class Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.endpoint.handle(self)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def new_endpoint() -> Iterator[Callable[[], Endpoint]]:
    servers: list[Server] = []

    def start() -> Endpoint:
        server = Server(("127.0.0.1", 0), Handler)
        server.endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server.endpoint

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def endpoint(new_endpoint: Callable[[], Endpoint]) -> Endpoint:
    return new_endpoint()


@pytest.fixture(scope="session")
def stored_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of every kind of series, judged."""
    folder = write(tmp_path_factory.mktemp("runs") / "a-run")
    slow = budget(Latency(0.95), 0.42, name="slow")
    errors = budget(ErrorRatio(), 0.5, unit=Unit.RATIO, name="errors", severity="warn")
    evidence = read_evidence(folder)
    judgement = judge((slow, errors), evidence)
    folder.write("results.json", results_json(judgement, evidence, exit_code=0))
    return folder


@pytest.fixture(scope="session")
def prometheus(
    stored_run: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A server with the data of the stored run only; mark the test `needs_prometheus`."""
    path = tmp_path_factory.mktemp("prometheus")
    with pytest.raises(SystemExit) as ended:
        main(["backfill", str(stored_run.path), str(path / "data")])
    assert ended.value.code == 0
    with prometheus_server(path) as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with Log(tmp_path / "metrics.om") as log:
        yield log
