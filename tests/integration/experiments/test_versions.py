"""Two versions of a service in real git repositories: what each is, and that nothing stays."""

import asyncio
import json
import os
import shutil
import sys
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.experiments.version import Version, VersionSide
from harness.experiments.versions import prepared_versions
from harness.observe.target import serve
from tests.integration.experiments.repository import (
    SERVICE,
    Repository,
    assert_nothing_left,
    copied,
    target_in,
)


async def ask(side: VersionSide, logs: Path) -> dict[str, Any]:
    """What the service of a side tells about itself."""
    async with serve(side.target, logs / f"{side.name}.log", side.url) as service:
        return await asyncio.to_thread(read, service.url)


def read(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        answers: dict[str, Any] = json.loads(answer.read())
    return answers


# --- what each version is -------------------------------------------------------------------------


async def test_versions_of_a_ref_and_the_working_tree_are_served_side_by_side(
    repository: Repository, place: Path, logs: Path
) -> None:
    repository.write("version.py", "VERSION = 'uncommitted'\n")
    repository.write("sample.db", "row\n" * 1000)
    before = repository.state()
    steps: list[str] = []
    target = target_in(repository.path)
    async with prepared_versions(
        target, Version(ref="topic"), Version(), logs, tell=steps.append
    ) as both:
        async with AsyncExitStack() as stack:
            answers = []
            for side in (both.baseline, both.candidate):
                service = await stack.enter_async_context(serve(side.target, logs / "target.log"))
                answers.append({**read(service.url), "url": service.url})
        folders = [side.target.directory for side in (both.baseline, both.candidate)]
    assert [one["version"] for one in answers] == ["two", "uncommitted"]
    assert [one["directory"] for one in answers] == [str(folder) for folder in folders]
    assert [one["VIRTUAL_ENV"] for one in answers] == [str(folder / ".venv") for folder in folders]
    assert [one["tool"] for one in answers] == [
        str(folder / ".venv/bin/tool") for folder in folders
    ]
    assert [one["NAME"] for one in answers] == ["sample-baseline", "sample-candidate"]
    assert all(one["rows"] < 1000 for one in answers)  # a database of its own
    assert len({one["url"] for one in answers}) == 2
    assert all(folder.parent.parent == place for folder in folders)
    heads = [repository.git("rev-parse", ref).strip() for ref in ("topic", "HEAD")]
    assert [both.baseline.commit, both.candidate.commit] == heads
    assert both.baseline.label == f"topic ({heads[0][:8]})"
    assert both.candidate.label == f"working tree ({heads[1][:8]}, 1 changed file)"
    assert both.notices == ()
    assert [step.split(":")[0] for step in steps] == [
        "checking out the baseline",
        "checking out the candidate",
        "setting up the baseline",
        "setting up the candidate",
    ]
    for folder, name in zip(folders, ("baseline", "candidate"), strict=True):
        log = (logs / f"{name}-setup.log").read_text()
        assert log.count(f"made {folder} sample-{name}") == 1
    assert repository.state() == before
    assert_nothing_left(repository, place)


async def test_changed_lines_of_the_candidate_are_those_of_git_diff(
    repository: Repository, logs: Path
) -> None:
    repository.git("switch", "--quiet", "topic")
    repository.write("größe 1.py", "def new():\n    return 1\n")
    repository.write(
        "service.py", "\n" + SERVICE.replace("send_response(200)", "send_response(201)")
    )
    repository.git("rm", "--quiet", "setup.py")
    before = repository.state()
    target = target_in(repository.path, setup=None)
    async with prepared_versions(target, Version(ref="main"), Version(), logs) as both:
        found = both.changes
        folders = [str(side.target.directory) for side in (both.baseline, both.candidate)]
    assert found is not None
    assert [found.baseline, found.candidate] == folders
    lines = {one.path: [(each.first, each.last) for each in one.lines] for one in found.files}
    assert lines == {"größe 1.py": [(1, 2)], "service.py": [(1, 1), (9, 9)], "version.py": [(1, 1)]}
    functions = {one.path: [each.name for each in one.functions] for one in found.files}
    assert functions == {"größe 1.py": ["new"], "service.py": ["do_GET"], "version.py": []}
    assert repository.state() == before  # no note of the new file in its index


async def test_versions_of_two_refs_leave_the_working_tree_out(
    repository: Repository, place: Path, logs: Path
) -> None:
    repository.write("version.py", "broken(")
    target = target_in(repository.path)
    async with prepared_versions(target, Version(ref="main"), Version(ref="topic"), logs) as both:
        folders = [side.target.directory for side in (both.baseline, both.candidate)]
        text = [(folder / "version.py").read_text() for folder in folders]
    assert text == ["VERSION = 'one'\n", "VERSION = 'two'\n"]
    assert both.changes is not None
    assert [one.path for one in both.changes.files] == ["version.py"]
    assert_nothing_left(repository, place)


async def test_versions_run_with_their_own_commands_and_environments(
    repository: Repository, logs: Path
) -> None:
    repository.write("other.py", SERVICE.replace("VERSION,", "'other',"))
    baseline = Version(ref="main", environment={"LEVEL": "debug"})
    candidate = Version(command=f"{sys.executable} other.py {{port}}")
    async with prepared_versions(target_in(repository.path), baseline, candidate, logs) as both:
        answers = await asyncio.gather(ask(both.baseline, logs), ask(both.candidate, logs))
    assert [(one["version"], one["LEVEL"]) for one in answers] == [
        ("one", "debug"),
        ("other", "info"),
    ]


async def test_versions_of_a_folder_below_the_root_run_there(
    repository: Repository, logs: Path
) -> None:
    for name in ("service.py", "setup.py", "version.py"):
        repository.write(f"services/api/{name}", (repository.path / name).read_text())
    repository.commit()
    link = repository.path.parent / "link"
    link.symlink_to(repository.path)
    target = target_in(link / "services" / "api")
    async with prepared_versions(target, Version(ref="HEAD"), Version(), logs) as both:
        directory = both.candidate.target.directory
        assert (directory / ".venv" / "bin" / "tool").exists()
    assert directory.parts[-3:] == ("candidate", "services", "api")
    assert both.candidate.target.environment["VIRTUAL_ENV"] == str(directory / ".venv")


def change_everything(repository: Repository) -> None:
    """Each kind of change, on top of a commit that has something to change."""
    folder = repository.path
    for name in ("edited", "staged", "deleted", "removed", "moved", "script", "typed", "deep/a/b"):
        repository.write(name, f"{name} before")
    repository.write("becomes-folder", "a file")
    repository.write("becomes-file/inner", "in a folder")
    repository.write("becomes-link/inner", "in a folder")
    repository.commit()
    repository.write("edited", "edited after")
    repository.write("staged", "staged after")
    repository.git("add", "staged")
    repository.write("staged", "staged, and edited after")
    (folder / "deleted").unlink()
    repository.git("rm", "--quiet", "removed")
    repository.git("mv", "moved", "gone to")
    (folder / "script").chmod(0o755)
    (folder / "typed").unlink()
    (folder / "typed").symlink_to("edited")
    shutil.rmtree(folder / "deep")
    (folder / "becomes-folder").unlink()
    repository.write("becomes-folder/inner/most", "in a folder")
    shutil.rmtree(folder / "becomes-file")
    repository.write("becomes-file", "a file")
    shutil.rmtree(folder / "becomes-link")
    (folder / "becomes-link").symlink_to("becomes-folder/inner")
    repository.write("untracked/ü b\n", "untracked")
    repository.write("added", "added")
    repository.git("add", "added")
    repository.git("rm", "--quiet", "--cached", "version.py")
    (folder / "broken link").symlink_to("nowhere")
    (folder / os.fsdecode(b"latin-\xfc")).write_text("no UTF-8")


def content(folder: Path) -> dict[str, tuple[str, bool]]:
    """Files and links by path: what is in them, and whether they can be executed."""
    found = {}
    for place, folders, files in os.walk(folder):
        here = Path(place)
        links = [name for name in folders if (here / name).is_symlink()]
        for path in (here / name for name in (*files, *links) if name != ".git"):
            text = f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
            found[str(path.relative_to(folder))] = text, bool(path.lstat().st_mode & 0o100)
        folders[:] = [name for name in folders if name != ".git"]
    return found


async def test_candidate_without_a_ref_is_a_copy_of_the_working_tree(
    repository: Repository, logs: Path
) -> None:
    change_everything(repository)
    expected = content(repository.path)
    repository.write("sample.db", "ignored")
    before = repository.state()
    target = target_in(repository.path, setup=None)
    async with prepared_versions(target, Version(ref="topic"), Version(), logs) as both:
        assert content(both.candidate.target.directory) == expected
        repository.write("edited", "while they are compared")
        assert content(both.candidate.target.directory) == expected
    assert repository.state()[1:] == before[1:]
    assert repository.state()[0].keys() == before[0].keys()


async def test_candidate_has_no_nested_repository_and_a_notice_about_it(
    repository: Repository, template: Path, logs: Path
) -> None:
    copied(template, repository.path / "nested")
    async with prepared_versions(
        target_in(repository.path), Version(ref="main"), Version(), logs
    ) as both:
        assert not (both.candidate.target.directory / "nested").exists()
    assert both.notices == ("nested/ is a nested repository: not in the candidate",)


@pytest.mark.parametrize("checked_out", [False, True], ids=["empty", "checked out by the setup"])
async def test_versions_have_a_notice_about_submodules_without_files(
    repository: Repository, logs: Path, checked_out: bool
) -> None:
    commit = repository.git("rev-parse", "HEAD").strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/lib")
    repository.git("commit", "--quiet", "--message", "a submodule")
    setup = "mkdir -p vendor/lib/src .venv/bin" if checked_out else "mkdir -p .venv/bin"
    target = target_in(repository.path, setup=setup)
    async with prepared_versions(target, Version(ref="main~1"), Version(), logs) as both:
        pass
    expected = (
        "submodule vendor/lib is empty: the setup of the target can check it out, e.g."
        " `setup: git submodule update --init`"
    )
    assert both.notices == (() if checked_out else (expected,))


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "changed"])
async def test_versions_of_the_same_commit_have_a_notice_if_the_tree_is_clean(
    repository: Repository, logs: Path, clean: bool
) -> None:
    if not clean:
        repository.write("version.py", "VERSION = 'three'\n")
    async with prepared_versions(
        target_in(repository.path), Version(ref="main"), Version(), logs
    ) as both:
        pass
    commit = repository.git("rev-parse", "main")[:8]
    same = f"both sides are commit {commit}: every difference is noise"
    assert both.notices == ((same,) if clean else ())


