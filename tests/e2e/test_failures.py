"""What failed is told exactly: a service that counts is the oracle."""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Project

FAILING = Path(__file__).with_name("failing.py").resolve()
NOBODY = "http://127.0.0.1:9/x"  # the port of a service that no machine runs
LOCUSTFILE = f"""\
from locust import FastHttpUser, HttpUser, task

class Stock(HttpUser):
    @task(3)
    def items(self):
        self.client.get("/items").json()[0]

    @task
    def missing(self):
        self.client.get("/missing").json()["id"]

    @task
    def slow(self):
        self.client.get("/slow", timeout=(30, 0.8))  # for the answer alone

    @task
    def garbage(self):
        self.client.get("/garbage")

    @task
    def refused(self):
        self.client.get("{NOBODY}", name="/refused")

    @task
    def check(self):
        with self.client.get("/check", catch_response=True) as answer:
            answer.failure(f"unexpected id {{answer.json()['id']}}")

class Fast(FastHttpUser):
    @task
    def binary(self):
        assert self.client.get("/binary").ok

    @task
    def refused(self):
        self.client.get("{NOBODY}", name="/refused fast")
"""
KINDS = {  # request -> outcome by the service, kind and status by the harness
    "GET /items": ("/items 500", "status", 500),
    "GET /missing": ("/missing 404", "status", 404),
    "GET /slow": ("/slow slow", "timeout", None),
    "GET /garbage": ("/garbage garbage", "exception", None),
    "GET /check": ("/check 200", "check", 200),
    "GET /binary": ("/binary 503", "status", 503),
}


def test_failures_of_two_workers_are_counted_by_kind_as_the_service_counted_them(
    project: Project,
) -> None:
    (project.path / "locustfile.py").write_text(LOCUSTFILE)
    target = {"command": f"{sys.executable} {FAILING} {{port}}", "url": "http://127.0.0.1:{port}"}
    scenario = {"locustfile": "locustfile.py", "rate": "60/s", "duration": "3s", "warm_up": "1s"}
    project.document |= {
        "target": target,
        "scenarios": {"quick": scenario | {"workers": 2, "max_duration": "3s"}},
        "budgets": {"errors": {"indicator": {"kind": "error_ratio"}, "max": "5%"}},
    }
    result = project.judged("run", "--junit-xml", "j.xml")
    # Workers of a busy machine report late.
    expected = {3, 4} if "GUARD TRIPPED" in result.out else {3}
    assert result.code in expected, result.out + result.err

    found: list[dict[str, Any]] = project.results()["failures"]
    counted = Counter((project.path / "answered.txt").read_text().splitlines())
    clock = project.manifest()["clock"]
    for request, (outcome, kind, status) in KINDS.items():
        (one,) = [failure for failure in found if failure["request"] == request]
        assert (one["kind"], one["status"]) == (kind, status), one
        assert one["total"] == counted[outcome] > 0, one
        begun, ended = (clock[end] - clock["window_start"] for end in ("started", "drained"))
        assert begun - 0.001 <= one["first"] <= one["last"] <= ended
        assert re.fullmatch("[0-9a-f]{32}", one["trace_id"])
    refused = [one for one in found if one["kind"] == "connection"]
    assert {one["text"] for one in refused} == {
        "connection refused: nothing listened at 127.0.0.1:9"
    }
    assert len(refused) == 2
    errors = sum(endpoint["errors"] for endpoint in project.results()["endpoints"])
    assert sum(one["count"] for one in found) == errors
    assert project.manifest()["files"]["failures.jsonl"]["size"] > 0
    _check_texts(project, result.out, found)
    assert project.call("check", "out").code == result.code


def _check_texts(project: Project, out: str, found: list[dict[str, Any]]) -> None:
    """The messages are shown, and the hostile answer of /items harms nobody."""
    shown = " ".join(out.split())
    assert 'GET /check: check failed: "unexpected id' in shown
    summary = " ".join((project.path / "out/summary.md").read_text().split())
    assert "GET /items: 500 Internal Server Error" in summary  # the terminal has the most frequent
    consequences = " ".join(project.manifest()["consequences"])
    assert re.search(
        r"(IndexError|KeyError|JSONDecodeError).* after GET /items answered 500", consequences
    )
    assert "KeyError: 'id'" in consequences
    assert re.search("AssertionError.* after GET /binary answered 503", consequences)
    assert project.manifest()["user_errors"] == project.manifest()["consequences"]
    replies = [reply for one in found for reply in one["replies"]]
    assert any("***" in reply["body"] for reply in replies)
    written = [project.path / "out" / name for name in ("report.html", "comment.md", "summary.md")]
    pages = [path.read_text() for path in [*written, project.path / "j.xml"]]
    for text in (out, *pages):
        assert "\x1b" not in text
        assert "hunter2" not in text
    assert not re.search(r"(?m)^\s*::error", out)
    assert not any("<script>alert" in page for page in pages)
    assert "hunter2" not in (project.path / "out/failures.jsonl").read_text()
