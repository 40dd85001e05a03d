"""The action and the jobs of docs/ci.md, as far as they can be held against something here.

The schemas are those of the hosts' files, as check-jsonschema ships them.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import COMMANDS, parser

ACTION = Path(".github/actions/harness/action.yml")
DOC = Path("docs/ci.md").read_text()
JOBS = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", DOC, flags=re.DOTALL))
SCHEMAS = {
    ".github/workflows/release.yml": "vendor.github-workflows",
    ".github/workflows/compare.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}
action: dict[str, Any] = yaml.safe_load(ACTION.read_text())


def assert_valid(path: Path, schema: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def steps(name: str) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(JOBS[name])["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def uses_of_the_action() -> list[dict[str, Any]]:
    found = [step for name in JOBS if "workflows" in name for step in steps(name)]
    return [step for step in found if f"/{ACTION.parent}@" in step.get("uses", "")]


def test_action_is_one_for_github() -> None:
    assert_valid(ACTION, "vendor.github-actions")


@pytest.mark.parametrize("name", SCHEMAS)
def test_documented_job_is_one_for_its_host(name: str, tmp_path: Path) -> None:
    path = tmp_path / Path(name).name
    path.write_text(JOBS[name])
    assert_valid(path, SCHEMAS[name])


def test_every_documented_job_is_looked_at() -> None:
    assert sorted(JOBS) == sorted(SCHEMAS)
    assert DOC.count("```yaml") == len(SCHEMAS)


def test_no_script_has_what_others_write() -> None:
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert len(scripts) == 3
    for script in scripts:
        assert "${{" not in script


def test_actions_of_others_are_pinned_by_commit() -> None:
    of_jobs = [step for name in JOBS if "workflows" in name for step in steps(name)]
    used = {step["uses"] for step in (*action["runs"]["steps"], *of_jobs) if "uses" in step}
    others = {use for use in used if not use.startswith("OWNER/harness/")}
    assert len(others) == 3
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use) for use in others)


def test_documented_inputs_are_those_of_the_action() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (?:`(.+?)`)? ?\| ", DOC, flags=re.MULTILINE)
    documented = {name: default for name, default in rows if name in action["inputs"]}
    assert documented == {name: value["default"] for name, value in action["inputs"].items()}
    for step in uses_of_the_action():
        assert set(step["with"]) <= set(action["inputs"])


@pytest.mark.parametrize(
    "arguments",
    [
        *(step["with"]["arguments"] for step in uses_of_the_action()),
        *re.findall(r"harness ((?:run|export|compare) .*)", JOBS[".gitlab-ci.yml"]),
        action["inputs"]["arguments"]["default"],
    ],
)
def test_documented_command_is_one(arguments: str) -> None:
    words = shlex.split(re.sub(r"\$\{\{.*?\}\}", "main", arguments))
    if "--out" not in words:
        words += ["--out", "harness-run"]
    assert parser(COMMANDS).parse_args(words).out


def test_comparison_has_the_history_that_it_compares_with() -> None:
    checkout, compare = steps(".github/workflows/compare.yml")
    assert checkout["with"]["fetch-depth"] == 0
    assert "--baseline origin/" in compare["with"]["arguments"]
