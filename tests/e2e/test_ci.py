"""A breach as a job of GitHub meets it: the action's steps in bash, and what is made of the run.

Only GitHub's side is played: its variables, its files, and `gh`, which answers from a file.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psutil
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from harness.units import Unit, format_quantity
from tests.e2e.conftest import LOCUSTFILE, Project, children, document

ACTION = yaml.safe_load(Path(".github/actions/harness/action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
GH = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
if [ "$2" = --paginate ]; then cat "$COMMENTS"; fi
"""


@dataclass(frozen=True)
class Job:
    """A job whose step "Load and judge" has ended."""

    project: Project
    result: "subprocess.CompletedProcess[str]"
    outputs: dict[str, str]
    summary: Path

    @property
    def folder(self) -> Path:
        return Path(self.outputs["folder"])


def step(
    name: str, expressions: dict[str, str], folder: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a step as the runner does: expressions in its `env`, its script with bash."""

    def value(text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: expressions[match[1]], text)

    asked = {key: value(text) for key, text in STEPS[name]["env"].items()}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
        cwd=folder,
        env=inherited | {"PATH": path, "GITHUB_ACTIONS": "true"} | variables | asked,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def load(project: Project, arguments: str) -> Job:
    output, summary = project.path / "output", project.path / "step-summary.md"
    result = step(
        "Load and judge",
        {"inputs.arguments": arguments, "inputs.name": "harness-run"},
        project.path,
        GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary),
    )
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return Job(project, result, outputs, summary)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    path = tmp_path_factory.mktemp("shop")
    (path / "locustfile.py").write_text(LOCUSTFILE)
    project = Project(path, document())
    # No pause of a busy machine, and no scrape that it loses, may explain its breach.
    project.document["budgets"]["answers"] = {"indicator": {"kind": "throughput"}, "max": "1/s"}
    project.document["budgets"]["errors"]["max"] = "20%"  # which so few requests can show
    project.write()
    yield load(project, "run quick\n--rate '20/s'\n--diagnose never\n")
    _, left = psutil.wait_procs(children(path), timeout=30)
    assert not [process.cmdline() for process in left]


def test_breach_fails_the_step_and_tells_the_next_ones(job: Job) -> None:
    assert job.result.returncode == 3, job.result.stdout + job.result.stderr
    assert job.outputs == {
        "exit-code": "3",
        "folder": str(job.project.path / "harness-run"),
        "comment": str(job.project.path / "harness-run" / "comment.md"),
    }
    assert job.summary.read_text() == (job.folder / "summary.md").read_text()
    workload = job.project.manifest("harness-run")["scenario"]["loads"][0]["workload"]
    assert workload["stages"][0]["rate"] == 20
    assert "\x1b" not in job.result.stdout + job.result.stderr


def test_breach_is_annotated_at_the_line_of_its_budget(job: Job) -> None:
    budgets = job.project.path / "budgets.yaml"
    lines = budgets.read_text().splitlines()
    annotation = re.compile(r"^::error file=(.+),line=(\d+),title=(.*?)::", re.MULTILINE)
    file, line, title = annotation.findall(job.result.stderr)[0]
    assert (file, title) == (str(budgets), "FAIL answers")
    assert lines[int(line) - 1].strip() == "answers:"


OURS = "github-actions[bot]"


def comment_of(author: str, number: int, body: str) -> dict[str, Any]:
    return {"id": number, "body": body, "user": {"login": author}}


@pytest.mark.needs_jq
@pytest.mark.parametrize(
    ("comments", "call"),
    [
        pytest.param(
            [comment_of("ada", 1, "fine")],
            "--method POST repos/o/shop/issues/7/comments",
            id="the first one",
        ),
        pytest.param(
            [
                comment_of(OURS, 1, "see <!-- harness run shop quick -->"),
                comment_of(OURS, 2, "<!-- harness run shop load -->\n## PASS"),
                comment_of(OURS, 3, "<!-- harness run shop quick -->\n## PASS"),
                comment_of(OURS, 4, "<!-- harness run shop quick -->\n## PASS"),
            ],
            "--method PATCH repos/o/shop/issues/comments/3",
            id="in place of the old one",
        ),
        pytest.param(
            [comment_of("mallory", 1, "<!-- harness run shop quick -->\n## PASS")],
            "--method POST repos/o/shop/issues/7/comments",
            id="a person's comment with the marker is not touched",
        ),
    ],
)
def test_comment_is_written_once(
    job: Job, tmp_path: Path, comments: list[dict[str, Any]], call: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    calls, answer = tmp_path / "calls", tmp_path / "comments.json"
    answer.write_text(json.dumps(comments))
    expressions = {
        "github.token": "token",
        "steps.load.outputs.comment": job.outputs["comment"],
        "github.event.pull_request.number": "7",
    }
    result = step(
        "Comment on the pull request",
        expressions,
        tmp_path,
        GITHUB_REPOSITORY="o/shop",
        CALLS=str(calls),
        COMMENTS=str(answer),
    )
    assert result.returncode == 0, result.stderr
    assert calls.read_text().splitlines() == [
        "api --paginate repos/o/shop/issues/7/comments",
        f"api --silent {call} --field body=@{job.outputs['comment']}",
    ]


BOT = 50  # the account of the token


def note(author: int, number: int, body: str) -> dict[str, Any]:
    return {"id": number, "body": body, "author": {"id": author}}


@dataclass
class GitLab:
    """What a merge request has for notes, and the calls that changed them."""

    notes: list[dict[str, Any]]
    calls: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def gitlab(notes: list[dict[str, Any]]) -> Iterator[tuple[GitLab, str]]:
    """A stand-in for GitLab's API of notes, and its URL."""
    state = GitLab(notes)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            right = self.headers["PRIVATE-TOKEN"] == "secret"
            if self.command != "GET":
                (text,) = parse_qs(body)["body"]
                state.calls.append((self.command, self.path, text))
            found: object = {"id": 9}
            if self.command == "GET":
                found = {"id": BOT} if self.path.endswith("/user") else state.notes
            content = json.dumps(found).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield state, f"http://127.0.0.1:{server.server_port}/api/v4"
        finally:
            server.shutdown()


@pytest.mark.needs_jq
@pytest.mark.needs_curl
@pytest.mark.parametrize(
    ("notes", "call"),
    [
        pytest.param([note(7, 1, "fine")], ("POST", "notes"), id="the first one"),
        pytest.param(
            [note(7, 1, "<!-- harness run shop quick -->\n## PASS")],
            ("POST", "notes"),
            id="a person's note with the marker is not touched",
        ),
        pytest.param(
            [
                note(BOT, 1, "see <!-- harness run shop quick -->"),
                note(BOT, 3, "<!-- harness run shop quick -->\n## PASS"),
                note(BOT, 4, "<!-- harness run shop quick -->\n## PASS"),
            ],
            ("PUT", "notes/3"),
            id="in place of the old one",
        ),
    ],
)
def test_note_on_gitlab_is_written_once(
    job: Job, tmp_path: Path, notes: list[dict[str, Any]], call: tuple[str, str]
) -> None:
    (tmp_path / "compare").symlink_to(job.folder)
    with gitlab(notes) as (state, url):
        result = comment_on_gitlab(tmp_path, url, "secret")
    assert (result.returncode, result.stderr) == (0, "")
    comment = (job.folder / "comment.md").read_text()
    path = f"/api/v4/projects/5/merge_requests/7/{call[1]}"
    assert state.calls == [(call[0], path, comment)]


@pytest.mark.needs_curl
def test_no_note_on_gitlab_without_a_token_or_a_comment(job: Job, tmp_path: Path) -> None:
    with gitlab([]) as (state, url):
        assert comment_on_gitlab(tmp_path, url, "secret").returncode == 0  # no run
        (tmp_path / "compare").symlink_to(job.folder)
        assert comment_on_gitlab(tmp_path, url, "").returncode == 0
    assert state.calls == []


def comment_on_gitlab(folder: Path, url: str, token: str) -> "subprocess.CompletedProcess[str]":
    """Run the lines of docs/ci.md that comment, as a job's `after_script`."""
    text = Path("docs/ci.md").read_text()
    (jobs,) = re.findall(r"```yaml\n# .gitlab-ci.yml\n(.*?)```", text, flags=re.DOTALL)
    (script,) = yaml.safe_load(jobs)["compare"]["after_script"]
    variables = {
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7",
        "COMMENT_TOKEN": token,
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("packages", "options"),
    [
        pytest.param("", "", id="none"),
        pytest.param("numpy>=2 faker", " --with=numpy>=2 --with=faker", id="two"),
    ],
)
def test_packages_of_the_locustfile_are_installed_beside_the_harness(
    tmp_path: Path, packages: str, options: str
) -> None:
    (tmp_path / "bin").mkdir()
    uv = '#!/bin/sh\necho "$*" >>calls\n[ "$2" != dir ] || echo /tools/bin\n'
    (tmp_path / "bin" / "uv").write_text(uv)
    (tmp_path / "bin" / "uv").chmod(0o755)
    expressions = {"github.action_path": "/a/.github/actions/harness", "inputs.with": packages}
    path = tmp_path / "path"
    result = step("Install harness", expressions, tmp_path, GITHUB_PATH=str(path))
    assert result.returncode == 0, result.stderr
    export, install, _ = (tmp_path / "calls").read_text().splitlines()
    assert "--frozen" in export
    locked = export.rpartition(" ")[2]
    called, _, source = install.rpartition(" ")
    assert called == f"tool install --quiet --force --constraints {locked}{options}"
    assert os.path.normpath(source) == "/a"
    assert path.read_text() == "/tools/bin\n"


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        pytest.param("compare", ["compare", "--out", "harness-run"], id="only a command"),
        pytest.param(
            "run load --quiet -- --tenant 'a b'",
            ["run", "--out", "harness-run", "load", "--quiet", "--", "--tenant", "a b"],
            id="arguments of the locustfile",
        ),
    ],
)
def test_run_folder_is_no_argument_of_the_locustfile(
    tmp_path: Path, arguments: str, called: list[str]
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "harness").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" >called\n")
    (tmp_path / "bin" / "harness").chmod(0o755)
    (tmp_path / "macos").write_text("enable -n mapfile readarray\n")  # its bash is version 3.2
    variables = {"BASH_ENV": str(tmp_path / "macos"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    expressions = {"inputs.arguments": arguments, "inputs.name": "harness-run"}
    result = step("Load and judge", expressions, tmp_path, **variables)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "called").read_text().splitlines() == called


def test_nonsense_fails_the_step_before_there_is_a_run(project: Project) -> None:
    project.write("version: 1\n")
    job = load(project, "run")
    assert job.result.returncode == 2
    assert job.outputs == {
        "exit-code": "2",
        "folder": str(project.path / "harness-run"),
    }
    assert "::error title=harness::budgets.yaml:1: " in job.result.stderr
    assert load(project, "run 'quick").result.returncode != 0


# --- what is made of the run afterwards -----------------------------------------------------------


def test_export_has_the_values_of_the_run(job: Job) -> None:
    budgets = job.project.results("harness-run")["budgets"]
    # A busy machine loses scrapes: then there is no value of the cache.
    values = {b["name"]: b["value"] for b in budgets if b["value"] is not None}
    assert {"latency", "errors", "answers"} <= values.keys()

    def exported(form: str) -> str:
        run = job.project.harness if form == "otava-csv" else job.project.call
        result = run("export", "harness-run", "--to", form)
        assert result.code == 0, result.err
        return result.out

    smaller = {r["name"] for r in json.loads(exported("github-action-benchmark"))}
    assert smaller == {"quick: latency", "quick: errors", "quick: answers"}
    bencher = json.loads(exported("bencher"))
    measured = {name: m["value"] for one in bencher.values() for name, m in one.items()}
    assert set(values.values()) <= set(measured.values())
    families = text_string_to_metric_families(exported("openmetrics"))  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]
    assert {
        s.labels["budget"]: s.value for s in samples if s.name == "harness_budget_value"
    } == values
    assert len(exported("otava-csv").splitlines()) == 2


def test_history_has_the_run_and_what_came_out(job: Job) -> None:
    result = job.project.harness("history", ".")
    assert result.code == 0, result.err
    value = job.project.results("harness-run")["budgets"][0]["value"]
    shown = format_quantity(value, Unit.SECONDS)
    assert re.search(r"^FAIL +harness-run ", result.out, re.MULTILINE), result.out
    assert re.search(rf"^latency +{shown} +max 5 s", result.out, re.MULTILINE)
