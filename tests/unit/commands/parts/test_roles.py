"""From where `harness render` knows what plays each role."""

import os
from dataclasses import replace
from pathlib import Path

from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import by_default, recognise
from harness.budgets.model import Plan, Target
from harness.commands.parts.roles import roles_of
from harness.names import ROLES
from harness.runs.folder import RunFolder
from tests.unit.budgets.dialects.test_recognise import exposed
from tests.unit.judge.evidence import manifest

TARGET = Target("http://127.0.0.1:8000")
PLAN = Plan("sample-app", TARGET, {}, (), Path("budgets.yaml"), "")


def store(folder: Path, exposition: str, age: float) -> None:
    folder.mkdir(parents=True)
    made = manifest()
    target = {**made.target, ROLES: recognise(exposed(exposition)).as_json()}
    RunFolder(folder).write_manifest(made.model_copy(update={"target": target}))
    os.utime(folder / "run.json", (1e9 - age, 1e9 - age))


def test_nothing_known_is_opentelemetry(tmp_path: Path) -> None:
    found, known, _ = roles_of(PLAN, None, tmp_path)
    assert found == by_default()
    assert "--url" in known


def test_newest_run_of_the_service_comes_before_the_default(tmp_path: Path) -> None:
    store(tmp_path / "old", "spring", age=100)
    store(tmp_path / "new", "go", age=1)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    found, known, _ = roles_of(PLAN, None, tmp_path)
    assert found == recognise(exposed("go"))
    assert known == f"in {tmp_path / 'new'}"
    assert roles_of(replace(PLAN, service="other"), None, tmp_path)[0] == by_default()


def test_named_dialect_comes_before_a_run(tmp_path: Path) -> None:
    store(tmp_path / "run", "go", age=1)
    target = replace(TARGET, dialects=("spring",))
    found, known, _ = roles_of(replace(PLAN, target=target), None, tmp_path)
    limit = found[MetricRole.POOL_LIMIT]
    assert limit is not None
    assert limit.metric == "hikaricp_connections_max"
    assert known == "by target.dialect"
