"""What docker-compose.yml puts together, as plain processes: same command, settings and files.

Only addresses differ; Prometheus looks more often, and the caches wait longer for Redis.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml

from tests.servers import PATIENCE, RedisServer, end, free_port, wait_until

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.load((ROOT / "docker-compose.yml").read_text(), Loader=yaml.CSafeLoader)["services"]
CONTACTS = "/api/v1/contacts"
SENT = 7  # requests


@contextmanager
def process(arguments: list[str], url: str, folder: Path, **environment: str) -> Iterator[None]:
    """A server, until it answers at `url` and then until the block ends."""
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            arguments, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _answers(url), server, folder)
        yield
    finally:
        end(server, signal.SIGTERM)


def _answers(url: str) -> bool:
    try:
        read(url)
    except HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
    return True


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def app_command(port: int) -> list[str]:
    """The image's command, on another address."""
    dockerfile = (ROOT / "sample_app" / "Dockerfile").read_text()
    (line,) = re.findall(r"^CMD (.+)$", dockerfile.replace("\\\n", ""), re.MULTILINE)
    replaced = {"0.0.0.0": "127.0.0.1", "8000": str(port)}
    return [sys.executable, "-m", *(replaced.get(part, part) for part in json.loads(line))]


def app_environment(postgresql_url: str, redis: RedisServer) -> dict[str, str]:
    """The container's settings, with other addresses."""
    settings = {k: v for k, v in COMPOSE["app"]["environment"].items() if k[0] == "S"}
    settings["SAMPLE_APP_COMMIT"] = "composed"
    dialect = settings["SAMPLE_APP_DATABASE_URL"].partition(":")[0]
    assert dialect == postgresql_url.partition(":")[0]
    return settings | {
        "SAMPLE_APP_DATABASE_URL": postgresql_url,
        "SAMPLE_APP_REDIS_URL": redis.url,
        "SAMPLE_APP_REDIS_TIMEOUT": str(PATIENCE),  # a pause of the machine is no outage
    }


def prometheus_command(folder: Path, port: int, app: int) -> list[str]:
    """The container's command and configuration, with other addresses and a shorter interval."""
    config = yaml.load(
        (ROOT / "sample_app" / "deploy" / "prometheus.yml").read_text(), Loader=yaml.CSafeLoader
    )
    moved = {"app:8000": f"127.0.0.1:{app}", "127.0.0.1:9090": f"127.0.0.1:{port}"}
    for job in config["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [moved[target] for target in group["targets"]]
    config["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    replaced = {
        "--config.file": path,
        "--storage.tsdb.path": folder / "data",
        "--web.listen-address": f"127.0.0.1:{port}",
    }
    options = dict(option.split("=", 1) for option in COMPOSE["prometheus"]["command"])
    return ["prometheus", *(f"{name}={value}" for name, value in (options | replaced).items())]


@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
@pytest.mark.needs_prometheus
def test_composed_service_is_scraped_with_the_files_of_the_containers(
    tmp_path: Path, postgresql_url: str, redis: RedisServer, redis_url: str
) -> None:
    app, prometheus = free_port(), free_port()
    count = "http_server_request_duration_seconds_count"
    service, watcher = f"http://127.0.0.1:{app}", f"http://127.0.0.1:{prometheus}"
    environment = app_environment(postgresql_url, redis)
    started = process(app_command(app), f"{service}/health/ready", tmp_path / "app", **environment)
    with started:
        settled(lambda: json.loads(read(f"{service}/health/ready"))["status"], "ready")
        assert json.loads(read(f"{service}/health"))["commit"] == "composed"
        for _ in range(SENT):
            assert json.loads(read(f"{service}{CONTACTS}?size=5"))["items"]
            read(f"{service}{CONTACTS}/1")
        command = prometheus_command(tmp_path, prometheus, app)
        with process(command, f"{watcher}/-/ready", tmp_path / "prometheus"):
            series: dict[str, dict[str, float]] = {
                "sum by (job) (up)": {"sample-app": 1.0, "prometheus": 1.0},
                f'sum by (http_route) ({count}{{http_route=~"{CONTACTS}.*"}} > 0)': {
                    CONTACTS: SENT,
                    f"{CONTACTS}/{{id}}": SENT,
                },
                'sum by (level) (cache_gets_total{cache="contact_details"})': {
                    "memory": SENT,  # the first one was loaded
                    "redis": 1.0,
                },
                "group by (db_system_name) (db_client_operation_duration_seconds_count)": {
                    "postgresql": 1.0
                },
            }
            for expression, expected in series.items():
                settled(partial(query, watcher, expression), expected)


def query(url: str, expression: str) -> dict[str, float]:
    """Value by label of an instant query that keeps one label."""
    quoted = urllib.parse.urlencode({"query": expression})
    answer: Any = json.loads(read(f"{url}/api/v1/query?{quoted}"))
    return {
        next(iter(series["metric"].values()), ""): float(series["value"][1])
        for series in answer["data"]["result"]
    }


def settled(ask: Callable[[], object], expected: object) -> None:
    """Wait until the answer is the expected one: a busy machine misses a scrape or a time-out."""
    patience_ends = time.monotonic() + PATIENCE
    while (found := ask()) != expected and time.monotonic() < patience_ends:
        time.sleep(0.1)
    assert found == expected


@pytest.mark.needs_prometheus
def test_promtool_accepts_the_configuration_with_the_rules(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dashboards" / "prometheus", tmp_path / "rules")
    path = shutil.copy(ROOT / "sample_app" / "deploy" / "prometheus.yml", tmp_path)
    ended = subprocess.run(
        ["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
