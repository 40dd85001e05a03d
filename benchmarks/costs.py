"""The cost of one request against the truth, and against times: `python -m benchmarks.costs`.

The service burns a known CPU time for each request, until the CPU time of its process says so, and
sends a known number of bytes; one table has the costs that a run reports of it. The second table
has the CPU time by route of another service, whose handlers burn a known CPU time each. For the
third, the candidate of a comparison burns 5% more: after how many pairs each budget has found that.
All budgets tolerate 5%.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import machine, table

MILLISECONDS = 8.0  # CPU time of a request
MORE = 1.05  # times as much in the candidate
BYTES = 5_000
QUERIES = 3
# One request at a time, so that no other request burns the CPU time that it waits for.
SERVICE = """\
import os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BURN = float(os.environ["BURN"])
LOCK, BODY, count = threading.Lock(), b"x" * int(os.environ["BYTES"]), 0
NAMES = ("http_server_request_duration_seconds", "db_client_operation_duration_seconds")


def metrics():
    lines = []
    for name, each in zip(NAMES, (1, int(os.environ["QUERIES"]))):
        labels = 'http_request_method="GET"' if name == NAMES[0] else 'db_operation_name="SELECT"'
        lines.append(f"# TYPE {name} histogram")
        for part in ('_bucket{le="+Inf",' + labels + "}", "_count{" + labels + "}"):
            lines.append(f"{name}{part} {count * each}")
        lines.append(name + "_sum{" + labels + "} " + str(count * each * 0.001))
    return "\\n".join([*lines, ""]).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        global count, due
        body = metrics() if self.path == "/metrics" else BODY
        if self.path != "/metrics":
            with LOCK:
                count += 1
                due += BURN
                while time.process_time() < due:
                    pass
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
due = time.process_time()
server.serve_forever()
"""
LOCUSTFILE = """\
from harness import FastUser
from locust import task

class Visitor(FastUser):
    @task
    def get(self):
        self.client.get("/")
"""
# Two coroutines, and a function that FastAPI calls in a thread, all with a wait besides.
ROUTES_SERVICE = """\
import asyncio, sys, time
import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

app = FastAPI()


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@app.get("/heavy")
async def heavy():
    await asyncio.sleep(0.01)
    burn(0.008)


@app.get("/light")
async def light():
    await asyncio.sleep(0.01)
    burn(0.002)


@app.get("/threaded")
def threaded():
    time.sleep(0.01)
    burn(0.004)


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
FastAPIInstrumentor.instrument_app(app)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
ROUTES_LOCUSTFILE = """\
from harness import FastUser
from locust import task

class Visitor(FastUser):
    @task(2)
    def heavy(self):
        self.client.get("/heavy")

    @task(3)
    def light(self):
        self.client.get("/light")

    @task(1)
    def threaded(self):
        self.client.get("/threaded")
"""
ROUTES_TRUTH = {"GET /heavy": 0.008, "GET /light": 0.002, "GET /threaded": 0.004}
TRUTH: Mapping[str, float] = {
    "cpu_time_per_request": MILLISECONDS / 1000,
    "queries_per_request": QUERIES,
    "database_time_per_request": QUERIES * 0.001,
    "response_bytes_per_request": BYTES,
}
BUDGETS = {
    "CPU time per request": ("cpu_time_per_request", "1s"),
    "p50": ({"kind": "latency", "quantile": 0.5}, "5s"),
    "p95": ({"kind": "latency", "quantile": 0.95}, "5s"),
}


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second")
    parser.add_argument("--seconds", type=int, default=10, help="of the run's window")
    parser.add_argument("--comparisons", type=int, default=1)
    parser.add_argument("--max-pairs", type=int, default=12)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, options.rate, options.seconds)
        print(truth(place))
        print(routes(place / "routes", options.rate))
        pairs = str(options.max_pairs)
        found = [compare(place, number, pairs) for number in range(options.comparisons)]
    print(regressions(found))


