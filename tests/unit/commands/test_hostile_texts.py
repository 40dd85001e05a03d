"""Hostile text from a service or a locustfile, through every output of every command."""

import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.cli import main
from harness.report.export.formats import FORMATS
from tests.unit.commands.stored_latency import budgets, stored_run

EVIL = "\n::error::forged ##[error]forged \x1b[31m\x9b2J\u202e<script>alert(1)</script>|`@team [a](http://e)"
OURS = re.compile("::(error|warning) (file=[^:]*,line=[0-9]+,)?title=[^:\n]*::[^\n]*")


@pytest.fixture(autouse=True)
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    monkeypatch.chdir(tmp_path)


def harness(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    shown = capsys.readouterr()
    for line in (shown.out + shown.err).split("\n"):
        assert_harmless(line)
    assert "Traceback" not in shown.err
    return ended.value.code, shown.out, shown.err


def assert_harmless(line: str) -> None:
    """A line that no terminal and no CI host acts on, except for our own annotations."""
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", line), ascii(line)
    if not OURS.fullmatch(line):
        assert not line.lstrip().startswith("::"), line
        assert "##[" not in line, line


@pytest.fixture
def folder(tmp_path: Path) -> str:
    texts = {"user_errors": (EVIL,), "notices": (EVIL,), "service": f"shop{EVIL}"}
    stored_run(tmp_path / "run", request=EVIL, **texts)  # type: ignore[arg-type]
    return "run"


def test_judged_run(capsys: pytest.CaptureFixture[str], folder: str) -> None:
    copies = ("--json", "r.json", "--junit-xml", "j.xml", "--markdown", "s.md", "--html", "p.html")
    code, out, err = harness(capsys, "check", folder, *copies)
    assert (code, "forged" in out) == (4, True)
    assert len([line for line in err.splitlines() if OURS.fullmatch(line)]) == 1
    ET.parse("j.xml")
    assert "<script>alert" not in Path("p.html").read_text()
    for text in (Path("s.md").read_text(), Path("step.md").read_text()):
        assert "<script" not in text
        assert "@team" not in text
        assert not re.search("(?<!\\\\)\\]\\(http", text)
        assert "\n::" not in text


def test_run_that_never_began(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    clock = {"created": 1.0}
    reason = f"it ended{EVIL}\nIts last output:\n    {EVIL}\nhint: see {EVIL}"
    stored_run(tmp_path / "run", status="failed", reason=reason, clock=_clock(**clock))
    code, _, err = harness(capsys, "check", "run", "--junit-xml", "j.xml", "--html", "p.html")
    assert code == 4
    assert len([line for line in err.splitlines() if OURS.fullmatch(line)]) == 1
    ET.parse("j.xml")
    assert "<script>alert" not in Path("p.html").read_text()


def _clock(**moments: float) -> object:
    from harness.runs.model import Clock

    return Clock(**moments)


def test_stored_results(capsys: pytest.CaptureFixture[str], folder: str) -> None:
    harness(capsys, "check", folder, "--json", "run/results.json")
    assert harness(capsys, "report", folder)[0] == 0
    assert harness(capsys, "history", ".", "--html", "h.html")[0] == 0
    assert "<script>alert" not in Path("h.html").read_text()
    again = harness(capsys, "check", folder, "--baseline", folder)
    assert "of another service" not in again[1]
    for name in FORMATS:  # data, which is not changed: it is only checked that it goes through
        with pytest.raises(SystemExit):
            main(["export", folder, "--to", name, "--out", f"export-{name}"])
        capsys.readouterr()


@contextmanager
def exposing(text: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text.encode("utf-8", "replace")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "text",
    [
        f'hits_total{{a="{EVIL.replace(chr(10), chr(92) + "n")}"}} 1\n',
        f'hits_total{{a="b"}} 1{EVIL}\n',
        f"{EVIL} 1\n",
    ],
    ids=["a label's value", "a value", "a line"],
)
def test_metrics_of_a_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    # The service is in this process, which may have to wait for a CPU.
    monkeypatch.setattr("harness.observe.metric_families.TIMEOUT", 60.0)
    Path("smoke.py").touch()
    more = "{indicator: {kind: rate, metric: hits_total, where: {a: x}, unit: 1/s}, max: 1/s}"
    Path("budgets.yaml").write_text(
        budgets(hits=more).replace("target: {", "target: {metrics: /m, ")
    )
    with exposing(text) as url:
        _, out, err = harness(capsys, "lint", "--url", url)
    assert "forged" in out + err


@pytest.mark.parametrize(
    "arguments", [("run", EVIL), ("check", EVIL), ("lint", "--budgets", EVIL), ("export", EVIL)]
)
def test_message_about_an_argument(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    Path("budgets.yaml").write_text(budgets())
    more = ("--to", "bencher") if arguments[0] == "export" else ()
    code, _, err = harness(capsys, *arguments, *more)
    assert code == 2
    assert "forged" in err
