"""Every planted regression has a self-test, promises what that promises, and costs nothing off."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.parse.parse import parse_plan
from sample_app.regressions.catalogue import REGRESSIONS, plant
from sample_app.settings import Settings

BUDGETS = Path("budgets.yaml")
PLAN = parse_plan(BUDGETS.read_text(), BUDGETS, {}, date(2026, 11, 20))


def test_every_regression_has_a_case_and_every_case_a_regression() -> None:
    planted = {c.environment["SAMPLE_APP_REGRESSIONS"]: c for c in PLAN.selftests.values()}
    assert list(planted) == list(REGRESSIONS)
    assert len(planted) >= 25


@pytest.mark.parametrize("name", REGRESSIONS)
def test_docstring_of_a_regression_names_the_budgets_that_must_notice(name: str) -> None:
    text = REGRESSIONS[name].__doc__ or ""
    promised = re.findall(r"`([a-z0-9-]+)`", text.partition("Noticed by")[2])
    assert tuple(promised) == PLAN.selftests[name].breaks
    assert "Noticed by" in text


def test_unknown_regression_refuses_to_start_and_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no regression 'n_plus_two'; known: n_plus_one, "):
        plant(Settings(_env_file=None, regressions="slow_query,n_plus_two"), _ignore)


def test_regressions_in_production_are_refused() -> None:
    with pytest.raises(ValueError, match="SAMPLE_APP_REGRESSIONS plants mistakes"):
        Settings.model_validate(
            {
                "environment": "production",
                "regressions": "n_plus_one",
                "seed": {"rows": 0},
                "auth": {"secret": "x" * 32},
            }
        )


def test_several_regressions_are_planted_together() -> None:
    settings = Settings(_env_file=None, regressions=" cold_cache , small_pool ")
    planted = plant(settings, _ignore)
    assert (planted.cache.ttl, planted.database.pool_size) == (0.0, 1)
    assert planted.seed == settings.seed


@pytest.mark.untraced
def test_service_without_regressions_imports_none() -> None:
    code = (
        "import sys, sample_app.main\n"
        "found = [name for name in sys.modules if 'sample_app.regressions' in name]\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr


def _ignore(owner: object, name: str, value: object, /) -> None:
    """Plants nothing."""
