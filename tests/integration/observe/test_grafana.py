"""Requests to Grafana, received by a stand-in that answers like Grafana."""

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.cli import main
from harness.commands.parts.servers import annotate_run, grafana_of
from harness.errors import UsageError
from harness.observe.grafana import Grafana
from tests.unit.report.cases import CASES

TOKEN = "glsa_secret"


class Standin(ThreadingHTTPServer):
    """Attributes: received has (path, document) of each accepted request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Standin)
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, {"message": "ok"}
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, answer = 401, {"message": "Invalid API key"}
        elif self.headers["Content-Type"] != "application/json":
            status, answer = 415, {"message": "not JSON"}
        else:
            self.server.received.append((self.path, document))
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def test_rendered_dashboards_are_imported_with_their_uids(
    standin: Standin, token: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--grafana-url", standin.url, "--grafana-token-file", str(token)]
    with suppress(SystemExit):
        main(["render", "--out", str(tmp_path / "out"), *arguments])
    paths = [(path, document["overwrite"]) for path, document in standin.received]
    assert paths == [("/api/dashboards/db", True)] * 3
    for _, document in standin.received:
        name = document["dashboard"]["uid"].removeprefix("sample-app-")
        written = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert document["dashboard"] == {**written, "id": None}
    out = capsys.readouterr().out
    assert f"{standin.url}: budgets.json imported" in out
    assert TOKEN not in out
    with suppress(SystemExit):
        main(["render", "--check", "--out", str(tmp_path / "out"), *arguments])
    assert len(standin.received) == 3  # an import with `--compare` changes nothing


def test_run_is_marked_with_its_window_and_outcome(standin: Standin) -> None:
    judgement, evidence, _ = CASES["fail"]
    annotate_run(Grafana(standin.url, TOKEN), evidence.manifest, judgement)
    ((path, document),) = standin.received
    clock = evidence.manifest.clock
    assert path == "/api/annotations"
    assert document["time"] == round(1000 * (clock.window_start or 0))
    assert document["timeEnd"] == round(1000 * (clock.window_end or 0))
    assert document["tags"] == ["harness", evidence.manifest.service, "smoke", "fail"]
    assert document["text"].startswith("FAIL: smoke: ")


def test_run_without_a_window_is_not_marked(standin: Standin) -> None:
    judgement, evidence, _ = CASES["pass"]
    clock = evidence.manifest.clock.model_copy(update={"window_start": None})
    manifest = evidence.manifest.model_copy(update={"clock": clock})
    annotate_run(Grafana(standin.url, TOKEN), manifest, judgement)
    assert not standin.received


def test_refusal_has_the_message_of_grafana(standin: Standin) -> None:
    with pytest.raises(UsageError, match="answered 401 to annotations: Invalid API key"):
        Grafana(standin.url, "wrong").annotate("text", [], 0, 1)


def test_unreachable_server_is_reported(standin: Standin) -> None:
    standin.server_close()
    with pytest.raises(UsageError, match="cannot reach Grafana"):
        Grafana("http://127.0.0.1:9", TOKEN).import_dashboard("{}")


@pytest.mark.parametrize("content", ["", "two words"])
def test_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    options = argparse.Namespace(
        grafana_url="http://127.0.0.1", grafana_token_file=tmp_path / "token"
    )
    with pytest.raises(UsageError, match="does not contain a token"):
        grafana_of(options)


def test_token_needs_a_server(token: Path) -> None:
    options = argparse.Namespace(grafana_url=None, grafana_token_file=token)
    with pytest.raises(UsageError, match="needs a server"):
        grafana_of(options)
