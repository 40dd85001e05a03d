"""`harness check` of damaged folders: never green, never a traceback.

`python -m tests.law --subject folders` damages more of them, with another seed each time.
"""

import json
from pathlib import Path
from random import Random

import pytest

from harness.errors import EXIT_INCONCLUSIVE, EXIT_PASS
from harness.names import MANIFEST_FILE
from tests.law.folders import ALLOWED, check, violations
from tests.law.spoil import EVERY, Spoil
from tests.law.stored import NOT_GREEN, healthy, not_green


def test_run_that_is_not_damaged_passes(tmp_path: Path) -> None:
    assert check(tmp_path, healthy()) == EXIT_PASS


@pytest.mark.parametrize("name", NOT_GREEN)
def test_run_of_the_law_is_not_green_before_it_is_damaged(tmp_path: Path, name: str) -> None:
    assert check(tmp_path, not_green()[name]) in ALLOWED


@pytest.mark.parametrize("spoil", EVERY, ids=lambda spoil: spoil.__name__)
def test_every_damage_changes_files(spoil: Spoil) -> None:
    chance, files = Random(1), not_green()["slow answers of one of two workers"]
    assert any(spoil(chance, files) != files for _ in range(10))


def test_preset_whose_roles_are_lost_does_not_read_the_metric_of_another_library(
    tmp_path: Path,
) -> None:
    files = not_green()["full pool of a library"]
    run = json.loads(files[MANIFEST_FILE])
    del run["target"]["roles"]
    spoiled = {**files, MANIFEST_FILE: json.dumps(run).encode()}
    assert check(tmp_path, spoiled) == EXIT_INCONCLUSIVE


@pytest.mark.untraced
def test_damaged_folder_is_never_green_and_never_a_traceback() -> None:
    assert list(violations(150, 0)) == []
