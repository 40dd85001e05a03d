"""Each failure before the load: one error, the last output, what to do, reports that say so."""

import json
import socket
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from harness import names
from harness.cli import main
from tests.e2e.conftest import LOCUSTFILE, SERVICE, document
from tests.integration.observe.readiness import ends_after

PYTHON = sys.executable


class Failure(NamedTuple):
    """A project whose run never begins.

    Attributes:
        target: Changes of the target; None instead of a key removes it.
        locustfile: Its text.
        error: The first line of the error; `{…}` are places that a test fills.
        more: A line of the output that must be shown, or empty.
        hint: A part of the hint.
        code: The exit code.
    """

    target: dict[str, Any]
    locustfile: str = LOCUSTFILE
    error: str = ""
    more: str = ""
    hint: str = ""
    code: int = 4


SAYS = "print('so it goes', flush=True)"
FAILURES = {
    "command that does not exist": Failure(
        {"command": "no-such-program {port}"},
        error="the command cannot be started: no-such-program: No such file or directory",
        hint="install 'no-such-program' or write its full path",
    ),
    "command that ends at once": Failure(
        {"command": f"{PYTHON} locustfile.py {{port}}"},
        locustfile=f"{SAYS}\nraise SystemExit(9)\n",
        error="the service ended with exit code 9 before it was ready",
        more="    so it goes",
        hint="the whole output is in {folder}/target.log; the command was: ",
    ),
    "service that never gets ready": Failure(
        {"environment": {"READY_AFTER": "never"}, "ready_timeout": "3s"},
        error="the service was not ready within 3 s: http://127.0.0.1:{port}/ready answered 503",
        more="    listening on {port}",
        hint="the whole output is in {folder}/target.log",
    ),
    "port in use": Failure(
        {"command": f"{PYTHON} {SERVICE} {{taken}}", "url": "http://127.0.0.1:{taken}"},
        error="port {taken} is taken: another process listens at http://127.0.0.1:{taken}",
        hint="stop the process, or write {port} for a free port",
    ),
    "address where nothing answers": Failure(
        {"command": None, "url": "http://127.0.0.1:1", "ready": None},
        error="nothing answers at http://127.0.0.1:1: connection refused",
        hint="start the service first",
    ),
    "locustfile that cannot be imported": Failure(
        {},
        locustfile="import no_such_module\n",
        error="{project}/locustfile.py:1: ModuleNotFoundError: No module named 'no_such_module'",
        code=2,
    ),
    "locustfile without a user class": Failure(
        {}, locustfile="x = 1\n", error="{project}/locustfile.py", hint="User", code=2
    ),
    "generator that dies": Failure(
        {},
        locustfile=f"import os\n{SAYS}\nos._exit(7)\n",
        error="the load generator died: exit code 7",
        more="    so it goes",
        hint="the whole output is in {folder}/generator.log",
    ),
}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def begin(failure: Failure, project: Path, taken: int, patch: pytest.MonkeyPatch) -> None:
    """Write the project of a failure, and make it the working directory."""
    plan = document()
    plan["target"] |= failure.target
    plan["target"] = {
        key: value.replace("{taken}", str(taken)) if isinstance(value, str) else value
        for key, value in plan["target"].items()
        if value is not None
    }
    (project / "locustfile.py").write_text(failure.locustfile)
    (project / "budgets.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    if "ready_timeout" in failure.target:
        ends_after(patch, "answered 503")
    patch.chdir(project)
    patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    patch.setenv("GITHUB_ACTIONS", "false")


@pytest.mark.parametrize("name", FAILURES)
def test_failure_before_the_load_is_said_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    taken: int,
    name: str,
) -> None:
    failure = FAILURES[name]
    begin(failure, tmp_path, taken, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--out", "out"])
    shown = capsys.readouterr()
    text = " ".join((shown.out + shown.err).split())
    run = json.loads(Path("out", names.MANIFEST_FILE).read_text())

    def filled(expected: str) -> str:
        places = {"{project}": tmp_path, "{folder}": "out", "{taken}": taken}
        for place, value in places.items():
            expected = expected.replace(place, str(value))
        return expected

    # On the terminal: each once.
    assert ended.value.code == failure.code
    assert "Traceback" not in text
    error = filled(failure.error)
    if "{port}" in error:  # the port was free, and is in no file
        assert text.count(error.partition("{port}")[0]) == 1
    else:
        assert text.count(error) == 1
    assert filled(failure.hint) in text
    assert text.count("error: ") == 1
    assert text.count(filled(failure.more).partition("{port}")[0].strip() or "error: ") == 1
    assert "budget" not in text.replace("budgets not judged: 3", "")
    if failure.code == 4:
        last = shown.out.splitlines()[-1]
        assert last == "INCONCLUSIVE: nothing was measured; budgets not judged: 3 (exit code 4)"
        assert shown.err == ""
    assert len((shown.out + shown.err).splitlines()) <= 12
    # In the files: none is empty or half, each says it once.
    assert run["status"] == "failed"
    assert run["reason"].startswith(error.partition("{port}")[0])
    files = {path.name: path for path in Path("out").iterdir()}
    empty = [path.suffix for path in files.values() if not path.stat().st_size]
    assert set(empty) <= {".log"}  # of a process that printed nothing
    assert not [name for name in files if name.endswith((".part", ".partial"))]
    assert files[names.METRICS_FILE].read_text().endswith("# EOF\n")
    results = json.loads(files[names.RESULTS_FILE].read_text())
    assert (results["outcome"], results["exit_code"]) == ("inconclusive", failure.code)
    assert [guard["name"] for guard in results["guards"]] == ["run-complete"]
    suite = ET.parse(files[names.JUNIT_FILE]).getroot()
    assert [case.get("name") for case in suite.iter("testcase")] == ["run"]
    assert len(list(suite.iter("error"))) == 1
    first = run["reason"].splitlines()[0]
    for file in (names.SUMMARY_FILE, names.COMMENT_FILE):
        assert files[file].read_text().count(first) == 1
    assert files[names.REPORT_FILE].read_text().count('class="failure"') == 1
    # And so says a later look at it.
    with pytest.raises(SystemExit) as ended:
        main(["check", "out"])
    assert ended.value.code == 4
    assert " ".join(capsys.readouterr().out.split()).count("error: ") == 1
