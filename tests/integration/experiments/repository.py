"""A small service in a git repository."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.budgets.model import Target

SERVICE = """\
import http.server, json, os, shutil, sys
from version import VERSION

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("sample.db", "a") as database:
            database.write("row\\n")
        self.send_response(200)
        self.end_headers()
        told = {name: os.environ.get(name) for name in ("VIRTUAL_ENV", "NAME", "LEVEL")}
        told |= {"version": VERSION, "rows": open("sample.db").read().count("row")}
        told |= {"tool": shutil.which("tool"), "directory": os.getcwd()}
        self.wfile.write(json.dumps(told).encode())

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
SETUP = """\
import os, pathlib
assert not os.environ.get("VIRTUAL_ENV"), "the environment of another"
programs = pathlib.Path(".venv/bin")
programs.mkdir(parents=True)
(programs / "tool").touch(0o755)
print("made", os.getcwd(), os.environ["NAME"], flush=True)
"""


class Repository:
    """A working tree."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        result = subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=True)
        return result.stdout

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a commit")

    def state(self) -> tuple[dict[str, tuple[int, int]], bytes, str]:
        """Everything in the folder, and what git knows of it."""
        files = {
            str(path.relative_to(self.path)): (path.lstat().st_mode, path.lstat().st_mtime_ns)
            for path in self.path.rglob("*")
            if ".git" not in path.relative_to(self.path).parts
        }
        index = (self.path / ".git" / "index").read_bytes()
        return files, index, self.git("for-each-ref") + self.git("stash", "list")


def copied(template: Path, path: Path) -> Repository:
    shutil.copytree(template, path)
    return Repository(path)


def target_in(directory: Path, **changes: Any) -> Target:
    target = Target(
        url="http://127.0.0.1:{port}",
        command=f"{sys.executable} service.py {{port}}",
        setup=f"{sys.executable} setup.py",
        ready="/",
        environment={"NAME": "sample-{side}", "LEVEL": "info"},
        directory=directory,
    )
    return replace(target, **changes)


def assert_worktrees(repository: Repository, paths: list[Path]) -> None:
    words = repository.git("worktree", "list", "--porcelain").split()
    assert [word for word in words if word.startswith("/")] == [str(path) for path in paths]


def assert_nothing_left(repository: Repository, place: Path) -> None:
    assert_worktrees(repository, [repository.path])
    assert not list((repository.path / ".git").glob("worktrees/*"))
    assert list(place.iterdir()) == []
