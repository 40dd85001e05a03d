"""The service behind a real uvicorn: several workers, reload, and stock Locust as its client."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sample_app.telemetry.one_worker import REFUSAL
from tests.servers import free_port

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0  # seconds; only a hang takes that long
LOOK = ("GET", "/api/v1/contacts/{id}")  # what each scenario does most


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "SAMPLE_APP_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/server.db",
        "TMPDIR": str(folder),
        "SAMPLE_APP_RATE_USER": "9000/second",
        "SAMPLE_APP_RATE_ADDRESS": "9000/second",
        "SAMPLE_APP_RATE_LOGIN": "9000/second",
    }


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        text = answer.read().decode()
        assert isinstance(text, str)
        return text


def read_if_there(url: str) -> str:
    try:
        return read(url)
    except urllib.error.HTTPError:
        return ""


@contextmanager
def server(folder: Path, *options: str) -> Iterator[str]:
    """A real server, ready to answer; its base URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "uvicorn", "sample_app.main:app", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=environment(folder), stderr=log
        )
        try:
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    read(f"{url}/health/ready")
                    break
                except OSError:
                    assert process.poll() is None, (folder / "server.log").read_text()
                    assert time.monotonic() < end
                    time.sleep(0.05)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def test_several_workers_are_refused_with_the_reason_and_not_restarted_for_ever(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "uvicorn", "sample_app.main:app", "--port", "0"]
    ended = subprocess.run(
        [*command, "--workers", "2", "--timeout-worker-healthcheck", "60"],
        cwd=ROOT,
        env=environment(tmp_path) | {"SAMPLE_APP_SEED_ROWS": "10"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    messages = [
        json.loads(line).get("message") for line in ended.stderr.splitlines() if "{" in line
    ]
    assert messages.count(REFUSAL) == 1  # the second worker's; nobody tried again
    assert "Traceback" not in ended.stderr


def test_server_of_the_image_ends_before_a_client_that_never_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dockerfile = (ROOT / "sample_app" / "Dockerfile").read_text().replace("\\\n", "")
    (command,) = re.findall(r"^CMD (.+)$", dockerfile, re.MULTILINE)
    options = json.loads(command)
    options[options.index("--timeout-graceful-shutdown") + 1] = "1"
    monkeypatch.setenv("SAMPLE_APP_SEED_ROWS", "10")
    monkeypatch.setenv("SAMPLE_APP_IMPORTS_BATCH", "1")
    monkeypatch.setenv("SAMPLE_APP_HTTP_TIMEOUT", "3600")
    row = {"first_name": "A", "last_name": "B", "email": "a@b.example", "company_id": 1}
    head = (
        "POST /api/v1/imports HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n"
        "Content-Type: application/x-ndjson\r\n\r\n"
    )
    with (
        socket.socket() as client,
        server(tmp_path, *options[options.index("--port") + 2 :]) as url,
    ):
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(f"{head}{json.dumps(row)}\n".encode())
        while '"imported":1' not in read_if_there(f"{url}/api/v1/imports/1"):
            time.sleep(0.05)
    log = (tmp_path / "server.log").read_text()
    assert "Application shutdown complete." in log
    with closing(sqlite3.connect(tmp_path / "server.db")) as database:
        imports = database.execute("SELECT status, imported FROM imports").fetchall()
    assert imports == [("broken_off", 1)]


def test_reload_with_its_single_child_is_accepted(tmp_path: Path) -> None:
    with server(tmp_path, "--reload", "--reload-dir", str(tmp_path)) as url:
        assert "process_start_time_seconds" in read(f"{url}/metrics")
        assert REFUSAL not in (tmp_path / "server.log").read_text()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a server that all scenarios load."""
    with server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.mark.parametrize(
    "scenarios",
    [
        ("load",),
        pytest.param(("smoke", "stress", "spike", "soak"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_scenarios_under_stock_locust_fail_no_request_and_the_service_counts_the_same(
    service: str, scenarios: tuple[str, ...]
) -> None:
    sent = compared(service, scenarios, "2s")
    if LOOK not in sent:  # on a busy machine
        sent = compared(service, scenarios, "20s")
    assert LOOK in sent


def compared(
    service: str, scenarios: tuple[str, ...], length: str
) -> Mapping[tuple[str, str], int]:
    """Load the service for some time: what was sent, which the service has counted as well."""
    files = ",".join(f"scenarios/{name}.py" for name in scenarios)
    locust = [sys.executable, "-m", "locust", "-f", files, "--headless"]
    before = counted(service)
    ended = subprocess.run(
        [*locust, "-u", "8", "-r", "8", "-t", length, "-s", "20", "-H", service, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    after = counted(service)
    assert ended.returncode == 0, ended.stderr
    (users,) = re.findall(r"All users spawned: (\{.*?\})", ended.stderr)
    assert len(json.loads(users)) == len(scenarios)  # one class each
    stats = json.loads(ended.stdout)
    assert sum(entry["num_failures"] for entry in stats) == 0
    sent = {(entry["method"], entry["name"]): entry["num_requests"] for entry in stats}
    assert sent == after - before
    return sent


def counted(url: str) -> Counter[tuple[str, str]]:
    """What the service counted, by method and route, readiness left out."""
    counts: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(read(f"{url}/metrics")):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "http_server_request_duration_seconds_count":
                assert re.match("2..|304", labels["http_response_status_code"]) or not sample.value
                if labels["http_route"] != "/health/ready":
                    key = labels["http_request_method"], labels["http_route"]
                    counts[key] += int(sample.value)
    return counts
