"""Output that is full or closed, and reports that cannot be written: the verdict stands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from harness.cli import main
from tests.unit.commands.stored_latency import stored_run


def shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A shell that runs the command `harness` and prints its exit code."""
    text = f'harness() {{ "{sys.executable}" -m harness "$@"; }}\n{line}'
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB")}
    return subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=inherited,
        capture_output=True,
        text=True,
        check=False,
    )


FULL = "error: cannot write to the standard output: No space left on device\n"
NO_HISTORY = "error: . is a run itself\nhint: name the folder above it: .\n"


def _untraced(*case: str) -> ParameterSet:
    return pytest.param(*case, marks=pytest.mark.untraced)


@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        ("harness check run > /dev/full; echo $?", "3\n", FULL),
        ("harness check run >&-; echo $?", "3\n", ""),
        _untraced("harness check run > /dev/full 2>&1; echo $?", "3\n", ""),
        _untraced("harness check run >&- 2>&- <&-; echo $?", "3\n", ""),
        _untraced("{ harness check run; echo $? >&2; } | true", "", "3\n"),
        ("harness --help > /dev/full; echo $?", "0\n", ""),
        ("harness --help >&-; echo $?", "0\n", ""),
        _untraced("harness history . > /dev/full; echo $?", "2\n", NO_HISTORY),
    ],
    ids=lambda value: value if value.startswith(("harness", "{")) else "",
)
def test_exit_code_is_that_of_the_verdict_whatever_becomes_of_the_output(
    tmp_path: Path, line: str, out: str, err: str
) -> None:
    folder = stored_run(tmp_path / "run")
    if "history" in line:
        tmp_path = folder
    result = shell(line, tmp_path)
    assert (result.stdout, result.stderr) == (out, err)


@pytest.mark.untraced
def test_export_whose_output_is_full_is_an_error(tmp_path: Path) -> None:
    stored_run(tmp_path / "run")
    line = (
        "harness check run --quiet --json run/results.json; "
        "harness export run --to bencher > /dev/full; echo $?"
    )
    result = shell(line, tmp_path)
    assert (result.stdout.splitlines()[-1], result.stderr) == ("2", FULL)


@pytest.mark.untraced
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_export_is_utf_8_whatever_the_terminal_takes(tmp_path: Path, encoding: str) -> None:
    stored_run(tmp_path / "run", service="Café")
    line = (
        "harness check run --quiet --json run/results.json > /dev/null; "
        f"PYTHONIOENCODING={encoding} harness export run --to bencher > data"
    )
    result = shell(line, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert list(json.loads((tmp_path / "data").read_bytes())) == ["Café smoke"]


@pytest.mark.untraced
def test_export_of_a_folder_whose_name_is_not_unicode_is_that_of_a_file(tmp_path: Path) -> None:
    stored_run(tmp_path / os.fsdecode(b"run-\xff"))
    line = (
        "run=$(printf 'run-\\377'); harness check $run --json $run/results.json > /dev/null; "
        "harness export $run --to otava-csv --out file && "
        "harness export $run --to otava-csv > data"
    )
    result = shell(line, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    data = (tmp_path / "data").read_text()
    assert data == (tmp_path / "file").read_text()
    assert ",run-?," in data


def harness(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("option", ["--json", "--junit-xml", "--markdown", "--html"])
def test_report_that_cannot_be_written_does_not_replace_a_breach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    folder = stored_run(tmp_path / "run")
    (tmp_path / "file").touch()
    copy = tmp_path / "file" / "report"
    assert harness("check", folder, option, copy) == 3
    shown = capsys.readouterr()
    assert "FAIL: 1 budget breached (exit code 3)" in shown.out
    assert shown.err == f"error: cannot write {copy}: Not a directory\n"


@pytest.mark.parametrize("command", ["run", "compare", "selftest"])
def test_copy_of_a_report_is_checked_before_the_load(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = stored_run(tmp_path / "run")
    text = (folder / "budgets.yaml").read_text().replace("max: 1ms", "max: 1ms, max_regression: 5%")
    case = "selftest: {slow: {environment: {SLOW: '1'}, breaks: [p95]}}\n"
    Path("budgets.yaml").write_text(text + case)
    Path("smoke.py").touch()
    more = {"compare": ("--baseline-environment", "A=b")}.get(command, ())
    assert harness(command, *more, "--markdown", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: cannot write {tmp_path}: Is a directory\n")
    assert not Path("runs").exists()
    assert not list(tmp_path.glob("*.part"))


def test_step_summary_that_cannot_be_written_is_said_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stored_run(tmp_path / "run")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "summary.md"))
    assert harness("check", folder) == 3
    assert capsys.readouterr().err == (
        f"note: cannot write the step summary {tmp_path}/absent/summary.md: "
        "No such file or directory\n"
    )


def test_report_into_a_device_does_not_replace_the_device(tmp_path: Path) -> None:
    folder = stored_run(tmp_path / "run")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)
    assert harness("check", folder, "--quiet", "--markdown", pipe) == 3
    assert b"FAIL" in os.read(reader, 2**16)
    os.close(reader)
    assert pipe.is_fifo()
    assert not list(tmp_path.glob("*.part"))
