"""`harness diagnose` of a stored run: which budgets it explains, and what it calls them."""

from pathlib import Path

import pytest

from harness import names
from tests.unit.commands.stored import BUDGETS, exit_of, stored_run


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        pytest.param("max: 1%", "FAIL errors", id="breached"),
        pytest.param("max: 33%", "INCONCLUSIVE errors", id="beyond the bound, but not certainly"),
        pytest.param("max: 1%, severity: warn", "no budget failed", id="only warns"),
        pytest.param("max: 50%", "no budget failed", id="met"),
    ],
)
def test_explained_budgets_have_the_outcome_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: str, title: str
) -> None:
    run = stored_run(tmp_path / "run", BUDGETS.replace("max: 1%", changed))
    run.file(names.DIAGNOSIS_FOLDER).mkdir()  # it was recorded; nothing was found
    assert exit_of("diagnose", run.path) == 0
    assert capsys.readouterr().err.splitlines()[1:3] == ["", title]