def prepare(place: Path, rate: float, seconds: int) -> None:
    """Write the service, the load and the budgets."""
    (place / "service.py").write_text(SERVICE)
    (place / "locustfile.py").write_text(LOCUSTFILE)
    document = {
        "version": 1,
        "service": "costs",
        "target": {
            "url": "http://127.0.0.1:{port}",
            "command": f"{sys.executable} service.py {{port}}",
            "metrics": "/metrics",
            "environment": {
                "BURN": str(MILLISECONDS / 1000),
                "BYTES": str(BYTES),
                "QUERIES": str(QUERIES),
            },
        },
        "scenarios": {
            "load": {
                "locustfile": "locustfile.py",
                "rate": f"{rate}/s",
                "warm_up": "2s",
                "duration": f"{seconds}s",
                "max_duration": f"{seconds}s",
            }
        },
        "budgets": {
            name.replace(" ", "-").lower(): {
                "indicator": indicator,
                "max": bound,
                "max_regression": "5%",
            }
            for name, (indicator, bound) in BUDGETS.items()
        },
    }
    (place / "budgets.yaml").write_text(json.dumps(document))  # JSON is YAML


def truth(place: Path) -> str:
    """The costs of a run beside what they are."""
    harness(place, "run", "--out", "run")
    costs = {one["name"]: one for one in read(place / "run/results.json")["costs"]}
    rows = []
    for name, true in TRUTH.items():
        value = costs[name]["value"] if name in costs else None
        off = "no data" if value is None else f"{100 * (value / true - 1):+.2f}%"
        rows.append([f"`{name}`", f"{true:g}", "-" if value is None else f"{value:.6g}", off])
    return table(["cost", "true", "measured", "off by"], rows)


def routes(place: Path, rate: float) -> str:
    """The CPU time by route of a run beside what it is."""
    place.mkdir()
    (place / "service.py").write_text(ROUTES_SERVICE)
    (place / "locustfile.py").write_text(ROUTES_LOCUSTFILE)
    load = {"locustfile": "locustfile.py", "rate": f"{rate}/s", "warm_up": "1s", "duration": "3s"}
    document = {
        "version": 1,
        "service": "routes",
        "target": {
            "url": "http://127.0.0.1:{port}",
            "command": f"{sys.executable} service.py {{port}}",
            "ready": "/light",
        },
        "scenarios": {"load": load},
        "budgets": {"errors": {"indicator": "error_ratio", "max": "1%"}},
    }
    (place / "budgets.yaml").write_text(json.dumps(document))
    harness(place, "run", "--diagnose", "always", "--out", "run")
    diagnosis = read(place / "run/diagnosis.json")
    costs = {one["route"]: one["cpu"] for one in diagnosis["routes"]}
    rows = []
    for route, true in ROUTES_TRUTH.items():
        cost = costs.get(route)
        found = ["not known", "-", "-"]
        if cost:
            ends = (f"{1000 * cost[end]:.3g}" for end in ("lower", "upper"))
            found = [f"{1000 * cost['seconds']:.3g}", " .. ".join(ends), str(cost["samples"])]
        rows.append([f"`{route}`", f"{1000 * true:g}", *found])
    note = diagnosis["cpu_note"]
    head = ["route", "true, ms", "measured", "95% interval", "samples"]
    return table(head, rows) + (f"\n{note}" if note else "")


def compare(place: Path, number: int, pairs: str) -> list[dict[str, Any]]:
    """The changes that a comparison with a candidate that burns more reports."""
    more = f"BURN={MORE * MILLISECONDS / 1000}"
    out = f"compare-{number}"
    arguments = ("--warm-up", "2s", "--max-pairs", pairs, "--seed", str(number), "--out", out)
    harness(place, "compare", "--candidate-environment", more, *arguments)
    found: list[dict[str, Any]] = read(place / out / "compare.json")["budgets"]
    return found


def regressions(comparisons: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """For each budget in how many comparisons it failed, after how many pairs, and its noise."""
    rows = []
    for number, name in enumerate(BUDGETS):
        found = [one[number] for one in comparisons]
        failed = [one["decided_after"] for one in found if one["outcome"] == "fail"]
        logs = [ratio for one in found for ratio in one["log_ratios"] if ratio is not None]
        ratios = [math.expm1(ratio) for ratio in logs]
        noise = f"{100 * statistics.stdev(ratios):.1f}%" if len(ratios) > 1 else "-"
        after = f"{statistics.median(failed):g}" if failed else "-"
        worse = f"{100 * statistics.median(ratios):+.1f}%" if ratios else "-"
        rows.append([name, f"{len(failed)} of {len(found)}", after, worse, noise])
    return table(["budget", "found", "pairs, median", "ratio, median", "pair noise"], rows)


def harness(place: Path, *arguments: str) -> None:
    """Run the harness; its outcome is read from its files."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "harness", *arguments, "--quiet"]
    subprocess.run(command, cwd=place, env=environment, timeout=3600, check=False)


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
