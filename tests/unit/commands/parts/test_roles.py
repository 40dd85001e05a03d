"""From where `harness render` knows what plays each role."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import by_default, recognise
from harness.budgets.model import Plan, Target
from harness.commands.parts.roles import KnownRoles, roles_of
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
    found, known, *_ = roles_of(PLAN, None, tmp_path)
    assert found == by_default()
    assert "--url" in known


def test_newest_run_of_the_service_comes_before_the_default(tmp_path: Path) -> None:
    store(tmp_path / "old", "spring", age=100)
    store(tmp_path / "new", "go", age=1)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    found, known, *_ = roles_of(PLAN, None, tmp_path)
    assert found == recognise(exposed("go"))
    assert known == f"in {tmp_path / 'new'}"
    assert roles_of(replace(PLAN, service="other"), None, tmp_path)[0] == by_default()


def test_named_dialect_comes_before_a_run(tmp_path: Path) -> None:
    store(tmp_path / "run", "go", age=1)
    target = replace(TARGET, dialects=("spring",))
    found, known, *_ = roles_of(replace(PLAN, target=target), None, tmp_path)
    limit = found[MetricRole.POOL_LIMIT]
    assert limit is not None
    assert limit.metric == "hikaricp_connections_max"
    assert known == "by target.dialect"


OWN_NAMES = {
    "metric": "shop_http_request_duration_seconds",
    "route": "handler",
    "status": "code",
    "method": "method",
}


def rendered_for(target: Target, runs: Path) -> KnownRoles:
    return roles_of(replace(PLAN, target=target), None, runs)


def test_names_that_a_service_chose_are_read_from_the_file_with_and_without_runs(
    tmp_path: Path,
) -> None:
    target = replace(TARGET, dialects=("promhttp", "go"), requests=OWN_NAMES)
    before = rendered_for(target, tmp_path)
    store(tmp_path / "run", "go", age=1)
    after = rendered_for(target, tmp_path)
    assert after.found == before.found
    assert (before.doubt, after.doubt) == ("", "")
    latency = after.found[MetricRole.SERVER_LATENCY]
    assert latency is not None
    assert latency.metric == "shop_http_request_duration_seconds"
    assert latency.labels == {"route": "handler", "method": "method", "status": "code"}
    assert after.found[MetricRole.IN_FLIGHT] is None


def test_requests_without_a_dialect_or_a_run_come_before_the_default(tmp_path: Path) -> None:
    target = replace(TARGET, requests={"metric": "shop_answers_total", "status": "code"})
    found, known, *_ = rendered_for(target, tmp_path)
    errors = found[MetricRole.ERRORS]
    assert errors is not None
    assert (errors.metric, errors.where) == ("shop_answers_total", {"code": "~5.."})
    assert found[MetricRole.SERVER_LATENCY] is None  # a counter has no times
    assert known == "by target.requests"


def test_doubt_about_a_generic_dialect_without_a_run(tmp_path: Path) -> None:
    doubt = rendered_for(replace(TARGET, dialects=("go", "promhttp")), tmp_path).doubt
    assert "the names of dialect promhttp are a guess" in doubt
    assert rendered_for(replace(TARGET, dialects=("spring",)), tmp_path).doubt == ""


def test_doubt_names_what_the_newest_run_found_and_what_to_write(tmp_path: Path) -> None:
    store(tmp_path / "run", "go", age=1)
    doubt = rendered_for(replace(TARGET, dialects=("promhttp",)), tmp_path).doubt
    assert (
        f"in {tmp_path / 'run'} found the histogram shop_http_request_duration_seconds{{" in doubt
    )
    given = ", ".join(f"{key}: {value}" for key, value in OWN_NAMES.items())
    assert f"write `requests: {{{given}}}` under target" in doubt


def test_doubt_about_a_summary_and_about_a_dialect_that_no_run_found(tmp_path: Path) -> None:
    store(tmp_path / "run", "spring", age=1)
    doubt = rendered_for(replace(TARGET, dialects=("spring",)), tmp_path).doubt
    assert "found the summary http_server_requests_seconds{" in doubt
    assert "render with --url" in doubt
    assert "requests: {" not in doubt  # which would say nothing of a summary
    doubt = rendered_for(replace(TARGET, dialects=("litestar",)), tmp_path).doubt
    assert doubt.endswith("found no metric of dialect litestar")


@pytest.mark.parametrize(
    ("exposition", "dialect"),
    [("fastapi-instrumentator", "prometheus-fastapi-instrumentator"), ("litestar", "litestar")],
)
def test_no_doubt_where_a_run_found_the_names_of_the_library(
    exposition: str, dialect: str, tmp_path: Path
) -> None:
    store(tmp_path / "run", exposition, age=1)
    assert rendered_for(replace(TARGET, dialects=(dialect,)), tmp_path).doubt == ""
