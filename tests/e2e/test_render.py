"""What is rendered, on a real Prometheus that scrapes a sound service under load and a broken one.

One session serves all tests: an Alertmanager, a Prometheus with the rules of both services, and a
run of the harness that it scrapes as well. The rules' windows are shortened, not their expressions.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml

from harness.budgets.model import Plan
from harness.budgets.parse.parse import parse_plan
from harness.render.files import rendered
from harness.render.words import Links
from tests.servers import PATIENCE, end, free_port, program, wait_until

ROOT = Path(__file__).parents[2]
BUDGETS = ROOT / "budgets.yaml"
SCENARIO = "smoke"
RECENT = "15s"
COUNTED = {"ErrorRatio", "FailedLogIns", "RateLimited", "Memory"}  # alerts that no pause changes
pytestmark = [pytest.mark.needs_prometheus, pytest.mark.needs_alertmanager]


def plan() -> Plan:
    return parse_plan(BUDGETS.read_text(), BUDGETS, {}, date(2026, 11, 20))


def rules(job: str) -> str:
    """The rules for a job, with windows of seconds; only counts are quick to fire: CI is busy."""
    found = plan()
    text = rendered(found, Links(job, job), ["prometheus"])["prometheus/rules.yml"]
    text = (
        text.replace("[5m", f"[{RECENT}")
        .replace(":15s]", ":1s]")
        .replace("offset 5m", "offset 15s")
    )
    document = yaml.safe_load(text)
    for group in document["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["for"] = "2s" if rule["alert"] in COUNTED else "1h"
    return yaml.safe_dump(document)


@dataclass(frozen=True)
class Session:
    """What has run.

    Attributes:
        prometheus: Its URL; it still scrapes the services.
        alertmanager: Its URL.
        broken: The URL of the service with planted errors.
        load: Runs the harness once more; Prometheus scrapes it and the sound service.
        began: Seconds since the epoch.
        unmeasured: The budgets of the run without a value: a busy machine loses scrapes.
    """

    prometheus: str
    alertmanager: str
    broken: str
    load: Callable[[], None]
    began: float
    unmeasured: frozenset[str]


@contextmanager
def server(arguments: list[str], answers: str, folder: Path, **environment: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            arguments, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: read(answers) is not None, process, folder)
        yield
    finally:
        end(process, signal.SIGTERM)


def read(url: str) -> bytes | None:
    """What is answered; None when it is not answered well."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        error.close()
    except OSError:
        pass
    return None


def service(port: int, folder: Path, **environment: str) -> Any:
    command = [sys.executable, "-m", "uvicorn", "sample_app.main:app", "--port", str(port)]
    database = f"sqlite+aiosqlite:///{folder}/sample.db"
    return server(
        [*command, "--host", "127.0.0.1", "--no-access-log", "--timeout-keep-alive", "75"],
        f"http://127.0.0.1:{port}/health/ready",
        folder,
        SAMPLE_APP_DATABASE_URL=database,
        SAMPLE_APP_RATE_ADDRESS="600000/minute",
        **environment,
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Everything, after a run of the harness has been judged and scraped."""
    folder = tmp_path_factory.mktemp("session")
    ports = {
        name: free_port() for name in ("sound", "broken", "harness", "prometheus", "alertmanager")
    }
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    began = time.time()
    with ExitStack() as stack:
        stack.enter_context(service(ports["sound"], folder / "sound"))
        planted = {"SAMPLE_APP_REGRESSIONS": "error_burst"}
        stack.enter_context(service(ports["broken"], folder / "broken", **planted))
        stack.enter_context(alertmanager(address["alertmanager"], folder))
        stack.enter_context(prometheus(address, folder))
        urls = {name: f"http://{one}" for name, one in address.items()}
        runs = (folder / f"run-{number}" for number in count(1))

        def load() -> None:
            run(urls["sound"], ports["harness"], next(runs))

        load()
        budgets = json.loads((folder / "run-1/results.json").read_text())["budgets"]
        unmeasured = {
            budget["name"]
            for budget in budgets
            if budget["outcome"] == "inconclusive" and budget["value"] is None
        }
        yield Session(
            *(urls["prometheus"], urls["alertmanager"], urls["broken"]),
            *(load, began, frozenset(unmeasured)),
        )


def run(url: str, port: int, out: Path) -> None:
    """Load the sound service; Prometheus scrapes what the harness serves at the port."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "harness", "run", SCENARIO, "--rate", "30/s"),
            *("--url", url, "--serve-metrics", str(port), "--out", str(out)),
            *("--warm-up", "4s", "--duration", "14s", "--diagnose", "never"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("GITHUB")},
    )
    assert ended.returncode in {0, 3, 4}, ended.stderr  # its verdict is not what is tested here


def alertmanager(address: str, folder: Path) -> Any:
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    return server(
        [
            program("prometheus-alertmanager") or "",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alerts'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ],
        f"http://{address}/-/ready",
        folder / "alertmanager",
    )


def prometheus(address: dict[str, str], folder: Path) -> Any:
    for job in ("sample-app", "broken-app"):
        (folder / f"{job}.yml").write_text(rules(job))
    # The harness waits for one scrape after its verdict, as long as the interval lets it expect.
    jobs = (
        ("sample-app", "sound", "1s"),
        ("broken-app", "broken", "1s"),
        ("harness", "harness", "3s"),
    )
    config = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": ["sample-app.yml", "broken-app.yml"],
        "scrape_configs": [
            {
                "job_name": job,
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "static_configs": [{"targets": [address[name]]}],
            }
            for job, name, interval in jobs
        ],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [address["alertmanager"]]}]}]
        },
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return server(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address['prometheus']}",
        ],
        f"http://{address['prometheus']}/-/ready",
        folder / "prometheus",
    )


