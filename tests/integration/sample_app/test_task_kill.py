"""A service that is killed in the middle of a task, on each kind of database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import free_port

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # seconds; only a hang takes that long
NEVER = "3600"  # seconds that the mail gateway takes when no task may end


def until(client: httpx.Client, path: str, *statuses: str) -> dict[str, Any]:
    """The task at `path`, as soon as it has one of these statuses."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = client.get(path)
        task: dict[str, Any] = answer.json()
        if task["status"] in statuses:
            return task
        assert time.monotonic() < end, task
        time.sleep(0.02)


@contextmanager
def killed_at_the_end(folder: Path, url: str, delay: str, lease: str) -> Iterator[httpx.Client]:
    """A real server whose mail gateway takes `delay` seconds; ended by SIGKILL."""
    port = free_port()
    environment = os.environ | {
        "SAMPLE_APP_DATABASE_URL": url,
        "SAMPLE_APP_SEED_ROWS": "10",
        "SAMPLE_APP_SEED_COMPANIES": "1",
        "SAMPLE_APP_SEED_PASSWORD": "",
        "SAMPLE_APP_WELCOME_DELAY": delay,
        "SAMPLE_APP_TASKS_LEASE": lease,
        "SAMPLE_APP_TASKS_POLL": "0.25",
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "uvicorn", "sample_app.main:app", "--port", str(port)]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
                end = time.monotonic() + PATIENCE
                while True:
                    try:
                        if client.get("/health/ready").status_code == 200:
                            break
                    except httpx.TransportError:
                        assert process.poll() is None, (folder / "server.log").read_text()
                    assert time.monotonic() < end
                    time.sleep(0.05)
                yield client
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)


def new_task(client: httpx.Client, name: str) -> str:
    """Create a contact; the path of the task that welcomes it."""
    body = {"first_name": name, "last_name": "B", "email": f"{name}@b.example", "company_id": 1}
    answer = client.post("/api/v1/contacts", json=body)
    assert answer.status_code == 201, answer.text
    return f"/api/v1/tasks/{answer.headers['X-Task-Id']}"


def test_task_of_a_killed_process_is_done_by_the_next_one(
    database_url: str, tmp_path: Path
) -> None:
    with killed_at_the_end(tmp_path, database_url, NEVER, lease="1") as client:
        task = new_task(client, "ada")
        assert until(client, task, "running")["step"] == "welcome"
    # This process loses no lease while a busy machine halts it.
    with killed_at_the_end(tmp_path, database_url, "0", lease="3600") as client:
        told = until(client, task, "succeeded", "failed")
        assert (told["status"], told["step"], told["error"]) == ("succeeded", "note_welcome", None)
        assert 'background_task_recoveries_total{task="welcome"} 1.0' in client.get("/metrics").text
        assert client.get("/api/v1/contacts/search?q=ada@b").json()["total"] == 1
