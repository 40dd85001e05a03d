"""The lint rules of the project find what they are for."""

import subprocess
import sys

import pytest

SOURCE = '''"""A module."""

import sys

{line}
'''


def findings(path: str, line: str) -> list[str]:
    """The rules that a line in a file of this path breaks."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise"]
    result = subprocess.run(
        [*command, f"--stdin-filename={path}", "-"],
        input=SOURCE.format(line=line),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (one for one in result.stdout.splitlines() if one.startswith(path))
    return [one.split()[1] for one in lines]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('sys.stdout.write("x")', "TID251"),
        ('sys.stderr.write("x")', "TID251"),
        ("sys.exit(3)", "TID251"),
        ("print(sys.path)", "T201"),
    ],
)
def test_only_one_module_prints_and_one_exits(line: str, rule: str) -> None:
    assert findings("harness/judge/other.py", line) == [rule]


def test_command_line_may_print_and_exit() -> None:
    assert findings("harness/commands/parts/outputs.py", 'sys.stdout.write("x")') == []
    assert findings("harness/cli.py", "sys.exit(3)") == []
