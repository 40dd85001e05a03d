"""A real Prometheus of the tests, over data that was stored before."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import PATIENCE, end, free_port, program, wait_until


class PrometheusServer:
    """One that runs.

    Attributes:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def value(self, query: str, at: float) -> float | None:
        """The value of the one series that a query finds; None when it finds none."""
        asked = urllib.parse.urlencode({"query": query, "time": at})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=PATIENCE) as answer:
            found = json.load(answer)["data"]["result"]
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None


@contextmanager
def prometheus_server(
    data: Path, folder: Path, jobs: Mapping[str, int] | None = None
) -> Iterator[PrometheusServer]:
    """A running server, ended at the end; mark the test `needs_prometheus`.

    Args:
        data: What it serves.
        folder: For its own files.
        jobs: What it scrapes each second: the port of each job; nothing by default.
    """
    port = free_port()
    scraped = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, port in (jobs or {}).items()
    ]
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    arguments = [str(program("prometheus")), f"--config.file={folder / 'prometheus.yml'}"]
    arguments += [f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y"]
    arguments += [f"--web.listen-address=127.0.0.1:{port}"]
    server = PrometheusServer(f"http://127.0.0.1:{port}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=log)
    try:
        wait_until(lambda: _ready(server.url), process, folder)
        yield server
    finally:
        end(process, signal.SIGTERM)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