# --- dashboards and rules have data ---------------------------------------------------------------


def expressions() -> dict[str, str]:
    """Every expression of the dashboards and rules, by where it stands."""
    found: dict[str, str] = {}
    files = rendered(plan(), Links("sample-app", "sample-app"))
    for path, text in files.items():
        if path.endswith(".json"):
            row = ""
            for panel in json.loads(text)["panels"]:
                if panel["type"] == "row":
                    row = panel["title"]
                for target in panel.get("targets", ()):
                    where = f"{path}: {row}: {panel['title']}: {target['refId']}"
                    found[where] = target["expr"]
    for group in yaml.safe_load(files["prometheus/rules.yml"])["groups"]:
        for rule in group["rules"]:
            if "record" in rule:
                found[f"rules.yml: {rule['labels']['budget']}"] = rule["expr"]
    return found


def filled(expr: str) -> str:
    """With the variables as Grafana fills them in, and windows that a short session has."""
    expr = re.sub(r"\$(service|tested)", "sample-app", expr)
    expr = re.sub(r"\$(instance|route|scenario|request)", ".*", expr)
    for name, text in (("rate_interval", RECENT), ("interval", "1s"), ("range", "2m")):
        expr = expr.replace(f"$__{name}", text)
    return expr.replace("[5m", f"[{RECENT}").replace("offset 5m", f"offset {RECENT}")


def empty_when_healthy(unmeasured: frozenset[str]) -> Callable[[str, str], bool]:
    """What may have no data: failures that did not happen, and budgets that have no value."""
    valued = {budget.name for budget in plan().budgets_of(SCENARIO)} - unmeasured
    assert valued

    def may(where: str, expr: str) -> bool:
        if where.startswith("load-test.json: Answers: Failed requests"):
            return True
        if "log-in" in where or "auth/token" in expr:  # nobody logs in
            return True
        budget = re.search(r'budget="([^"]+)"', expr)
        return budget is not None and budget[1] not in valued

    return may


def test_every_expression_has_data(session: Session) -> None:
    may_be_empty = empty_when_healthy(session.unmeasured)
    every = expressions()
    assert len(every) > 200
    without = {
        where: expr
        for where, expr in without_data(session, every).items()
        if not may_be_empty(where, expr)
    }
    # Where a busy machine lost scrapes, some windows have data only later, or after another load.
    patience_ends = time.monotonic() + 2 * PATIENCE
    while without and time.monotonic() < patience_ends:
        session.load()
        without = without_data(session, without)
    assert without == {}


def without_data(session: Session, every: Mapping[str, str]) -> dict[str, str]:
    """Those of the expressions, by where they stand, that had no value in the session so far."""
    # Two steps beyond now: the verdict's only scrape may be younger than the last whole step.
    asked = {"start": session.began, "end": time.time() + 2, "step": 1}
    without = {}
    for where, expr in every.items():
        query = urllib.parse.urlencode({**asked, "query": filled(expr)})
        answer = read(f"{session.prometheus}/api/v1/query_range?{query}")
        assert answer is not None, (where, filled(expr))
        found = json.loads(answer)["data"]["result"]
        values = [float(value) for series in found for _, value in series["values"]]
        if not any(math.isfinite(value) for value in values):
            without[where] = expr
    return without


def test_verdict_of_the_run_is_in_prometheus(session: Session) -> None:
    judged = {budget.name for budget in plan().budgets_of(SCENARIO)}
    patience_ends = time.monotonic() + PATIENCE
    while (found := with_verdict(session)) != judged and time.monotonic() < patience_ends:
        session.load()  # a busy machine was too late for the last scrape
    assert found == judged


def with_verdict(session: Session) -> set[str]:
    found = query(session, "max_over_time(harness_budget_outcome[1h]) == 1")
    return {series["metric"]["budget"] for series in found}


# --- alerts ---------------------------------------------------------------------------------------


def query(session: Session, expr: str) -> list[dict[str, Any]]:
    answer = read(f"{session.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
    assert answer is not None
    result: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
    return result


def test_alert_reaches_the_alertmanager_for_the_broken_service_alone(session: Session) -> None:
    patience_ends = time.monotonic() + PATIENCE
    expected = {
        "alertname": "ErrorRatio",
        "service": "broken-app",
        "budget": "error-ratio",
        "severity": "critical",
    }
    alerts: list[dict[str, Any]] = []
    # Requests that the sound service answered too late may have had an alert for a while.
    while [one["labels"] for one in alerts] != [expected] and time.monotonic() < patience_ends:
        for identifier in range(1, 21):  # a tenth of them is answered with 500
            read(f"{session.broken}/api/v1/contacts/{identifier}")
        alerts = json.loads(read(f"{session.alertmanager}/api/v2/alerts") or b"[]")
    assert [one["labels"] for one in alerts] == [expected]
    annotations = alerts[0]["annotations"]
    assert annotations["summary"] == "broken-app: error-ratio is over 5%"
    (share,) = re.findall(r"^The value was ([0-9.]+)% in the last 5m", annotations["description"])
    assert 5 < float(share) < 50  # a tenth, where whole rounds are in the window
    assert annotations["dashboard_url"] == "/d/broken-app-budgets?var-service=broken-app"
    assert query(session, 'ALERTS{service="sample-app", alertstate="firing"}') == []
