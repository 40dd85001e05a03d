"""INT and TERM while a run is judged, and while its reports are written."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness.commands.run
from harness.cli import main
from harness.commands.parts import verdict
from harness.runs.folder import RunFolder, read_manifest
from tests.unit.commands.stored_latency import budgets, stored_run

NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def signalled(number: int) -> Callable[..., Any]:
    def during(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)

    return during


@NUMBERS
@pytest.mark.parametrize(
    ("phase", "kept"),
    [
        ("judge", []),
        ("summary_markdown", ["results.json", "junit.xml"]),
        (
            "console_report",
            ["results.json", "junit.xml", "summary.md", "comment.md", "report.html"],
        ),
    ],
)
def test_signal_while_judging_is_an_interrupt_that_leaves_whole_files(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    phase: str,
    kept: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budgets.yaml").write_text(budgets())
    (tmp_path / "smoke.py").touch()
    folder = RunFolder(stored_run(tmp_path / "run"))
    before = {path.name for path in folder.path.iterdir()}
    of_run = harness.commands.run
    monkeypatch.setattr(of_run, "new_run_folder", lambda *_: folder)
    monkeypatch.setattr(of_run, "_measure", lambda *_, **__: read_manifest(folder))
    monkeypatch.setattr(verdict, phase, signalled(number))
    with pytest.raises(SystemExit) as ended:
        main(["run"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == (
        f"interrupted; `harness check {folder.path}` judges what was measured\n"
    )
    left = {path.name for path in folder.path.iterdir()} - before
    assert left == set(kept)
    assert all((folder.path / name).stat().st_size for name in left)


@NUMBERS
def test_signal_during_check_is_an_interrupt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    folder = stored_run(tmp_path / "run")
    monkeypatch.setattr(verdict, "judge", signalled(number))
    with pytest.raises(SystemExit) as ended:
        main(["check", str(folder)])
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_exit_codes_are_known_where_the_caller_ignores_child_processes() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit):
            main(["--version"])
        assert subprocess.run(["false"], check=False).returncode == 1
    finally:
        signal.signal(signal.SIGCHLD, before)
