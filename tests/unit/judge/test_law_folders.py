"""`harness check` of damaged folders: never green, never a traceback.

`python -m tests.law --subject folders` damages more of them, with another seed each time.
"""

from pathlib import Path
from random import Random

import pytest

from harness.errors import EXIT_PASS
from tests.law.folders import ALLOWED, check, violations
from tests.law.spoil import EVERY, UNCONTRADICTED, Spoil
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


def test_damaged_folder_is_never_green_and_never_a_traceback() -> None:
    spoils = [spoil for spoil in EVERY if spoil not in UNCONTRADICTED]
    assert list(violations(150, 0, spoils)) == []
