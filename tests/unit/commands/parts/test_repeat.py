"""The command line that makes a run again."""

from __future__ import annotations

import shlex
from argparse import Namespace

import pytest

from harness.cli import parser
from harness.commands.parts.repeat import repeat_command

WORKERS = (
    "load --expect-workers 3 --bind 10.0.0.5:5557 --worker-secret-file worker.secret"
    " --run-id nightly-7 --on-worker-loss continue"
)


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        ("", ""),
        ("smoke", " smoke"),
        ("--rate 20/s smoke --duration=30s", " smoke --rate 20/s --duration 30s"),
        ("smoke --out runs/7 --quiet --warn-only --json x.json", " smoke"),
        ("smoke --prometheus-header 'Authorization: secret' --baseline runs/6", " smoke"),
        (
            "smoke --dur 30s --diagnose never --bud=b.yaml --qui --jso x.json",
            " smoke --duration 30s --diagnose never --budgets b.yaml",
        ),
        ("smoke --budgets 'my budgets.yaml'", " smoke --budgets 'my budgets.yaml'"),
        ("--url https://me:secret@host:8/a@b", " --url https://host:8/a@b"),
        ("--expect-workers 2 --out runs/7", " --expect-workers 2"),
        (WORKERS, f" {WORKERS}"),
        ("--metrics http://h/1 --metrics http://h/2", " --metrics http://h/1 --metrics http://h/2"),
    ],
)
def test_command_that_repeats_a_run(given: str, repeated: str) -> None:
    words = ["run", *shlex.split(given)]
    options = parser(["run"]).parse_args(words)
    options.locustfile_arguments = ()
    assert repeat_command(options, words) == f"harness run{repeated}"


def test_arguments_of_the_locustfile_are_not_shown() -> None:
    options = Namespace(scenario=None, locustfile_arguments=("--password", "secret"))
    found = repeat_command(options, ["run", "--users", "5", "--", "--password", "secret"])
    assert found == "harness run --users 5 -- ..."
