"""`harness run` against a service behind a private CA."""

import pytest

from harness.names import UP
from harness.runs.folder import RunFolder, read_evidence
from tests.e2e.conftest import Project
from tests.tls import certificate, tls_server

LOCUSTFILE = """\
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")
"""


@pytest.mark.needs_openssl
def test_run_verifies_the_target_with_its_ca_file(project: Project) -> None:
    own = certificate(project.path, "own")
    (project.path / "locustfile.py").write_text(LOCUSTFILE)
    scenario = {"locustfile": "locustfile.py", "rate": "20/s", "duration": "1s", "warm_up": "0s"}
    errors = {"indicator": {"kind": "error_ratio"}, "max": "0%", "decide": "value"}
    project.document["budgets"] = {"errors": errors}
    project.document["scenarios"]["quick"] = scenario | {"max_duration": "1s"}
    with tls_server(own) as url:
        project.document["target"] = {"url": url, "metrics": "/metrics", "ca_file": "own.pem"}
        result = project.judged("run", "--workers", "2")
    assert result.code == 0, result.out + result.err
    assert project.manifest()["requests"]["recorded"] > 0
    series = read_evidence(RunFolder(project.path / "out")).series
    # Each scrape without the CA fails; a busy machine loses some of those with it.
    assert any(1 in one.values for one in series if one.name == UP)
    assert project.outcomes() == {"errors": "pass"}
