"""What the host reads of .github: workflows, forms, the updates that it proposes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))
SCHEMAS = {
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    Path(".github/dependabot.yml"): "vendor.dependabot",
    Path(".github/ISSUE_TEMPLATE/config.yml"): "vendor.github-issue-config",
    Path(".github/ISSUE_TEMPLATE/bug.yml"): "vendor.github-issue-forms",
    Path(".github/ISSUE_TEMPLATE/feature.yml"): "vendor.github-issue-forms",
}


def yaml_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


@pytest.mark.parametrize("path", SCHEMAS, ids=str)
def test_file_of_the_host_is_one(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[path]]
    result = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_file_of_the_host_is_looked_at() -> None:
    there = {
        path
        for path in Path(".github").rglob("*.yml")
        if path.parent.parent != Path(".github/actions")
    }
    assert there == set(SCHEMAS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_workflow_pins_actions_by_commit_and_names_the_version(path: Path) -> None:
    used = re.findall(r"uses: (.+)$", path.read_text(), flags=re.MULTILINE)
    assert used
    for use in used:
        pinned = re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
        assert pinned or Path(use).is_file(), use


def test_action_has_one_commit_in_all_workflows() -> None:
    texts = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"uses: (\S+)@(\S+)", texts))
    assert len({action for action, _ in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=str)
def test_workflow_ends_in_time_and_may_not_write(path: Path) -> None:
    workflow = yaml_of(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 60
        permissions = job.get("permissions", {})
        assert [key for key, value in permissions.items() if value == "write"] in ([], ["id-token"])
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", "")  # what others write is no part of a script


def test_ci_runs_the_script_on_the_oldest_and_the_newest_python() -> None:
    (job,) = yaml_of(Path(".github/workflows/ci.yml"))["jobs"].values()
    project = Path("pyproject.toml").read_text()
    declared = re.findall(r"Python :: (3\.\d+)", project)
    assert job["strategy"]["matrix"]["python"] == [declared[0], declared[-1]]
    assert f'requires-python = ">={declared[0]}"' in project
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"


def test_release_is_published_by_a_job_that_runs_no_code_of_ours() -> None:
    jobs = yaml_of(Path(".github/workflows/release.yml"))["jobs"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert [step["run"] for step in jobs["build"]["steps"] if "run" in step] == [
        'test "$GITHUB_REF_NAME" = "v$(uv version --short)"',
        "uv build --out-dir dist",
        ".ci/smoke-wheel dist",
    ]
    publish = jobs["publish"]
    assert publish["needs"] == ["ci", "build"]
    assert publish["environment"]
    assert publish["permissions"] == {"id-token": "write"}
    assert all("run" not in step for step in publish["steps"])
    assert not any("id-token" in str(jobs[name]) for name in ("ci", "build"))


def test_updates_are_looked_for_where_files_are() -> None:
    names = {"uv": "uv.lock", "npm": "package-lock.json"}
    names |= {"docker": "Dockerfile", "docker-compose": "docker-compose.yml"}
    updates = yaml_of(Path(".github/dependabot.yml"))["updates"]
    looked: dict[str, list[Path]] = {}
    for update in updates:
        assert update["groups"]
        assert update["schedule"]["interval"] == "weekly"
        folders = update.get("directories", [update.get("directory")])
        looked[update["package-ecosystem"]] = [Path(folder.lstrip("/")) for folder in folders]
    for ecosystem, name in names.items():
        assert all((folder / name).is_file() for folder in looked[ecosystem])
    assert looked["github-actions"] == [Path(), *Path(".github/actions").iterdir()]
    dockerfiles = [path for path in Path().glob("*/**/Dockerfile") if ".venv" not in path.parts]
    assert sorted(looked["docker"]) == sorted(path.parent for path in dockerfiles)
