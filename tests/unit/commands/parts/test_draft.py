"""The files of `harness init` before they are written, and its error without an operation."""

from pathlib import Path

import pytest

from harness.commands.parts import trial_run
from harness.commands.parts.draft import Draft, nothing_called
from harness.commands.parts.trial_run import TrialRun
from harness.init.budgets_file import TargetText
from harness.init.model import LoadTask, Operation, Selection, Skipped
from harness.init.reasons import NEEDS_LOGIN

OUTPUT = "\nIts last output:\n    KeyError: 'secret'"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("it answered 500", True),
        ("it answered 503", True),
        ("it answered 404 to the example", False),
    ],
)
def test_output_of_a_service_that_answers_5xx_is_shown(reason: str, shown: bool) -> None:
    error = nothing_called(Selection((), (Skipped("GET /a", reason),), "x"), OUTPUT)
    assert error.message.startswith(f"no operation can be called:\n  {reason}:\n      GET /a")
    assert error.message.endswith(OUTPUT) is shown


@pytest.mark.parametrize(
    ("reasons", "hint"),
    [
        ([f"{NEEDS_LOGIN}: set API_TOKEN"], "set these environment variables"),
        ([f"{NEEDS_LOGIN}: set API_TOKEN", "it answered 500"], "repair what these reasons name"),
    ],
)
def test_hint_names_the_log_in_only_where_every_operation_needs_it(
    reasons: list[str], hint: str
) -> None:
    skipped = tuple(Skipped(f"GET /{reason}", reason) for reason in reasons)
    assert nothing_called(Selection((), skipped, "x")).hint.startswith(hint)


@pytest.mark.parametrize("disturbed", ["", "the threads of the service waited 400 ms for a CPU"])
def test_bounds_that_were_measured_on_a_busy_machine_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disturbed: str
) -> None:
    selection = Selection((LoadTask(Operation("get", "/a", "get_a"), "list", 1),), (), "x")
    target = TargetText("shop", "http://127.0.0.1:1")
    monkeypatch.setattr(trial_run, "trial_run", lambda *_: TrialRun({}, {}, 0.5, disturbed))
    draft = Draft(selection, target, "load", host="http://127.0.0.1:1", families={}, seconds=5)
    draft.measure(tmp_path / "budgets.yaml", tmp_path)
    expected = f"the machine was busy: {disturbed}, so the rate is low" if disturbed else ""
    assert draft.disturbed.startswith(expected)
    assert bool(draft.disturbed) is bool(disturbed)
    head = " ".join(line.strip("# ") for line in draft.budgets().splitlines())
    assert ("Measured while the machine was busy" in head) is bool(disturbed)
