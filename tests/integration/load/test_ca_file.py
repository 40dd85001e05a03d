"""Clients of Locust verify the target with its own CA."""

import asyncio
import time
from pathlib import Path

import pytest

from harness.budgets.model import Load
from harness.budgets.workload import OpenWorkload, Stage
from harness.load.generator import generator
from harness.load.protocol.frames import Report
from tests.tls import certificate, tls_server

LOCUSTFILE = """
from harness import FastUser
from locust import FastHttpUser, HttpUser, User, task

class One(User):
    abstract = True
    fixed_count = 1
    @task
    def get(self): self.client.get("/", name=type(self).__name__)

class Requests(One, HttpUser): pass
class Fast(One, FastHttpUser): pass
class Faster(One, FastUser): pass
class InsecureFast(One, FastHttpUser):
    insecure = True
class InsecureRequests(One, HttpUser):
    def on_start(self): self.client.verify = False
"""


async def answered(folder: Path, url: str, ca_file: Path) -> dict[str, bool]:
    """Whether the requests of each class succeeded."""
    locustfile = folder / "scenario.py"
    locustfile.write_text(LOCUSTFILE)
    reports: list[Report] = []
    load = Load(locustfile, OpenWorkload((Stage(50, 0.5),), max_users=5))
    async with generator(
        load, url, folder / "generator.log", reports.append, ca_file=ca_file
    ) as running:
        now = time.monotonic()
        await running.start(now, now)
        await asyncio.sleep(0.5)
        await running.stop()
    cells = [cell for report in reports for cell in report.cells if cell.what == "latency"]
    return {cell.name: cell.outcome == "ok" for cell in cells}


@pytest.mark.needs_openssl
async def test_each_client_verifies_with_the_ca_of_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = certificate(tmp_path, "own"), certificate(tmp_path, "other")
    insecure = {"InsecureFast": True, "InsecureRequests": True}
    with tls_server(own) as url:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
        found = await answered(tmp_path, url, own)
        assert found == dict.fromkeys(("Requests", "Fast", "Faster"), True) | insecure
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(own))
        found = await answered(tmp_path, url, other)
        assert found == dict.fromkeys(("Requests", "Fast", "Faster"), False) | insecure