async def test_versions_without_setup_have_a_notice_about_their_packages(
    repository: Repository, logs: Path
) -> None:
    target = target_in(repository.path, setup=None)
    async with prepared_versions(target, Version(ref="main"), Version(ref="topic"), logs) as both:
        assert both.candidate.target.setup is None
    (notice,) = both.notices
    assert "the target has no setup: the versions lack what git ignores" in notice


async def test_versions_in_a_git_hook_use_the_repository_of_the_target(
    repository: Repository,
    template: Path,
    tmp_path: Path,
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = copied(template, tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    repository.write("version.py", "VERSION = 'uncommitted'\n")
    async with prepared_versions(
        target_in(repository.path), Version(ref="topic"), Version(), logs
    ) as both:
        text = (both.candidate.target.directory / "version.py").read_text()
    assert text == "VERSION = 'uncommitted'\n"


async def test_versions_run_no_hooks(repository: Repository, logs: Path) -> None:
    hook = repository.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch hooked\nexit 1\n")
    hook.chmod(0o755)
    async with prepared_versions(
        target_in(repository.path), Version(ref="topic"), Version(), logs
    ) as both:
        assert not (both.baseline.target.directory / "hooked").exists()


# --- versions that need no checkout ---------------------------------------------------------------


async def test_versions_without_refs_run_in_the_working_tree(tmp_path: Path, logs: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "version.py").write_text("VERSION = 'only'\n")
    target = target_in(tmp_path, setup="false")
    candidate = Version(environment={"LEVEL": "debug"})
    async with prepared_versions(target, Version(), candidate, logs) as both:
        answers = await asyncio.gather(ask(both.baseline, logs), ask(both.candidate, logs))
    assert [one["directory"] for one in answers] == [str(tmp_path)] * 2
    assert [one["LEVEL"] for one in answers] == ["info", "debug"]
    assert [one["NAME"] for one in answers] == ["sample-baseline", "sample-candidate"]
    assert both.candidate.label == "working tree, with LEVEL"
    assert (both.notices, both.candidate.commit) == ((), None)


async def test_versions_by_url_are_the_running_services(repository: Repository, logs: Path) -> None:
    target = target_in(repository.path)
    async with serve(target, logs / "target.log") as service:
        baseline, candidate = Version(url=service.url), Version(url=f"{service.url}/v2")
        async with prepared_versions(target, baseline, candidate, logs) as both:
            answers = [await ask(side, logs) for side in (both.baseline, both.candidate)]
        assert [one["version"] for one in answers] == ["one", "one"]
        assert answers[0]["NAME"] == "sample-candidate"  # alone, a service is the candidate
        assert [both.baseline.label, both.candidate.label] == [service.url, f"{service.url}/v2"]
